package archs

import "github.com/outcrop-lab/outcrop/compute"

// SwiGLU is W_down (SiLU(W_gate x) * W_up x) (arXiv 2002.05202).
type SwiGLU struct{ GatedExpansion }

func (*SwiGLU) form() (compute.Activation, bool) { return compute.SiLU, true }
