package sweep

import (
	"go.yaml.in/yaml/v4"

	"github.com/outcrop-lab/outcrop/settings"
	"github.com/outcrop-lab/outcrop/variant"
)

// Over lays a preset over the sweep's base and checks the result. name may also be the path, ending in .yaml, of a file
// in the form of a preset. Over returns the resolved configuration, with seed 0, as the JSON that the store keeps. If
// the name is unknown, the error is a *variant.Error at "extends"; if the file has a fault, it is a
// *settings.InputError.
func (s *Sweep) Over(name string) (string, error) {
	own, err := decoded(s.from, []byte(s.Source), stored{}) // a configuration of its own, because slots hold pointers
	if err != nil {
		return "", err
	}
	d := &decoder{}
	from, src, err := d.open(name)
	if err != nil {
		return "", variant.Errorf("extends", "%v", err)
	}
	root, err := parse(from.file, src)
	if err != nil {
		return "", err
	}
	a := &Arm{Name: name, Config: own.Base, node: &yaml.Node{}, set: map[string]place{}}
	d.origin, d.set = from, a.set
	d.onto(&a.Config, "", root)
	if len(d.faults) > 0 {
		return "", settings.Refuse(d.faults...)
	}
	if err := a.Config.Validate(); err != nil {
		return "", settings.Refuse(a.Locate(from.file, err))
	}
	text, err := settings.Stored(&a.Config)
	return string(text), err
}
