package archs

import "github.com/outcrop-lab/outcrop/compute"

// ReLU is W_down max(W_up x, 0).
type ReLU struct{ Expansion }

func (*ReLU) form() (compute.Activation, bool) { return compute.ReLU, false }
