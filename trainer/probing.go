package trainer

import (
	"slices"
	"strconv"
	"strings"

	"github.com/outcrop-lab/outcrop/archs"
	"github.com/outcrop-lab/outcrop/data"
	"github.com/outcrop-lab/outcrop/probes"
)

// aloneTokens is the largest number of tokens that are measured alone, each in a sequence of its own.
const aloneTokens = 64

// alone holds the same sites on sequences of one token: the distinct tokens of the probe batch in the order of their
// first appearance, at most aloneTokens. A causal model's activations at position 0 depend on that token only, so the
// tokens run through the graph of the probe batch, as many at once as it has sequences.
type alone struct {
	tokens []int32
	layers []probes.Layer // B = len(tokens), T = 1
	input  []int32        // [B*T] of the graph
}

// buildProbe makes the graph of the probe batch, the layers that hold its sites and the parameters, and the list of
// reads that fill them.
func (t *training) buildProbe() error {
	c, m := t.config, &t.measuring
	var b data.Batch
	t.source.HeldOut(&b, c.Probe.Sequences)
	m.tokens = slices.Clone(b.Tokens)
	var ordinary []bool
	for _, class := range b.Class {
		ordinary = append(ordinary, class == data.Ordinary)
	}
	m.layers = layersOf(c.Arch, c.Probe.Sequences, c.Arch.Context)
	for i := range m.layers {
		m.layers[i].Tokens, m.layers[i].Ordinary = m.tokens, ordinary
	}
	wanted := m.plan.Sites()
	if site := c.Probe.Snapshots.Site; len(c.Probe.Snapshots.Steps) > 0 && !slices.Contains(wanted, site) {
		wanted = append(wanted, site)
	}
	if len(wanted) > 0 {
		var err error
		shape := archs.Shape{Batch: c.Probe.Sequences, Tokens: c.Probe.Sequences * c.Arch.Context}
		if m.probe, err = archs.Build(c.Arch, shape, m.device, t.weights, wanted); err != nil {
			return err
		}
		m.device.UploadInts(m.probe.Targets, b.Targets)
		for _, s := range m.probe.Sites {
			site := probes.Site{Name: s.Name, Shape: s.Shape, Data: make([]float32, s.Value.Len())}
			m.reads = append(m.reads, read{s.Value, site.Data})
			l := layerAt(m.layers, s.Layer)
			l.Sites = append(l.Sites, site)
		}
	}
	if m.plan.Length1() {
		m.buildAlone()
	}
	if m.plan.Weights() {
		for _, p := range t.params {
			site := probes.Site{Name: parameterSite(p.Name, p.Layer), Shape: p.Shape, Data: make([]float32, p.Value.Len())}
			m.reads = append(m.reads, read{p.Value, site.Data})
			l := layerAt(m.layers, p.Layer)
			l.Sites = append(l.Sites, site)
		}
	}
	return nil
}

// tellTokens calls o.Tokens.
func (t *training) tellTokens(o Options) error {
	if o.Tokens == nil {
		return nil
	}
	labels := map[int]string{}
	for _, token := range t.measuring.tokens {
		if label := t.source.Label(token); label != strconv.Itoa(int(token)) {
			labels[int(token)] = label
		}
	}
	return o.Tokens(labels)
}

func (m *measuring) buildAlone() {
	m.alone = &alone{input: make([]int32, len(m.tokens))}
	for _, token := range m.tokens {
		if len(m.alone.tokens) < aloneTokens && !slices.Contains(m.alone.tokens, token) {
			m.alone.tokens = append(m.alone.tokens, token)
		}
	}
	n := len(m.alone.tokens)
	m.alone.layers = layersOf(m.arch, n, 1)
	for i, l := range m.layers {
		m.alone.layers[i].Tokens = m.alone.tokens
		for _, s := range l.Sites {
			if s.Name != probes.Pattern {
				width := len(s.Data) / len(m.tokens)
				site := probes.Site{Name: s.Name, Shape: []int{n, 1, width}, Data: make([]float32, n*width)}
				m.alone.layers[i].Sites = append(m.alone.layers[i].Sites, site)
			}
		}
	}
}

// layersOf lists the blocks and, last, the layer of everything outside them.
func layersOf(c archs.Config, sequences, context int) []probes.Layer {
	layers := make([]probes.Layer, c.Layers+1)
	for i := range layers {
		layers[i] = probes.Layer{Index: i, B: sequences, T: context, D: c.Width, H: c.Heads}
	}
	layers[c.Layers].Index = -1
	return layers
}

func layerAt(layers []probes.Layer, index int) *probes.Layer {
	if index < 0 {
		return &layers[len(layers)-1]
	}
	return &layers[index]
}

// parameterSite returns the site of a parameter, which is the same in all blocks: "weight.mlp.down" for
// blocks.3.mlp.down.
func parameterSite(name string, layer int) string {
	if layer >= 0 {
		_, name, _ = strings.Cut(strings.TrimPrefix(name, "blocks."), ".")
	}
	return probes.Weight + name
}

// read runs the probe batch and copies its sites, and the parameters, into the layers.
func (m *measuring) read() error {
	if m.probe != nil {
		m.device.UploadInts(m.probe.Tokens, m.tokens)
		if err := m.probe.Run(); err != nil {
			return err
		}
	}
	for _, r := range m.reads {
		m.device.Download(r.to, r.from)
	}
	return nil
}

// activations measures the blocks on the probe batch. The rows are valid until the next call.
func (m *measuring) activations() ([]probes.Value, error) {
	if err := m.readAlone(); err != nil {
		return nil, err
	}
	if err := m.read(); err != nil {
		return nil, err
	}
	m.rows = m.rows[:0]
	for i := range m.layers {
		m.layers[i].Renew()
		var length1 *probes.Layer
		if m.alone != nil {
			length1 = &m.alone.layers[i]
			length1.Renew()
		}
		m.rows = m.plan.Measure(m.rows, &m.layers[i], length1)
	}
	return m.rows, nil
}

// readAlone runs the tokens that are measured alone, as many at once as the graph has sequences, and keeps position 0.
func (m *measuring) readAlone() error {
	if m.alone == nil || m.probe == nil {
		return nil
	}
	a, T := m.alone, m.arch.Context
	for from := 0; from < len(a.tokens); from += len(a.input) / T {
		for i := range a.input {
			a.input[i] = a.tokens[min(from+i/T, len(a.tokens)-1)]
		}
		m.device.UploadInts(m.probe.Tokens, a.input)
		if err := m.probe.Run(); err != nil {
			return err
		}
		for _, r := range m.reads {
			m.device.Download(r.to, r.from)
		}
		for i := range a.layers {
			for _, to := range a.layers[i].Sites {
				width, data := to.Shape[2], m.layers[i].Site(to.Name).Data
				for n := from; n < min(len(a.tokens), from+len(a.input)/T); n++ {
					row := (n - from) * T * width
					copy(to.Data[n*width:(n+1)*width], data[row:row+width])
				}
			}
		}
	}
	return nil
}
