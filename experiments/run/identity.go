package run

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/outcrop-lab/outcrop/settings"
	"github.com/outcrop-lab/outcrop/store"
	"github.com/outcrop-lab/outcrop/trainer"
)

// Identifier computes the ids of runs. It caches the default settings for each choice of variants. Several goroutines
// may use it.
type Identifier struct {
	defaults settings.Defaults[trainer.Config]
}

// NewIdentifier returns an identifier for this build's trainer.
func NewIdentifier() *Identifier {
	return &Identifier{settings.Defaults[trainer.Config]{Standard: trainer.Default}}
}

// ID returns a run's id: the SHA-256, in hex, of the RFC 8785 JSON of
//
//	{"config": {dotted key: value, …}, "data": digest, "device": kind, "trainer": version}
//
// list holds all settings of c. The JSON has only the settings that differ from their defaults, so that adding a slot
// leaves existing ids unchanged. The JSON leaves out `checkpoint` and most of `probe`: they decide when, where and what
// is measured, but not the value of any row. It includes probe.sequences and probe.heldout, because another probe batch
// changes the value of a statistic at a step, and a database keeps only one value. It leaves out the paths of files:
// the digest stands for their content.
func (i *Identifier) ID(list []settings.Setting, c trainer.Config, dataDigest, device string) (string, error) {
	return i.id(list, c, dataDigest, device, false)
}

// Identity returns the id that a stored run would have today. It differs from the run's own id only if paths belonged
// to that. A run of another trainer version, or of a configuration that this build cannot read, keeps its own.
func Identity(r store.Run) string {
	c, err := ConfigOf(r)
	if err != nil || r.TrainerVersion != trainer.Version || len(settings.Files(&c)) == 0 {
		return r.ID
	}
	id, err := NewIdentifier().ID(settings.Of(&c), c, r.DataDigest, r.Device)
	if err != nil {
		return r.ID
	}
	return id
}

// FormerID returns the id that a run had while paths, as they are written, belonged to it. Without a path it is the id.
func (i *Identifier) FormerID(list []settings.Setting, c trainer.Config, dataDigest, device string) (string, error) {
	return i.id(list, c, dataDigest, device, true)
}

func (i *Identifier) id(list []settings.Setting, c trainer.Config, dataDigest, device string, files bool) (string,
	error) {
	config := map[string]any{}
	for _, s := range i.defaults.Overridden(list, c) {
		if s.File && !files {
			continue
		}
		batch := s.Key == "probe.sequences" || s.Key == "probe.heldout"
		if (batch || !strings.HasPrefix(s.Key, "probe.")) && !strings.HasPrefix(s.Key, "checkpoint.") {
			config[s.Key] = settings.Exact(s.Value)
		}
	}
	text, err := settings.Canonical(map[string]any{
		"config": config, "data": dataDigest, "device": device, "trainer": trainer.Version,
	})
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), nil
}
