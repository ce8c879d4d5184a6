package archs

import "github.com/outcrop-lab/outcrop/compute"

// ReLUAttention is w_ij = max(s_ij, 0)/i (arXiv 2410.13835). Positions i are counted from 1 and include the registers.
type ReLUAttention struct {
	parameterless
	plain
}

func (*ReLUAttention) weigh(_ Config, a *compute.Attention) { a.Weights = compute.ReLURows }
func (*ReLUAttention) normalised() bool                     { return false }
