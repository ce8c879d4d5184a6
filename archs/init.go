package archs

import (
	"math"

	"github.com/outcrop-lab/outcrop/rng"
	"github.com/outcrop-lab/outcrop/variant"
)

// Initialiser draws the initial values of the weight matrices, the embeddings and the KV biases. The two projections of
// EmbedProj are orthogonal with every initialiser.
type Initialiser interface {
	// Validate returns a *variant.Error that names the faulty key below `arch.init`, or nil.
	Validate(Config) error
	draw(values []float32, p Param, c Config, r rng.Stream)
}

var initialisers = variant.Registry[Initialiser]{
	"normal": {New: func() Initialiser { return &Normal{} }, Formula: "N(0, std^2)", Source: "Radford et al. 2018"},
	"layer_index": {New: func() Initialiser { return &LayerIndex{} },
		Formula: "N(0, std^2/l) in block l, counted from 1; N(0, std^2) elsewhere", Source: "2503.22329"},
	"gpt2": {New: func() Initialiser { return &GPT2{} },
		Formula: "N(0, std^2/(2 layers)) for attn.out and mlp.down, N(0, std^2) elsewhere", Source: "Radford et al. 2019"},
	"orthogonal": {New: func() Initialiser { return &Orthogonal{} },
		Formula: "matrices of the blocks with orthonormal rows or columns, N(0, std^2) elsewhere", Source: "1312.6120"},
	"fan_in": {New: func() Initialiser { return &FanIn{} },
		Formula: "matrices and head uniform in +-1/sqrt(fan_in), N(0, std^2) elsewhere", Source: "2410.13835"},
}

// Normal draws every weight from N(0, std^2).
type Normal struct{ parameterless }

func (*Normal) draw(values []float32, _ Param, c Config, r rng.Stream) {
	gaussian(values, c.Init.Std, r)
}

// LayerIndex divides the standard deviation of the matrices of block l, counted from 1, by sqrt(l) (arXiv 2503.22329).
type LayerIndex struct{ parameterless }

func (*LayerIndex) draw(values []float32, p Param, c Config, r rng.Stream) {
	std := c.Init.Std
	if p.Layer >= 0 && p.Kind == "matrix" {
		std /= math.Sqrt(float64(p.Layer + 1))
	}
	gaussian(values, std, r)
}

// GPT2 divides the standard deviation by sqrt(2*Layers) for two matrices of each block, attn.out and mlp.down (Radford
// et al. 2019, section 2.3). The products of these matrices are added to the stream, and 2*Layers is their number in
// the model.
type GPT2 struct{ parameterless }

func (*GPT2) draw(values []float32, p Param, c Config, r rng.Stream) {
	std := c.Init.Std
	if p.residual {
		std /= math.Sqrt(float64(2 * c.Layers))
	}
	gaussian(values, std, r)
}

// Orthogonal draws each matrix of the blocks with orthonormal rows, or with orthonormal columns if it has fewer columns
// than rows (arXiv 1312.6120).
type Orthogonal struct{ parameterless }

func (*Orthogonal) draw(values []float32, p Param, c Config, r rng.Stream) {
	if p.Layer < 0 || p.Kind != "matrix" {
		gaussian(values, c.Init.Std, r)
		return
	}
	orthogonal(values, p, c, r)
}

// FanIn draws each matrix and the head uniformly between -1/sqrt(fan_in) and 1/sqrt(fan_in), and all other weights from
// N(0, std^2). arXiv 2410.13835 does the same, with std = 1 for the embeddings and positions.
type FanIn struct{ parameterless }

func (*FanIn) draw(values []float32, p Param, c Config, r rng.Stream) {
	if p.Kind != "matrix" && p.Kind != "head" {
		gaussian(values, c.Init.Std, r)
		return
	}
	random, bound := r.Rand(), 1/math.Sqrt(float64(p.Shape[1]))
	for i := range values {
		values[i] = float32(bound * (2*random.Float64() - 1))
	}
}

// draw fills a parameter with its initial values.
type draw func(values []float32, p Param, c Config, r rng.Stream)

// weights draws with the configured initialiser.
func weights(values []float32, p Param, c Config, r rng.Stream) { c.Init.Value.draw(values, p, c, r) }

func constant(x float64) draw {
	return func(values []float32, _ Param, _ Config, _ rng.Stream) {
		for i := range values {
			values[i] = float32(x)
		}
	}
}

func gaussian(values []float32, std float64, r rng.Stream) {
	random := r.Rand()
	for i := range values {
		values[i] = float32(std * random.NormFloat64())
	}
}

// orthogonal draws a matrix with orthonormal rows, or columns if those are fewer: Gram-Schmidt, applied twice, on a
// Gaussian matrix. The result is uniform over the orthogonal matrices.
func orthogonal(values []float32, p Param, _ Config, r rng.Stream) {
	count, n := p.Shape[0], p.Shape[1]
	at := func(i, j int) int { return i*n + j }
	if count > n {
		at = func(i, j int) int { return j*p.Shape[1] + i }
		count, n = n, count
	}
	random := r.Rand()
	vectors := make([][]float64, count)
	for i := range vectors {
		v := make([]float64, n)
		for j := range v {
			v[j] = random.NormFloat64()
		}
		for range 2 {
			for _, other := range vectors[:i] {
				overlap := dot(v, other)
				for j := range v {
					v[j] -= overlap * other[j]
				}
			}
		}
		norm := math.Sqrt(dot(v, v))
		for j := range v {
			v[j] /= norm
			values[at(i, j)] = float32(v[j])
		}
		vectors[i] = v
	}
}

func dot(a, b []float64) float64 {
	sum := 0.0
	for i := range a {
		sum += a[i] * b[i]
	}
	return sum
}
