package archs

import "github.com/outcrop-lab/outcrop/compute"

// GEGLU is W_down (GELU(W_gate x) * W_up x), with GELU computed by erf (arXiv 2002.05202).
type GEGLU struct{ GatedExpansion }

func (*GEGLU) form() (compute.Activation, bool) { return compute.GELU, true }
