package sweep

import (
	"go.yaml.in/yaml/v4"

	"github.com/outcrop-lab/outcrop/settings"
	"github.com/outcrop-lab/outcrop/variant"
)

// Over lays a preset, or a file in the form of one (its path ends in .yaml), over the sweep's base, checks the result,
// and returns the resolved configuration of seed 0 as the JSON that the store keeps. An unknown name is a
// *variant.Error at "extends"; a fault in the file is a *settings.InputError.
func (s *Sweep) Over(name string) (string, error) {
	own, err := LoadBytes(s.File, []byte(s.Source)) // a configuration of its own, because slots hold pointers
	if err != nil {
		return "", err
	}
	d := &decoder{}
	file, src, err := d.read(name)
	if err != nil {
		return "", variant.Errorf("extends", "%v", err)
	}
	root, err := parse(file, src)
	if err != nil {
		return "", err
	}
	a := &Arm{Name: name, Config: own.Base, node: &yaml.Node{}, set: map[string]place{}}
	d.file, d.set = file, a.set
	d.onto(&a.Config, "", root)
	if len(d.faults) > 0 {
		return "", settings.Refuse(d.faults...)
	}
	if err := a.Config.Validate(); err != nil {
		return "", settings.Refuse(a.Locate(file, err))
	}
	text, err := settings.Stored(&a.Config)
	return string(text), err
}
