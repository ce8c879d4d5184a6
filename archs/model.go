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

// Shape says for which batch and which purpose a graph is built.
type Shape struct {
	Batch int // number of sequences
	// Train adds the computation of the gradients.
	Train bool
	// Tokens is the number by which the summed loss is divided: the tokens of the whole batch, even if the graph sees
	// only a slice of that batch.
	Tokens int
	// Over, if not nil, is a model on the same device whose memory the new model reuses. A run of either model
	// preserves only these values of the other: its tokens, loss and gradients and, if the other was built without
	// Train, its logits and sites.
	Over *Model
	// AccumulateInto, if not nil, is a model over the same weights. Once that model has computed its matrix gradients,
	// the new model adds its own to them, so that the Grads of both models hold the sum. The two models must run
	// equally often, either at the same time or AccumulateInto first.
	AccumulateInto *Model
	// Recompute saves memory: the backward pass recomputes the outputs of norms, which are otherwise kept.
	Recompute bool
}

// Model is a built graph, with its inputs and its results.
type Model struct {
	Graph *gorgonia.ExprGraph
	// Tokens and Targets are the inputs, each [B*T]. The loss ignores positions with a negative target.
	Tokens, Targets compute.Ints
	Loss            compute.Buffer   // one number, in nats per token
	Logits          compute.Buffer   // [B*T, V]; absent with Train, because their gradient overwrites them
	LogSumExp       compute.Buffer   // [B*T], the log-sum-exp of each row of logits
	Grads           []compute.Buffer // one per parameter, in the order of Params; nil without Train
	Sites           []Site

	ctx     *ops.Context
	program *ops.Program
}

// Build builds the graph over the weights w, which must be those of the architecture c and may belong to another device
// of the same kind as dev. Of the sites named in wanted, the model has those that occur in its architecture.
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

// Run computes the loss, logits, sites and gradients from Tokens and Targets. The first call goes through gorgonia's
// tape machine. Later calls replay the kernel calls of the first without allocating, and give the same bits.
func (m *Model) Run() error { return m.program.Run() }

// Close releases the tape machine. The memory of the values is released only when the device is freed.
func (m *Model) Close() error { return m.program.Close() }
