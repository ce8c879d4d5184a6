package archs

import "github.com/outcrop-lab/outcrop/compute"

// GELUTanh is GELU with Phi approximated by tanh, as in GPT-2 (arXiv 1606.08415).
type GELUTanh struct{ Expansion }

func (*GELUTanh) form() (compute.Activation, bool) { return compute.GELUTanh, false }
