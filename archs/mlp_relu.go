package archs

import "github.com/outcrop-lab/outcrop/compute"

// ReLU is W_down max(W_up x, 0).
type ReLU struct{ Expansion }

func (m *ReLU) apply(b *builder, name string, x node) node { return m.expand(b, name, compute.ReLU, x) }
