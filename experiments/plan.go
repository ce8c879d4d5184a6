package experiments

import (
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/outcrop-lab/outcrop/archs"
	"github.com/outcrop-lab/outcrop/trainer"
	"github.com/outcrop-lab/outcrop/variant"
)

// Planned is one run of a plan. Two arms that come to the same configuration share an ID, and are trained once.
type Planned struct {
	ID     string
	Arm    string
	Seed   uint64
	Config trainer.Config
	// Differs is what the arm changes in base.
	Differs    []Setting
	DataDigest string
	// Device is the kind, resolved: "cpu".
	Device string
	// Params is the number of parameters, Vocab that of tokens.
	Params, Vocab int
	// Stopping is the sweep's; nil where runs are trained to their end.
	Stopping *Stopping
	// Until is the step at which its worker stops, for halving; 0 for its end.
	Until int

	shape      shape
	truth      bool // the data knows its own chain
	muonTables bool // Muon updates embeddings and head
	// sites and every are equal of runs that want rows of the same statistics, and at the same steps.
	sites, every string
}

// Plan opens the data of every run, once each, and gives the runs their ids. Device is a kind or "auto". Bad data is an
// *InputError that names its path and the place in the file; a precision that this machine lacks is one too.
func (s *Sweep) Plan(device string) ([]Planned, error) { return s.plan(device, "") }

// plan is Plan for a machine whose best kernel path is kernels, "" for this one's.
func (s *Sweep) plan(device, kernels string) ([]Planned, error) {
	switch device {
	case "", "auto":
		device = "cpu"
	case "cpu":
	default:
		return nil, inputError([]Fault{{File: "device", Message: variant.Unknown("device", device, []string{"auto", "cpu"}).Error()}})
	}
	var faults []Fault
	p := planner{sweep: s, device: device, kernels: kernels, opened: map[string]source{}, sized: map[string]sized{}, usual: new(defaults)}
	first := make(map[string]int, len(s.runs)) // by id
	plan := make([]Planned, 0, len(s.runs))
	made, failed := make([]Planned, len(s.runs)), make([]error, len(s.runs))
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, r := range s.runs {
		group.Go(func() error {
			made[i], failed[i] = p.run(r)
			return nil
		})
	}
	_ = group.Wait() // what failed stands in failed
	for i, r := range s.runs {
		if failed[i] != nil {
			faults = append(faults, r.arm.locate(s.File, failed[i]))
			continue
		}
		one := made[i]
		at, twice := first[one.ID]
		if !twice {
			first[one.ID] = len(plan)
		} else if a, b := plan[at].Config, one.Config; fingerprint(Settings(a)) != fingerprint(Settings(b)) {
			faults = append(faults, Fault{File: s.File, Line: r.arm.node.Line, Column: r.arm.node.Column, Key: "arms." + one.Arm,
				Message: fmt.Sprintf("is the same training as %s, measured in another way; only one can be kept", plan[at].Arm)})
		}
		plan = append(plan, one)
	}
	if at := slices.IndexFunc(plan, func(p Planned) bool {
		return p.Stopping != nil && strings.HasSuffix(p.Stopping.Metric, "_risk") && !p.truth
	}); at >= 0 {
		faults = append(faults, Fault{File: s.File, Key: "stopping.metric",
			Message: fmt.Sprintf("%s is not measured over the data of %s, which do not know their own chain: watch heldout_loss or loss", s.Stopping.Metric, plan[at].Arm)})
	}
	return plan, inputError(faults)
}

// planner makes planned runs, several at a time, and remembers what runs share.
type planner struct {
	sweep   *Sweep
	device  string
	kernels string
	usual   *defaults

	mutex  sync.Mutex        // guards what follows
	opened map[string]source // by data and context
	sized  map[string]sized  // by architecture
}

// source is what planning needs of a run's data.
type source struct {
	digest string
	truth  bool
	vocab  int
	err    error
}

// sized is what planning needs of an architecture.
type sized struct {
	shape  shape
	vocab  int // tokens of the model
	params int
	err    error
}

func (p *planner) run(r run) (Planned, error) {
	c := r.config
	settings := slices.Clone(r.arm.settings)
	settings[slices.IndexFunc(settings, func(s Setting) bool { return s.Key == "seed" })].Value = c.Seed
	data, size := p.shared(c, settings)
	if data.err != nil {
		return Planned{}, variant.Errorf("data", "%s", strings.TrimPrefix(data.err.Error(), "data: "))
	}
	if size.err != nil {
		return Planned{}, size.err
	}
	if err := c.CanRun(p.kernels); err != nil {
		return Planned{}, err
	}
	id, err := p.usual.identity(settings, c, data.digest, p.device)
	return Planned{ID: id, Arm: r.arm.Name, Seed: c.Seed, Config: c, Differs: r.arm.Differs, DataDigest: data.digest, Device: p.device, Params: size.params, Vocab: size.vocab, Stopping: p.sweep.Stopping,
		sites: sitesKey(settings), every: fingerprint(section(settings, "probe.every")), shape: size.shape, truth: data.truth, muonTables: slices.ContainsFunc(settings, func(s Setting) bool { return s.Key == "optim.embeddings" && s.Value == "muon" })}, err
}

// shared is what many runs have alike: their data, and their architecture over it.
func (p *planner) shared(c trainer.Config, settings []Setting) (data source, size sized) {
	ofData, ofArch := strconv.Itoa(c.Arch.Context)+"\x00"+fingerprint(section(settings, "data")), fingerprint(section(settings, "arch"))
	p.mutex.Lock()
	defer p.mutex.Unlock()
	data, ok := p.opened[ofData]
	if !ok {
		data = open(c)
		p.opened[ofData] = data
	}
	if data.err != nil {
		return data, size
	}
	ofArch = strconv.Itoa(data.vocab) + "\x00" + ofArch
	if size, ok = p.sized[ofArch]; !ok {
		size = sizeOf(c.Arch, data.vocab)
		p.sized[ofArch] = size
	}
	return data, size
}

// section is the settings of one key of the configuration's top, which lie together.
func section(settings []Setting, key string) []Setting {
	in := func(s Setting) bool { return s.Key == key || strings.HasPrefix(s.Key, key+".") }
	from := slices.IndexFunc(settings, in)
	to := from
	for to < len(settings) && in(settings[to]) {
		to++
	}
	return settings[from:to]
}

func open(c trainer.Config) source {
	digest, err := c.Data.Value.Digest()
	if err != nil {
		return source{err: err}
	}
	from, err := c.Data.Value.Open(c.Arch.Context)
	if err != nil {
		return source{err: err}
	}
	return source{digest: digest, vocab: from.Vocab(), truth: from.Truth(0) != nil}
}

// sizeOf counts an architecture over data of that many tokens, building no graph.
func sizeOf(arch archs.Config, vocab int) (s sized) {
	if arch.Vocab == 0 {
		arch.Vocab = vocab
	} else if arch.Vocab < vocab {
		return sized{err: variant.Errorf("arch.vocab", "must be at least the data's %d tokens, or 0 for as many, is %d", vocab, arch.Vocab)}
	}
	params, err := archs.Params(arch)
	if err != nil {
		return sized{err: variant.Within("arch", err)}
	}
	s.vocab, s.shape = arch.Vocab, shapeOf(params, arch.Tied)
	for _, p := range params {
		s.params += p.Size()
	}
	return s
}
