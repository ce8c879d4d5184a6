package archs

import (
	"errors"

	"github.com/outcrop-lab/outcrop/compute"
)

// Absorb folds the two projections of EmbedProj into the embedding and the head (arXiv 2506.19697): embedding <-
// embedding P_in^T and head <- head P_out, for weights held as [out, in]. It returns the architecture without the
// projections, and that architecture's weights on dev. The embedding and the head of the result are two matrices, even
// if they were tied. Absorb does not change w. The logits stay equal up to rounding, because the matrix products are
// summed in float64.
func Absorb(c Config, dev compute.Device, w *Weights) (Config, *Weights, error) {
	if !c.EmbedProj {
		return c, nil, errors.New("archs: absorbing the embedding projections: the architecture has none")
	}
	old := make(map[string][]float32)
	for i, p := range w.params {
		old[p.Name] = make([]float32, p.Size())
		dev.Download(old[p.Name], w.Value(i))
	}
	head := old["head"]
	if c.Tied {
		head = old["embedding"]
	}
	d := c.Width
	in, out := old["embed_proj.in"], old["embed_proj.out"]
	old["embedding"], old["head"] = times(old["embedding"], d, func(k, j int) float32 { return in[j*d+k] }),
		times(head, d, func(k, j int) float32 { return out[k*d+j] })
	c.EmbedProj, c.Tied = false, false
	absorbed, err := newWeights(c, dev)
	if err != nil {
		return c, nil, err
	}
	for i, p := range absorbed.params {
		dev.Upload(absorbed.Value(i), old[p.Name])
	}
	return c, absorbed, nil
}

// times returns a [rows, d] times b [d, d].
func times(a []float32, d int, b func(k, j int) float32) []float32 {
	y := make([]float32, len(a))
	for row := 0; row < len(a); row += d {
		for j := range d {
			sum := 0.0
			for k := range d {
				sum += float64(a[row+k]) * float64(b(k, j))
			}
			y[row+j] = float32(sum)
		}
	}
	return y
}
