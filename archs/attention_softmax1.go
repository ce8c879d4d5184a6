package archs

import "github.com/outcrop-lab/outcrop/compute"

// Softmax1 is w_ij = exp(s_ij)/(1 + sum_k exp(s_ik)), off by one: an extra slot with score and value 0. It is `kv_bias:
// k` with a key of zeros, and SinkLogit at 0.
type Softmax1 struct{ parameterless }

func (*Softmax1) weigh(Config, *compute.Attention) {}
func (*Softmax1) logit(*builder, string) node      { return node{} }
func (*Softmax1) extra() bool                      { return true }
func (*Softmax1) normalised() bool                 { return true }
