package archs

import (
	"gorgonia.org/gorgonia"

	"github.com/outcrop-lab/outcrop/compute"
	"github.com/outcrop-lab/outcrop/ops"
)

// Learned adds a learned vector per position to the embedded tokens. Registers get no such vector.
type Learned struct{ parameterless }

func (*Learned) embed(b *builder, x node) node {
	p := b.param("positions", "embedding", weights, b.T, b.D)
	return b.op(func(c *ops.Context) (*gorgonia.Node, error) { return c.AddPositions(x.Node, p.Node) })
}

func (*Learned) turn(Config, *compute.Attention) {}
