package plan

import (
	"math"
	"slices"
	"sync"

	"github.com/outcrop-lab/outcrop/archs"
	"github.com/outcrop-lab/outcrop/compute"
	"github.com/outcrop-lab/outcrop/probes"
)

// shape holds what the work of an architecture follows from: the entries of its matrices, counted by formula.
type shape struct {
	blocks  float64 // entries of the matrices within the blocks, which registers pass through too
	outside float64 // entries of the other matrices of products: the head or the tied embedding, and projections
	widths  float64 // rows and columns of the blocks' matrices: what a token reads and writes
	schulz  float64 // operations of Muon's Newton-Schulz iteration on all matrices but embeddings and head
	tables  float64 // the same on embeddings and head
	table   float64 // entries of embeddings and head
	once    float64 // entries of the weights of a single product, whose gradient two slices share
	all     float64 // entries of all parameters
}

// shapeOf counts the parameters of a model of that many layers. params are those of the model's first layer and of what
// lies outside the layers, which are all alike.
func shapeOf(params []archs.Param, tied bool, layers int) (s shape) {
	for _, p := range params {
		times := 1.0
		if p.Layer >= 0 {
			times = float64(layers)
		}
		n := times * size(p)
		s.all += n
		isTable := p.Kind == "head" || p.Kind == "embedding"
		if isTable {
			s.table += n
		}
		if len(p.Shape) == 2 {
			least, most := float64(slices.Min(p.Shape)), float64(slices.Max(p.Shape))
			flops := times * 5 * (4*least*least*most + 2*least*least*least)
			if isTable {
				s.tables += flops
			} else {
				s.schulz += flops
			}
		}
		if p.Kind == "matrix" || p.Kind == "head" {
			s.once += n
		}
		switch {
		case p.Kind == "matrix" && p.Layer >= 0:
			s.blocks += n
			s.widths += times * float64(p.Shape[0]+p.Shape[1])
		case p.Kind == "matrix" || p.Kind == "head" || p.Name == "embedding" && tied:
			s.outside += n
		}
	}
	return s
}

// size returns the number of elements of a parameter. The product of its sizes may not fit into an int.
func size(p archs.Param) float64 {
	n := 1.0
	for _, length := range p.Shape {
		n *= float64(length)
	}
	return n
}

// The parts of a step's time. A machine's Speed has the time of one unit of each.
const (
	ofProducts  = iota // operations of matrix products in float32
	ofRounded          // the same in bf16
	ofAttention        // operations of attention, including those on keys that only later queries of a block see
	ofScores           // attention weights, counted likewise: heads x positions x (positions + blockQueries)
	ofElements         // numbers that are read and written element by element
	ofLogits           // tokens x vocabulary
	ofBlocks           // blocks x slices: the cost of a step whatever its size
	ofSchulz           // operations of Muon's Newton-Schulz iteration
	ofParams           // parameters that the optimizer updates
	stepParts

	ofOptimizer = ofSchulz // the first part that belongs to neither pass
)

// blockQueries is the number of queries that attention takes at a time. All of them are multiplied by the keys that the
// last one sees.
const blockQueries = 32

// The parts of a measurement's time.
const (
	ofForward   = iota // its forward passes, in the seconds that follow from the parts of a step
	ofRisks            // held-out tokens x vocabulary, if the data knows its own chain
	ofSites            // activations that statistics read
	ofWeights          // attention weights that statistics read
	ofSpectra          // operations of matrix_entropy, if it is computed
	ofMeasuring        // blocks: the cost of a measurement whatever its size
	measureParts
)

// FLOPs returns the number of floating-point operations of a step. For the plain model it is 6 B T (12 L D^2 + D V) + 7
// L T D B T; causal attention is recomputed in the backward pass. Other variants have other matrices (gates, kv_heads,
// a gated or wider MLP, embed_proj, a tied head): the number of entries in their matrices then replaces 12 L D^2 and D
// V. Within the blocks, T includes the registers. Muon adds 5 (4 m^2 n + 2 m^3) operations for each matrix of m x n
// entries, m <= n, that it updates. FLOPs leaves out element-wise work.
func (p Planned) FLOPs() float64 {
	a, batch := p.Config.Arch, float64(p.Config.Train.Batch)
	places := float64(a.Registers + a.Context)
	parts := p.stepParts(batch, 1)
	return parts[ofProducts] + parts[ofRounded] + parts[ofSchulz] +
		7*batch*places*places*float64(a.Width)*float64(a.Layers)
}

// stepParts counts the parts of a step over batch sequences that are cut into slices.
func (p Planned) stepParts(batch, slices float64) (x [stepParts]float64) {
	a, s := p.Config.Arch, p.shape
	places, layers, width := float64(a.Registers+a.Context), float64(a.Layers), float64(a.Width)
	rows, tokens := batch*places, batch*float64(a.Context)
	products := ofProducts
	if p.Config.Train.Precision == string(compute.BF16) {
		products = ofRounded
	}
	x[products] = 6 * (rows*s.blocks + tokens*s.outside)
	if p.Config.Optim.Chosen() == "muon" {
		x[ofSchulz] = s.schulz
		if p.muonTables {
			x[ofSchulz] += s.tables
		}
	}
	seen := batch * places * (places + blockQueries) * layers
	head := width / float64(a.Heads)
	padded := 16 * math.Ceil(head/16) // a head's channels fill whole vectors
	x[ofAttention] = seen * float64(a.Heads) * (3*head + 4*padded)
	x[ofScores] = seen * float64(a.Heads)
	x[ofElements] = rows * (s.widths + 8*layers*width)
	x[ofLogits] = tokens * float64(p.Vocab)
	x[ofParams] = s.all * (1 + slices)
	x[ofBlocks] = (layers + 1) * slices
	return x
}

// Measurements returns how many times the run is measured from step first to its last step.
func (p Planned) Measurements(first int) int {
	every, last := p.Config.Probe.Every.Value, p.Config.Train.Steps
	n := every.Until(last)
	if first > 0 {
		n -= every.Until(first - 1)
	}
	if !every.At(last) {
		n++ // the last step is measured in any case
	}
	return n
}

// Cost is the work, memory and disk space that a run takes. Its numbers are whole, but of a type that cannot overflow.
type Cost struct {
	Tokens float64 // of all steps
	FLOPs  float64 // of all steps; see Planned.FLOPs
	Memory float64 // the resident bytes that the coordinator reserves for the run's worker
	Disk   float64 // bytes of its rows (in the shard and the database), kept checkpoints and snapshots
}

// CostOf computes by formula what a whole run takes, from its start to its end.
func CostOf(p Planned) Cost {
	c := p.Config
	steps := float64(c.Train.Steps)
	return Cost{
		Tokens: steps * float64(c.Train.Batch) * float64(c.Arch.Context),
		FLOPs:  steps * p.FLOPs(),
		Memory: Memory(p),
		Disk:   math.Round(bytesPerRun + bytesPerRow*p.Rows() + p.checkpoints() + p.snapshots()),
	}
}

type namedStatistic struct {
	probes.Statistic
	name string
}

var statistics = sync.OnceValue(func() (all []namedStatistic) {
	for _, name := range probes.Names() {
		s, _ := probes.Lookup(name)
		all = append(all, namedStatistic{s, name})
	}
	return all
})

// Forecast is the time, in seconds, that a run is expected to take if each of its threads has a core of its own. Low
// and High bound it.
type Forecast struct {
	Seconds, Low, High float64
}

// within is the factor between a forecast and each of its bounds.
const within = 1.25

// Bounded returns a forecast of the same Seconds, with Low and High computed from Seconds.
func (f Forecast) Bounded() Forecast {
	return Forecast{f.Seconds, f.Seconds / within, f.Seconds * within}
}

func forecast(seconds float64) Forecast { return Forecast{Seconds: seconds}.Bounded() }

// Left is the part of a run that is still to be done.
type Left struct {
	// Nothing is true if the run needs neither training nor measuring.
	Nothing bool
	// Measured is the number of steps that are to be measured from checkpoints; 0 if the run is to be trained.
	Measured int
	// From is the step at which training begins.
	From int
}

// Of forecasts how long the remaining part of a run, left, takes with the given number of threads. It leaves out the
// time of statistics beyond the default set.
func (s Speed) Of(p Planned, left Left, threads int) Forecast {
	c := p.Config
	parallel := float64(max(1, min(threads, c.Train.Slices)))
	if parallel > 1 {
		parallel = max(1, parallel/s.Beside)
	}
	measuring := s.measure(p, parallel)
	switch {
	case left.Nothing:
		return Forecast{}
	case left.Measured > 0:
		return forecast(s.start(p) + float64(left.Measured)*(measuring+s.step(p, parallel)))
	}
	steps := float64(c.Train.Steps - left.From + 1) // the last batch is measured without an update
	return forecast(s.start(p) + steps*s.step(p, parallel) + float64(p.Measurements(left.From))*measuring)
}

// step returns the time of one step, in seconds. The threads share all of it: the slices, then the parameters.
func (s Speed) step(p Planned, parallel float64) float64 {
	seconds := 0.0
	for i, n := range p.stepParts(float64(p.Config.Train.Batch), float64(p.Config.Train.Slices)) {
		seconds += n * s.Step[i]
	}
	return seconds / parallel
}

// forward returns the time of a forward pass over a number of sequences, in seconds: a third of the time of both passes
// of a training step.
func (s Speed) forward(p Planned, sequences float64) float64 {
	seconds := 0.0
	x := p.stepParts(sequences, 1)
	for i, n := range x[:ofOptimizer] {
		seconds += n * s.Step[i] / 3
	}
	return seconds
}

// measure returns the time of one measurement, in seconds.
func (s Speed) measure(p Planned, parallel float64) float64 {
	seconds := 0.0
	for i, n := range s.measureParts(p, parallel) {
		seconds += n * s.Measure[i]
	}
	return seconds
}

// measureParts counts the parts of one measurement. The threads share the held-out sequences.
func (s Speed) measureParts(p Planned, parallel float64) (x [measureParts]float64) {
	a, c, probe := p.Config.Arch, p.Config, p.Config.Probe
	context, layers, sequences := float64(a.Context), float64(a.Layers), float64(probe.Sequences)
	chunk := float64(c.Train.Batch / c.Train.Slices) // held-out sequences are taken a slice's size at a time
	held := math.Ceil(float64(probe.HeldOut)/chunk) * chunk
	x[ofForward] = s.forward(p, held)/parallel + s.forward(p, sequences)
	if p.Data.Truth {
		x[ofRisks] = float64(probe.HeldOut) * context * float64(p.Vocab) / parallel
	}
	x[ofSites] = sequences * context * float64(a.Width) * layers
	x[ofWeights] = sequences * float64(a.Heads) * context * context * layers
	if slices.Contains(p.Config.Statistics(), "matrix_entropy") {
		least, most := min(context, float64(a.Width)), max(context, float64(a.Width))
		x[ofSpectra] = sequences * layers * float64(max(1, len(probe.Sites))) * least * least * (most + 4*least)
	}
	x[ofMeasuring] = layers + 1
	return x
}

// perRun is the time, in seconds, that a run takes outside the trainer: the start of its process, its folder, and the
// merge of its rows by the coordinator. Measured on 2026-12-01 on two otherwise idle cores of an AMD EPYC (family 25):
// a sweep of 120 runs of five steps took 6.3 s longer than one of 20, of which their fits took 3.2 s and two runs at a
// time the rest, .062 s each, .025 s of it in the trainer.
const perRun = .04

// start returns the time before the first step and after the last, in seconds: for the process, the data, the graphs,
// the first draws and the merge.
func (s Speed) start(p Planned) float64 {
	return perRun + p.Data.Seconds + s.Start[0] + s.Start[1]*p.shape.all +
		s.Start[2]*float64(p.Config.Arch.Layers*p.Config.Train.Slices)
}

// NotForecast lists the statistics of a plan that are beyond the default set. Speed.Of leaves out the time that they
// take.
func NotForecast(plan []Planned) []string {
	wanted := map[string]bool{}
	for _, p := range plan {
		for _, name := range p.Config.Probe.Statistics {
			wanted[name] = true
		}
	}
	var names []string
	for _, s := range statistics() {
		if s.Beyond && wanted[s.name] {
			names = append(names, s.name)
		}
	}
	return names
}

// Makespan returns how long a list of runs takes if at most places of them run at a time. seconds holds the time of
// each run. The runs start in this order, each as soon as a place is free.
func Makespan(seconds []float64, places int) float64 {
	free := make([]float64, max(1, places))
	for _, s := range seconds {
		next := 0
		for i := range free {
			if free[i] < free[next] {
				next = i
			}
		}
		free[next] += s
	}
	return slices.Max(free)
}
