// Package plan turns a sweep into runs with ids, and forecasts the time, memory and disk space that each takes on this
// machine.
package plan

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/outcrop-lab/outcrop/archs"
	"github.com/outcrop-lab/outcrop/count"
	"github.com/outcrop-lab/outcrop/data"
	"github.com/outcrop-lab/outcrop/experiments/folder"
	"github.com/outcrop-lab/outcrop/experiments/run"
	"github.com/outcrop-lab/outcrop/experiments/sweep"
	"github.com/outcrop-lab/outcrop/settings"
	"github.com/outcrop-lab/outcrop/trainer"
	"github.com/outcrop-lab/outcrop/variant"
)

// Planned is one run of a plan. Arms that resolve to the same configuration share an ID, and the run is trained only
// once.
type Planned struct {
	run.Run
	Arm string
	// Differs lists the arm's settings that differ from those of the sweep's base.
	Differs []settings.Setting
	// Vocab is the size of the model's vocabulary, in tokens.
	Vocab int
	// Data is what the run is trained on, and what that costs each process that trains it.
	Data data.Survey
	// Sites, which SitesKey returns, is the same for runs that want rows of the same sites and statistics. Every is the
	// same for runs that are measured on the same schedule. Scheduled reports whether the sweep names that schedule with
	// all its parameters, instead of leaving it to the defaults.
	Sites, Every string
	Scheduled    bool

	file       string // the sweep's
	arm        *sweep.Arm
	shape      shape
	muonTables bool // Muon updates embeddings and head
}

// Of plans every run of a sweep. It surveys each run's data, once for all runs that share the data, and gives each run
// its id. device is a kind of device or "auto". If data are bad, Of returns a *settings.InputError that names the
// data's path and the place in the file. It also returns a *settings.InputError if this machine lacks a run's
// precision, or if no machine has a run's memory.
func Of(s *sweep.Sweep, device string) ([]Planned, error) { return of(s, device, "") }

// of is Of for a machine whose best kernel path is kernels; "" means this machine's.
func of(s *sweep.Sweep, device, kernels string) ([]Planned, error) {
	switch device {
	case "", "auto":
		device = "cpu"
	case "cpu":
	default:
		unknown := variant.Unknown("device", device, []string{"auto", "cpu"})
		return nil, settings.Refuse(settings.Fault{File: "device", Message: unknown.Error()})
	}
	var faults []settings.Fault
	p := planner{sweep: s, device: device, kernels: kernels, surveyed: map[string]source{}, sized: map[string]sized{},
		ids: run.NewIdentifier()}
	first := make(map[string]int, len(s.Runs)) // by id
	planned := make([]Planned, 0, len(s.Runs))
	made, failed := make([]Planned, len(s.Runs)), make([]error, len(s.Runs))
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, r := range s.Runs {
		group.Go(func() error {
			made[i], failed[i] = p.run(r)
			return nil
		})
	}
	_ = group.Wait() // the errors are in failed
	for i, r := range s.Runs {
		if failed[i] != nil {
			faults = append(faults, r.Arm.Locate(s.File, failed[i]))
			continue
		}
		one := made[i]
		at, twice := first[one.ID]
		if !twice {
			first[one.ID] = len(planned)
		} else if fingerprint(planned[at]) != fingerprint(one) {
			faults = append(faults, r.Arm.Locate(s.File, fmt.Errorf(
				"trains the same run as %s but measures it differently; only one of them can be kept", planned[at].Arm)))
		}
		planned = append(planned, one)
	}
	if at := slices.IndexFunc(planned, func(p Planned) bool {
		return p.Stopping != nil && strings.HasSuffix(p.Stopping.Metric, "_risk") && !p.Data.Truth
	}); at >= 0 {
		faults = append(faults, settings.Fault{File: s.File, Key: "stopping.metric",
			Message: fmt.Sprintf("%s is not measured over the data of %s, which does not know its own chain: "+
				"watch heldout_loss or loss", s.Stopping.Metric, planned[at].Arm)})
	}
	return planned, settings.Refuse(faults...)
}

// fingerprint returns a string that is equal for runs that are trained and measured alike, wherever their files lie.
func fingerprint(p Planned) string {
	return settings.Fingerprint(slices.DeleteFunc(settings.Of(&p.Config), func(s settings.Setting) bool { return s.File }))
}

// planner makes planned runs, several at a time, and caches what runs share.
type planner struct {
	sweep   *sweep.Sweep
	device  string
	kernels string
	ids     *run.Identifier

	mutex    sync.Mutex        // guards the maps below
	surveyed map[string]source // by data and context
	sized    map[string]sized  // by the data's vocabulary and the architecture
}

// source is the survey of a run's data, or why there is none.
type source struct {
	data.Survey
	files []folder.DataFile
	err   error
}

// sized is what planning needs of an architecture.
type sized struct {
	shape shape
	vocab int // tokens of the model
	err   error
}

func (p *planner) run(r sweep.Run) (Planned, error) {
	c := r.Config
	list := slices.Clone(r.Arm.Settings)
	list[slices.IndexFunc(list, func(s settings.Setting) bool { return s.Key == "seed" })].Value = c.Seed
	source, size := p.shared(c, list)
	if source.err != nil {
		return Planned{}, variant.Within("data", source.err)
	}
	if size.err != nil {
		return Planned{}, size.err
	}
	if err := c.CanRun(p.kernels); err != nil {
		return Planned{}, err
	}
	made := Planned{
		Run: run.Run{Seed: c.Seed, Config: c, DataDigest: source.Digest, DataFiles: source.files, Device: p.device,
			Stopping: p.sweep.Stopping},
		Arm: r.Arm.Name, Differs: r.Arm.Differs, Vocab: size.vocab, Data: source.Survey,
		Sites: SitesKey(list, c), Every: ScheduleKey(list),
		Scheduled: scheduled(r.Arm, list),
		file:      p.sweep.File, arm: r.Arm,
		shape: size.shape, muonTables: settings.Value(list, "optim.embeddings") == "muon",
	}
	if err := made.within(Room{addressable, "a process can address"}); err != nil {
		return made, err
	}
	made.Params = int(size.shape.all)
	var err error
	made.ID, err = p.ids.ID(list, c, source.Digest, p.device)
	return made, err
}

// scheduled reports whether an arm names its probe schedule with all parameters.
func scheduled(a *sweep.Arm, list []settings.Setting) bool {
	return !slices.ContainsFunc(settings.Section(list, "probe.every"),
		func(s settings.Setting) bool { return !a.Names(s.Key) })
}

// shared returns what many runs have in common: their data, and the size of their architecture over it.
func (p *planner) shared(c trainer.Config, list []settings.Setting) (from source, size sized) {
	ofData := strconv.Itoa(c.Arch.Context) + "\x00" + settings.Fingerprint(settings.Section(list, "data"))
	for _, f := range settings.Files(&c.Data) {
		ofData += "\x00" + f.Path.Place() // the same words may stand for two files
	}
	ofArch := settings.Fingerprint(settings.Section(list, "arch"))
	p.mutex.Lock()
	defer p.mutex.Unlock()
	from, ok := p.surveyed[ofData]
	if !ok {
		from.Survey, from.err = c.Data.Value.Survey(context.Background(), c.Arch.Context)
		for _, f := range from.Files {
			from.files = append(from.files, folder.DataFile{File: filepath.Base(f.Path), Tokens: f.Tokens, Vocab: f.Vocab})
		}
		p.surveyed[ofData] = from
	}
	if from.err != nil {
		return from, size
	}
	ofArch = strconv.Itoa(from.Vocab) + "\x00" + ofArch
	if size, ok = p.sized[ofArch]; !ok {
		size = sizeOf(c.Arch, from.Vocab)
		p.sized[ofArch] = size
	}
	return from, size
}

// sizeOf returns the size of an architecture over data of that many tokens. It builds no graph.
func sizeOf(arch archs.Config, vocab int) (s sized) {
	if arch.Vocab == 0 {
		arch.Vocab = vocab
	} else if arch.Vocab < vocab {
		return sized{err: variant.Errorf("arch.vocab", "must be at least the data's %s, or 0 for as many, is %d",
			count.Of(vocab, "token"), arch.Vocab)}
	}
	s.vocab = arch.Vocab
	if s.shape, s.err = shapeFrom(arch); s.err != nil {
		s.err = variant.Within("arch", s.err)
	}
	return s
}

// shapeFrom returns the shape of an architecture. Its time does not grow with the number of layers.
func shapeFrom(arch archs.Config) (shape, error) {
	layers := arch.Layers
	arch.Layers = 1
	params, err := archs.Params(arch)
	if err != nil {
		return shape{}, err
	}
	return shapeOf(params, arch.Tied, layers), nil
}

// ScheduleKey returns a string that is the same for configurations that are measured on the same schedule.
func ScheduleKey(list []settings.Setting) string {
	return settings.Fingerprint(settings.Section(list, "probe.every"))
}

// SitesKey returns a string that is the same for configurations whose rows have the same sites and statistics. list
// holds the settings of c.
func SitesKey(list []settings.Setting, c trainer.Config) string {
	var shape []settings.Setting
	for _, one := range list {
		switch one.Key {
		case "arch.layers", "arch.width", "arch.context", "arch.vocab", "arch.init", "arch.init.std":
			// no site depends on these
		case "probe.sites":
			shape = append(shape, one)
		case "probe.statistics":
			shape = append(shape, settings.Setting{Key: one.Key, Value: strings.Join(c.Statistics(), " ")})
		default:
			if strings.HasPrefix(one.Key, "arch.") {
				shape = append(shape, one)
			}
		}
	}
	return settings.Fingerprint(shape)
}
