package archs

import "github.com/outcrop-lab/outcrop/compute"

// ReLU2 is W_down max(W_up x, 0)^2 (arXiv 2109.08668).
type ReLU2 struct{ Expansion }

func (*ReLU2) form() (compute.Activation, bool) { return compute.ReLU2, false }
