package archs

import "github.com/outcrop-lab/outcrop/compute"

// GELU is W_down (h Phi(h)) with h = W_up x, where Phi is computed by erf (arXiv 1606.08415).
type GELU struct{ Expansion }

func (*GELU) form() (compute.Activation, bool) { return compute.GELU, false }
