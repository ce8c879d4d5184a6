package archs

import "github.com/outcrop-lab/outcrop/compute"

// Softmax is w_ij = exp(s_ij)/sum_k exp(s_ik) (arXiv 1706.03762).
type Softmax struct {
	parameterless
	plain
}

func (*Softmax) weigh(Config, *compute.Attention) {}
func (*Softmax) normalised() bool                 { return true }
