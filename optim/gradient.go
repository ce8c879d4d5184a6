package optim

import "math"

// Gradient sums the gradients of a batch's slices and measures their sum.
type Gradient struct {
	threads Threads
	parts   [][]Param
	squares []float64 // of each part
	part    func(thread, i int)
}

// NewGradient is the gradient of these parameters.
func NewGradient(threads Threads, params []Param) *Gradient {
	g := &Gradient{threads: threads, parts: cut(params)}
	g.squares = make([]float64, len(g.parts))
	g.part = g.sumPart
	return g
}

// Sum adds to each parameter's Grad its Further, in order, and returns the Euclidean norm of it all. It allocates nothing.
func (g *Gradient) Sum() float64 {
	g.threads.Team.Run(len(g.parts), g.part)
	squares := 0.0
	for _, s := range g.squares {
		squares += s
	}
	return math.Sqrt(squares)
}

func (g *Gradient) sumPart(thread, i int) {
	dev := g.threads.Devices[thread]
	g.squares[i] = 0
	for _, p := range g.parts[i] {
		for _, further := range p.Further {
			dev.Add(p.Grad, p.Grad, further)
		}
		g.squares[i] += dev.SumSquares(p.Grad)
	}
}

// ClipFactor is what a gradient of that norm is multiplied by so that its norm is at most max (arXiv 1211.5063). A max of 0
// does not clip; a norm that is not finite changes nothing.
func ClipFactor(norm, max float64) float32 {
	if max > 0 && norm > max && !math.IsInf(norm, 0) {
		return float32(max / norm)
	}
	return 1
}
