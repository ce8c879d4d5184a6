package run

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/outcrop-lab/outcrop/atomicfile"
	"github.com/outcrop-lab/outcrop/experiments/folder"
	"github.com/outcrop-lab/outcrop/experiments/stopping"
	"github.com/outcrop-lab/outcrop/experiments/sweep"
	"github.com/outcrop-lab/outcrop/plain"
	"github.com/outcrop-lab/outcrop/settings"
	"github.com/outcrop-lab/outcrop/store"
	"github.com/outcrop-lab/outcrop/trainer"
	"github.com/outcrop-lab/outcrop/variant"
)

// assignment is the content of config.yaml: the resolved run. It is written as JSON, which is YAML too.
type assignment struct {
	ID         string `json:"id"`
	DataDigest string `json:"data_digest"`
	Device     string `json:"device"`
	Trainer    int    `json:"trainer,omitempty"` // the version; earlier programs did not write it
	Threads    int    `json:"threads"`
	Config     any    `json:"config"`
	// Files says where the files lie that Config names, by dotted key: absolute paths or globs.
	Files    map[string]string `json:"files,omitempty"`
	Data     []folder.DataFile `json:"data,omitempty"`
	Stopping *stopping.Rule    `json:"stopping,omitempty"`
	Until    int               `json:"until,omitempty"`
	Measure  *Measuring        `json:"measure,omitempty"`
}

// Assign writes the run's config.yaml into dir, the run's folder, and makes the folder if it does not exist. threads is
// the number of the worker's threads.
func (r Run) Assign(dir string, threads int) error {
	a := assignment{ID: r.ID, DataDigest: r.DataDigest, Device: r.Device, Threads: threads,
		Trainer: cmp.Or(r.Trainer, trainer.Version),
		Config:  settings.Tree(&r.Config), Files: map[string]string{}, Data: r.DataFiles, Stopping: r.Stopping,
		Until: r.Until, Measure: r.Measure}
	for _, f := range settings.Files(&r.Config) {
		if f.Path.At != "" {
			a.Files[f.Key] = f.Path.At
		}
	}
	text, err := json.MarshalIndent(a, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	return atomicfile.Write(filepath.Join(dir, folder.Config), append(text, '\n'))
}

// Assigned reads the config.yaml that Assign wrote into dir. Any error is a *settings.InputError.
func Assigned(dir string) (r Run, threads int, err error) {
	path := filepath.Join(dir, folder.Config)
	src, err := os.ReadFile(path)
	if err != nil {
		return r, 0, settings.Refuse(settings.Fault{File: path, Message: "reading the run: " + err.Error()})
	}
	c, err := sweep.DecodeConfig(path, src)
	if err != nil {
		return r, 0, err
	}
	var a assignment
	if err := json.Unmarshal(src, &a); err != nil {
		return r, 0, settings.Refuse(settings.Fault{File: path, Message: plain.JSON(src, err).Error()})
	}
	for _, f := range settings.Files(&c) {
		f.Path.At = a.Files[f.Key]
	}
	return Run{ID: a.ID, Config: c, DataDigest: a.DataDigest, DataFiles: a.Data, Device: a.Device,
		Trainer: a.Trainer, Seed: c.Seed, Stopping: a.Stopping, Until: a.Until, Measure: a.Measure}, a.Threads, nil
}

// Unchanged returns an error if the run's data and configuration no longer give the id under which the run was planned,
// with or without the paths as they are written.
func (r Run) Unchanged(dir string) error {
	if err := SameTrainer(r.ID, r.Trainer); err != nil {
		return err
	}
	digest, err := r.Config.Data.Value.Digest()
	if err != nil {
		return fmt.Errorf("run: %w", variant.Within("data", err))
	}
	if r.DataDigest != "" && digest != r.DataDigest {
		return fmt.Errorf("run: %s: %w", dir, r.otherContent(digest))
	}
	ids, list := NewIdentifier(), settings.Of(&r.Config)
	id, err := ids.ID(list, r.Config, digest, r.Device)
	former, again := ids.FormerID(list, r.Config, digest, r.Device)
	if err = errors.Join(err, again); err == nil && id != r.ID && former != r.ID {
		err = errors.New("the data or the configuration changed since the run was planned")
	}
	if err != nil {
		return fmt.Errorf("run: %s: %w", dir, err)
	}
	return nil
}

// SameTrainer returns a *settings.InputError if a run was planned under another trainer version than this program's,
// which would give it other bits and another id. A version of 0 is not known.
func SameTrainer(id string, version int) error {
	if version == 0 || version == trainer.Version {
		return nil
	}
	return settings.Refuse(settings.Fault{File: "run " + store.Short(id), Message: fmt.Sprintf(
		"is of trainer version %d, and this outcrop has version %d: "+
			"use the outcrop that trained it, or train its sweep again with this one", version, trainer.Version)})
}

// otherContent says that the run's data have another digest than when the run was planned.
func (r Run) otherContent(digest string) error {
	named := "the data has"
	for _, f := range settings.Files(&r.Config) {
		named = fmt.Sprintf("the content of %s, %s, has", f.Key, f.Path.Place())
	}
	return fmt.Errorf("%s changed since the run was planned: its digest is %.12s, and the run's is %.12s", named, digest,
		r.DataDigest)
}
