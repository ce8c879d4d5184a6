package archs

import "github.com/outcrop-lab/outcrop/compute"

// Learned adds a learned vector per position to the embedded tokens.
type Learned struct{ parameterless }

func (*Learned) embed(b *builder, x node) node {
	return b.addPositions(x, b.param("positions", "embedding", normal, b.T, b.D))
}

func (*Learned) rotate(*compute.Attention) {}
