package archs

import "github.com/outcrop-lab/outcrop/compute"

// GELUTanh is GELU by its approximation with tanh, which is GPT-2's (arXiv 1606.08415).
type GELUTanh struct{ Expansion }

func (*GELUTanh) form() (compute.Activation, bool) { return compute.GELUTanh, false }
