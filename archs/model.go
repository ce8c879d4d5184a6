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

// Shape is what a graph is built for.
type Shape struct {
	Batch int // sequences
	// Train adds the gradients.
	Train bool
	// Tokens divides the loss: the whole batch's, of which the graph may see a slice.
	Tokens int
	// Over is a model of the same device, or nil, in whose memory this one computes: of either only tokens, loss,
	// gradients and, without Train, logits and sites outlast a run of the other.
	Over *Model
	// AccumulateInto is nil, or a model over the same weights to whose gradients of matrices this one adds its own, after that
	// one has computed them. The two run as often, at the same time or that one first; Grads holds the sum.
	AccumulateInto *Model
	// Recompute computes norms again in the backward pass rather than keep them.
	Recompute bool
}

// Model is a built graph: its inputs, its results and how to run it.
type Model struct {
	Graph *gorgonia.ExprGraph
	// Tokens and Targets are the inputs, [B*T]. A negative target is left out of the loss.
	Tokens, Targets compute.Ints
	Loss            compute.Buffer   // one number, nats per token
	Logits          compute.Buffer   // [B*T, V]; none with Train, where their gradient lies in their place
	LogSumExp       compute.Buffer   // [B*T], of the logits
	Grads           []compute.Buffer // of each parameter, in the order of Params; nil without Train
	Sites           []Site

	ctx     *ops.Context
	program *ops.Program
}

// Build makes the graph over the given weights, which may be another device's of the same kind and must be those of c.
// Of the sites asked for, the model has those that its variants have.
func Build(c Config, s Shape, dev compute.Device, w *Weights, wanted []string) (m *Model, err error) {
	if err := c.complete(); err != nil {
		return nil, err
	}
	if s.Batch < 1 || s.Tokens < 1 {
		return nil, fmt.Errorf("archs: a graph for %d sequences whose loss is divided by %d tokens", s.Batch, s.Tokens)
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
	m = &Model{ctx: b.ctx, Graph: b.ctx.Graph(), Tokens: must(dev.AllocInts(b.B * b.T)), Targets: must(dev.AllocInts(b.B * b.T))}
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
// machine; later ones replay what it did, to the same bits, without allocating.
func (m *Model) Run() error { return m.program.Run() }

// Close releases the tape machine. The memory is released with the device.
func (m *Model) Close() error { return m.program.Close() }
