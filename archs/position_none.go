package archs

import "github.com/outcrop-lab/outcrop/compute"

// NoPosition leaves the causal mask to tell positions apart (arXiv 2305.19466).
type NoPosition struct{ parameterless }

func (*NoPosition) embed(_ *builder, x node) node { return x }

func (*NoPosition) turn(Config, *compute.Attention) {}
