package archs

import "github.com/outcrop-lab/outcrop/compute"

// SinkLogit is w_ij = exp(s_ij)/(exp(b_h) + sum_k exp(s_ik)), with a learned b_h per head. It acts like an extra slot
// with score b_h and value 0. At b_h = 0, where it starts, SinkLogit equals Softmax1.
type SinkLogit struct{ parameterless }

func (*SinkLogit) weigh(Config, *compute.Attention) {}
func (*SinkLogit) logit(b *builder, name string) node {
	return b.zeros(name+".sink", b.H)
}
func (*SinkLogit) extra() bool      { return true }
func (*SinkLogit) normalised() bool { return true }
