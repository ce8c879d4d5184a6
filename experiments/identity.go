package experiments

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"reflect"
	"strconv"
	"strings"
	"sync"

	"github.com/gowebpki/jcs"

	"github.com/outcrop-lab/outcrop/trainer"
)

// identity is a run's id: the SHA-256, in hex, of the RFC 8785 JSON of
//
//	{"config": {dotted key: value, …}, "data": digest, "device": kind, "trainer": version}
//
// where config holds the keys that differ from their default only, so that a new slot changes no old id, and neither
// checkpoint nor what of probe changes no row but which there are: when, where and what is measured, and snapshots.
// probe.sequences and probe.heldout stay in: another probe batch gives the same statistic of the same step another value,
// and a database keeps one.
func identity(c trainer.Config, dataDigest, device string) (string, error) {
	return new(defaults).identity(Settings(c), c, dataDigest, device)
}

// defaults remembers the default settings of each choice of variants, by their names. Several goroutines may share it.
type defaults struct{ known sync.Map } // string to []Setting

// identity is that of a configuration and its settings.
func (d *defaults) identity(settings []Setting, c trainer.Config, dataDigest, device string) (string, error) {
	config := map[string]any{}
	for _, s := range d.own(settings, c) {
		batch := s.Key == "probe.sequences" || s.Key == "probe.heldout"
		if (batch || !strings.HasPrefix(s.Key, "probe.")) && !strings.HasPrefix(s.Key, "checkpoint.") {
			config[s.Key] = exact(s.Value)
		}
	}
	text, err := canonical(map[string]any{"config": config, "data": dataDigest, "device": device, "trainer": trainer.Version})
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), nil
}

// own lists the settings that differ from their default. The default of a variant's parameter is the variant's, whether or
// not the variant is the default one.
func (d *defaults) own(settings []Setting, c trainer.Config) []Setting {
	var names []byte
	for _, s := range settings {
		if s.name {
			names = append(append(names, s.Value.(string)...), 0)
		}
	}
	known, ok := d.known.Load(string(names))
	if !ok {
		standard := trainer.Default()
		chosen := map[string]any{}
		for _, s := range Settings(standard) {
			if s.name {
				chosen[s.Key] = s.Value
			}
		}
		align(reflect.ValueOf(&standard).Elem(), reflect.ValueOf(&c).Elem())
		aligned := Settings(standard)
		for i, s := range aligned {
			if s.name {
				aligned[i].Value = chosen[s.Key]
			}
		}
		known, _ = d.known.LoadOrStore(string(names), aligned)
	}
	usual := known.([]Setting)
	var own []Setting
	for i, s := range settings {
		if !same(s.Value, usual[i].Value) {
			own = append(own, s)
		}
	}
	return own
}

// exact makes a whole number that a float64 cannot hold a text, as RFC 8785 (appendix D) asks.
func exact(v any) any {
	const most = 1 << 53
	switch x := v.(type) {
	case uint64:
		if x > most {
			return strconv.FormatUint(x, 10)
		}
	case int64:
		if x > most || x < -most {
			return strconv.FormatInt(x, 10)
		}
	}
	return v
}

// canonical is RFC 8785 JSON.
func canonical(v any) ([]byte, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return jcs.Transform(text)
}

// nested is a configuration as the tree that a sweep file would write, every key said; a slot is always a map.
func nested(v reflect.Value) any {
	if v.Kind() != reflect.Struct {
		return plainValue(v)
	}
	tree := map[string]any{}
	if isSlot(v) {
		tree["name"] = chooser(v).Chosen()
	}
	for _, f := range fieldsOf(v) {
		tree[f.name] = nested(f.value)
	}
	return tree
}
