package run

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/outcrop-lab/outcrop/settings"
	"github.com/outcrop-lab/outcrop/trainer"
)

// Identifier computes the ids of runs, and caches the defaults of each choice of variants. Several goroutines may use
// it.
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
// list holds all settings of c. The JSON has only those that differ from their default, so that a new slot changes no
// old id. It leaves out `checkpoint` and most of `probe`, which decide when, where and what is measured, but not the
// value of any row. probe.sequences and probe.heldout stay in, because another probe batch gives the same statistic at
// the same step another value, and a database keeps only one.
func (i *Identifier) ID(list []settings.Setting, c trainer.Config, dataDigest, device string) (string, error) {
	config := map[string]any{}
	for _, s := range i.defaults.Overridden(list, c) {
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
