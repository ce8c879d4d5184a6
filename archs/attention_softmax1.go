package archs

import "github.com/outcrop-lab/outcrop/compute"

// Softmax1 is softmax-off-by-one, w_ij = exp(s_ij)/(1 + sum_k exp(s_ik)). It acts like an extra slot with score 0 and
// value 0. It equals softmax attention with `kv_bias: k` and a key of zeros, and also SinkLogit with b_h = 0.
type Softmax1 struct{ parameterless }

func (*Softmax1) weigh(Config, *compute.Attention) {}
func (*Softmax1) logit(*builder, string) node      { return node{} }
func (*Softmax1) extra() bool                      { return true }
func (*Softmax1) normalised() bool                 { return true }
