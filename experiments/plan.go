package experiments

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

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
}

// Plan opens the data of every run, once each, and gives the runs their ids. Device is a kind or "auto". Bad data is an
// *InputError that names its path and the place in the file.
func (s *Sweep) Plan(device string) ([]Planned, error) {
	switch device {
	case "", "auto":
		device = "cpu"
	case "cpu":
	default:
		return nil, inputError([]Fault{{File: "device", Message: variant.Unknown("device", device, []string{"auto", "cpu"}).Error()}})
	}
	var faults []Fault
	opened := map[string]source{}
	var plan []Planned
	for _, r := range s.runs {
		text, err := json.Marshal([]any{r.config.Arch.Context, nested(reflect.ValueOf(&r.config.Data).Elem())})
		if err != nil {
			return nil, fmt.Errorf("experiments: planning %s: %w", s.Name, err)
		}
		data, ok := opened[string(text)]
		if !ok {
			data = open(r.config)
			opened[string(text)] = data
		}
		if data.err != nil {
			faults = append(faults, r.arm.locate(s.File, variant.Errorf("data", "%s", strings.TrimPrefix(data.err.Error(), "data: "))))
			continue
		}
		p, err := planned(r.config, data, device)
		if err != nil {
			faults = append(faults, r.arm.locate(s.File, err))
			continue
		}
		p.Arm, p.Differs = r.arm.Name, r.arm.Differs
		for _, other := range plan {
			if other.ID == p.ID && !reflect.DeepEqual(Settings(other.Config), Settings(p.Config)) {
				faults = append(faults, Fault{File: s.File, Line: r.arm.node.Line, Column: r.arm.node.Column, Key: "arms." + p.Arm,
					Message: fmt.Sprintf("is the same training as %s, measured in another way; only one can be kept", other.Arm)})
			}
		}
		plan = append(plan, p)
	}
	return plan, inputError(faults)
}

// source is what planning needs of a run's data.
type source struct {
	digest string
	vocab  int
	err    error
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
	return source{digest: digest, vocab: from.Vocab()}
}

func planned(c trainer.Config, data source, device string) (Planned, error) {
	arch := c.Arch
	if arch.Vocab == 0 {
		arch.Vocab = data.vocab
	} else if arch.Vocab < data.vocab {
		return Planned{}, variant.Errorf("arch.vocab", "must be at least the data's %d tokens, or 0 for as many, is %d", data.vocab, arch.Vocab)
	}
	params, err := archs.Params(arch)
	if err != nil {
		return Planned{}, variant.Within("arch", err)
	}
	p := Planned{Seed: c.Seed, Config: c, DataDigest: data.digest, Device: device, Vocab: arch.Vocab}
	for _, param := range params {
		n := 1
		for _, size := range param.Shape {
			n *= size
		}
		p.Params += n
	}
	p.ID, err = identity(c, data.digest, device)
	return p, err
}
