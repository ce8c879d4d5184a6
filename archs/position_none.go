package archs

import "github.com/outcrop-lab/outcrop/compute"

// NoPosition adds nothing: the model tells positions apart by the causal mask alone (arXiv 2305.19466).
type NoPosition struct{ parameterless }

func (*NoPosition) embed(_ *builder, x node) node { return x }

func (*NoPosition) turn(Config, *compute.Attention) {}
