package archs

import "github.com/outcrop-lab/outcrop/compute"

// GELU is W_down (h Phi(h)), h = W_up x, with erf (arXiv 1606.08415).
type GELU struct{ Expansion }

func (*GELU) form() (compute.Activation, bool) { return compute.GELU, false }
