package archs

import "github.com/outcrop-lab/outcrop/compute"

// ALiBi adds m_h (j - i) to the score of query i and key j, with a fixed slope m_h per head (arXiv 2108.12409). See
// compute.ALiBiSlopes for numbers of heads that are not a power of two. Registers count as positions.
type ALiBi struct{ parameterless }

func (*ALiBi) embed(_ *builder, x node) node { return x }

func (*ALiBi) turn(_ Config, a *compute.Attention) { a.ALiBi = true }
