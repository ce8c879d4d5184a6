package trainer

import (
	"math"

	"github.com/outcrop-lab/outcrop/archs"
	"github.com/outcrop-lab/outcrop/compute"
	"github.com/outcrop-lab/outcrop/data"
	"github.com/outcrop-lab/outcrop/probes"
)

// measuring holds the forward-only graphs over a run's parameters: one with the sites for the probe batch, and one
// per slice for the held-out sequences.
type measuring struct {
	arch   archs.Config
	source data.Source
	device *compute.CPU
	plan   probes.Plan
	tokens []int32      // of the probe batch, [B*T]
	probe  *archs.Model // nil if no site is wanted
	layers []probes.Layer
	reads  []read
	rows   []probes.Value
	alone  *alone // nil if no statistic needs sequences of one token

	held   data.Batch
	chunk  int         // rows of a held-out graph
	slices []slice     // on the training slices' devices, in the memory of their graphs
	truths [][]float64 // by token: the true distribution of the next one, nil if unknown
	floors []float64   // by token: the entropy of that distribution, nats
	bytes  int         // of text that the held-out targets stand for; 0 if the source has no text
}

// read copies a buffer from the device to a site of a layer before the layer is measured.
type read struct {
	from compute.Buffer
	to   []float32
}

// metric is one number of a run at a step.
type metric struct {
	name  string
	value float64
}

func (m metric) row() probes.Value {
	return probes.Value{Site: "run", Statistic: m.name, Layer: -1, Head: -1, Idx: -1, Value: m.value}
}

func (t *training) buildMeasuring() error {
	c, m := t.config, &t.measuring
	*m = measuring{arch: c.Arch, source: t.source, plan: c.plan()}
	var err error
	precision := compute.Precision(c.Train.Precision)
	if m.device, err = compute.NewCPU(t.device.Path(), precision); err != nil {
		return err
	}
	if err := t.buildProbe(); err != nil {
		return err
	}

	t.source.HeldOut(&m.held, c.Probe.HeldOut)
	for _, target := range m.held.Targets {
		m.bytes += t.source.Length(target)
	}
	m.chunk = c.Train.Batch / c.Train.Slices * c.Arch.Context
	m.truths, m.floors = make([][]float64, t.source.Vocab()), make([]float64, t.source.Vocab())
	for token := range m.truths {
		m.truths[token] = t.source.Truth(int32(token))
		for _, p := range m.truths[token] {
			if p > 0 {
				m.floors[token] -= p * math.Log(p)
			}
		}
	}
	return nil
}

// buildHeldOut makes a held-out graph for each slice. It reuses the memory of the slice's training graph, which must
// have run.
func (t *training) buildHeldOut() error {
	c, m := t.config, &t.measuring
	shape := archs.Shape{Batch: c.Train.Batch / c.Train.Slices, Tokens: c.Probe.HeldOut * c.Arch.Context}
	for _, training := range t.slices {
		shape.Over = training.model
		model, err := archs.Build(c.Arch, shape, training.device, t.weights, nil)
		if err != nil {
			return err
		}
		m.slices = append(m.slices, slice{device: training.device, model: model})
	}
	return nil
}

func (m *measuring) close() {
	if m.probe != nil {
		_ = m.probe.Close()
	}
	for _, s := range m.slices {
		_ = s.model.Close()
	}
	if m.device != nil {
		m.device.Free()
	}
}

// sums holds the totals of one chunk of held-out sequences.
type sums struct {
	loss             float64
	bigram, backcopy float64 // nats
	ordinary, copies int     // queries counted
	err              error
}

// heldOut returns `heldout_loss`, the mean loss in nats per token. If the source has text, it also returns
// `heldout_loss_per_byte`, the same sum over the bytes that the targets stand for, which compares between tokenizers.
// If the source knows its own chain, heldOut also returns the two risks of arXiv 2410.13835: `bigram_risk`, -sum over c
// of P(c|x) log q(c) minus the entropy of P(.|x), averaged over ordinary queries at t >= 1; and `backcopy_risk`, the
// loss averaged over trigger queries, whose next token is certain.
func (m *measuring) heldOut(team *compute.Team) ([]metric, error) {
	chunks := make([]sums, (len(m.held.Tokens)+m.chunk-1)/m.chunk)
	team.Run(len(m.slices), func(_, i int) {
		for k := i; k < len(chunks); k += len(m.slices) {
			chunks[k] = m.heldOutChunk(m.slices[i], k)
		}
	})
	var all sums
	for _, s := range chunks {
		if s.err != nil {
			return nil, s.err
		}
		all.loss += s.loss
		all.bigram += s.bigram
		all.backcopy += s.backcopy
		all.ordinary += s.ordinary
		all.copies += s.copies
	}
	metrics := []metric{{"heldout_loss", all.loss}}
	if m.bytes > 0 {
		metrics = append(metrics,
			metric{"heldout_loss_per_byte", all.loss * float64(len(m.held.Targets)) / float64(m.bytes)})
	}
	if all.ordinary > 0 {
		metrics = append(metrics, metric{"bigram_risk", all.bigram / float64(all.ordinary)})
	}
	if all.copies > 0 {
		metrics = append(metrics, metric{"backcopy_risk", all.backcopy / float64(all.copies)})
	}
	return metrics, nil
}

// heldOutChunk runs chunk k on a slice's graph. The last chunk may be short; its unused rows get the target -1, which
// the loss ignores.
func (m *measuring) heldOutChunk(s slice, k int) sums {
	from, to := k*m.chunk, min((k+1)*m.chunk, len(m.held.Tokens))
	tokens, targets := make([]int32, m.chunk), make([]int32, m.chunk)
	copy(tokens, m.held.Tokens[from:to])
	for i := copy(targets, m.held.Targets[from:to]); i < m.chunk; i++ {
		targets[i] = -1
	}
	s.device.UploadInts(s.model.Tokens, tokens)
	s.device.UploadInts(s.model.Targets, targets)
	if err := s.model.Run(); err != nil {
		return sums{err: err}
	}
	out := sums{loss: float64(s.model.Loss.Host()[0])}
	vocab := m.arch.Vocab
	for i := range to - from {
		class, token := m.held.Class[from+i], tokens[i]
		logits := s.model.Logits.Host()[i*vocab : (i+1)*vocab]
		all := float64(s.model.LogSumExp.Host()[i])
		switch {
		case class == data.Trigger:
			out.copies++
			out.backcopy += all - float64(logits[targets[i]])
		case class == data.Ordinary && m.truths[token] != nil && (from+i)%m.arch.Context > 0:
			out.ordinary++
			expected := 0.0
			for c, p := range m.truths[token] {
				expected += p * float64(logits[c])
			}
			out.bigram += all - expected - m.floors[token]
		}
	}
	return out
}
