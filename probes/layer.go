package probes

import (
	"math"
	"strings"
)

// Site is a named tensor of a layer, row-major. It holds either activations on the probe batch or a parameter.
type Site struct {
	Name  string
	Shape []int
	Data  []float32

	magnitudes []magnitude
	spectra    []spectrum
	power      *power
}

// Layer holds the sites of one block, or those outside the blocks, on the probe batch.
type Layer struct {
	Index      int // the block, counted from 0; -1 for everything outside the blocks
	B, T, D, H int // numbers of sequences and positions, width of the stream, number of heads
	Sites      []Site
	// Tokens holds the probe batch, [B*T].
	Tokens []int32
	// Ordinary says for each of the B*T positions whether it is an ordinary query, that is, neither a BOS nor a
	// trigger.
	Ordinary []bool

	scratch scratch
}

// Site returns the site with the given name, or nil if the layer has no such site.
func (l *Layer) Site(name string) *Site {
	for i := range l.Sites {
		if l.Sites[i].Name == name {
			return &l.Sites[i]
		}
	}
	return nil
}

// Renew discards all cached results. Call it after the data of a site have changed.
func (l *Layer) Renew() {
	for i := range l.Sites {
		s := &l.Sites[i]
		s.magnitudes, s.spectra, s.power = s.magnitudes[:0], s.spectra[:0], nil
	}
}

// width returns the number of channels per token of a site.
func (l *Layer) width(s *Site) int { return len(s.Data) / (l.B * l.T) }

// token returns the channels of a site at a position, [width].
func (l *Layer) token(s *Site, b, t int) []float32 {
	width := l.width(s)
	row := (b*l.T + t) * width
	return s.Data[row : row+width]
}

// sequence returns the channels of a site at every position of a sequence, [T, width].
func (l *Layer) sequence(s *Site, b int) []float32 {
	n := l.T * l.width(s)
	return s.Data[b*n : (b+1)*n]
}

// tokens reports whether a site has a row of channels for every token.
func (l *Layer) tokens(s *Site) bool {
	return s.Name != Pattern && !strings.HasPrefix(s.Name, Weight) && len(s.Data)%(l.B*l.T) == 0
}

// isMatrix reports whether a site is a weight matrix.
func (s *Site) isMatrix() bool { return strings.HasPrefix(s.Name, Weight) && len(s.Shape) == 2 }

// isGain reports whether a site is a norm's gain.
func (s *Site) isGain() bool {
	return strings.HasPrefix(s.Name, Weight) && strings.HasSuffix(s.Name, ".gain")
}

// norm returns the Euclidean norm, accumulated in float64.
func norm(x []float32) float64 {
	sum := 0.0
	for _, v := range x {
		sum += float64(v) * float64(v)
	}
	return math.Sqrt(sum)
}
