package archs

import (
	"errors"
	"fmt"
	"slices"

	"gorgonia.org/gorgonia"

	"github.com/outcrop-lab/outcrop/compute"
	"github.com/outcrop-lab/outcrop/ops"
	"github.com/outcrop-lab/outcrop/variant"
)

// Shape says what a graph is built for.
type Shape struct {
	Batch int // sequences
	// Train adds the gradients.
	Train bool
	// Tokens divides the loss. It counts the whole batch, of which the graph may see a slice.
	Tokens int
	// Over, if not nil, is a model on the same device whose memory this one reuses. When one of them runs, only tokens,
	// loss, gradients and, without Train, logits and sites of the other survive.
	Over *Model
	// AccumulateInto, if not nil, is a model over the same weights into whose matrix gradients this one adds its own, once
	// that model has computed them. Both run equally often, at the same time or that one first; its Grads hold the sum.
	AccumulateInto *Model
	// Recompute makes the backward pass recompute norms instead of keeping them.
	Recompute bool
}

// Model is a built graph: its inputs, its results and how to run it.
type Model struct {
	Graph *gorgonia.ExprGraph
	// Tokens and Targets are the inputs, [B*T]. A negative target is left out of the loss.
	Tokens, Targets compute.Ints
	Loss            compute.Buffer   // one number, nats per token
	Logits          compute.Buffer   // [B*T, V]; absent with Train: their gradient overwrites them
	LogSumExp       compute.Buffer   // [B*T], of the logits
	Grads           []compute.Buffer // of each parameter, in the order of Params; nil without Train
	Sites           []Site

	ctx     *ops.Context
	program *ops.Program
}

// Build builds the graph over the given weights, which must be those of c and may belong to another device of the same
// kind. The model has those of the wanted sites that its variants have.
func Build(c Config, s Shape, dev compute.Device, w *Weights, wanted []string) (m *Model, err error) {
	if err := c.complete(); err != nil {
		return nil, err
	}
	if s.Batch < 1 || s.Tokens < 1 {
		return nil, fmt.Errorf("archs: a graph needs at least 1 sequence and 1 token, got %d and %d", s.Batch, s.Tokens)
	}
	b := newBuilder(c)
	for _, name := range wanted {
		if !slices.Contains(sites, name) {
			return nil, fmt.Errorf("archs: %w", variant.Unknown("site", name, sites))
		}
		b.wanted[name] = true
	}
	defer func() {
		if r := recover(); r != nil {
			failed, ok := r.(failure)
			if !ok {
				panic(r)
			}
			m, err = nil, fmt.Errorf("archs: building the graph: %w", failed.err)
		}
	}()
	b.B, b.weights, b.ctx = s.Batch, w, ops.NewContext(dev)
	if s.Over != nil {
		b.ctx.Reuse(s.Over.ctx)
	}
	if s.AccumulateInto != nil {
		b.ctx.AccumulateInto(s.AccumulateInto.ctx)
	}
	if s.Recompute {
		b.ctx.Recompute()
	}
	m = &Model{ctx: b.ctx, Graph: b.ctx.Graph(), Tokens: must(dev.AllocInts(b.B * b.T)),
		Targets: must(dev.AllocInts(b.B * b.T))}
	b.tokens = m.Tokens
	logits := b.model().Node
	loss := must(b.ctx.CrossEntropy(logits, m.Targets, 1/float32(s.Tokens)))
	if len(b.leaves) != len(w.params) {
		return nil, errors.New("archs: the weights are those of another architecture")
	}
	if s.Train {
		for _, grad := range must(b.ctx.Grad(loss, b.leaves...)) {
			m.Grads = append(m.Grads, must(b.ctx.Buffer(grad)))
		}
	} else {
		m.Logits = must(b.ctx.Buffer(logits))
	}
	m.Sites, m.Loss = b.sites, must(b.ctx.Buffer(loss))
	m.LogSumExp = must(b.ctx.Buffer(must(b.ctx.Side(loss, b.B*b.T))))
	m.program = must(b.ctx.Compile())
	return m, nil
}

// Run computes loss, logits, sites and gradients from Tokens and Targets. The first call goes through gorgonia's tape
// machine; later calls replay its kernel calls, to the same bits, without allocating.
func (m *Model) Run() error { return m.program.Run() }

// Close releases the tape machine. Freeing the device releases the memory.
func (m *Model) Close() error { return m.program.Close() }
