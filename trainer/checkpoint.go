package trainer

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/outcrop-lab/outcrop/safetensors"
)

// The files in a checkpoint's folder, such as checkpoints/step-00001000.
const (
	modelFile     = "model.safetensors"
	optimizerFile = "optimizer.safetensors"
	stateFile     = "state.json"
)

// Suffixes of the folders below checkpoints/ that are not checkpoints. A partial one was half written or half removed,
// and the next start deletes it; a refused one is left for the user to inspect.
const (
	partialSuffix = ".partial"
	refusedSuffix = ".refused"
)

// state is the part of a checkpoint that is not tensors. It needs no generator state, because randomness is a function
// of seed and step.
type state struct {
	Version int               `json:"trainer_version"`
	Run     string            `json:"run,omitempty"` // the run's id, Options.Run
	Seed    uint64            `json:"seed"`
	Step    int               `json:"step"`
	Updates int               `json:"optimizer_updates"`
	SHA256  map[string]string `json:"sha256"` // by file name
	// Own is the SHA-256 of this file without this key. Older checkpoints lack it.
	Own string `json:"state_sha256,omitempty"`
}

// checkpoint writes the state after `step` updates into dir/checkpoints, by renaming a finished folder. It then removes
// the superseded checkpoints.
func (t *training) checkpoint(dir string, step int) error {
	root := filepath.Join(dir, "checkpoints")
	if step != t.restored { // the restored one is there already
		if err := t.writeCheckpoint(root, step); err != nil {
			return fmt.Errorf("trainer: writing the checkpoint of step %d: %w", step, err)
		}
	}
	return t.prune(dir, step)
}

// prune removes the superseded checkpoints in a run's folder. The run goes on from step `from`; if it has ended without
// a checkpoint, from is -1.
func (t *training) prune(dir string, from int) error {
	steps, err := Kept(dir)
	if err != nil {
		return err
	}
	for _, old := range t.config.superseded(steps, from) {
		if err := Drop(dir, old); err != nil {
			return err
		}
	}
	return nil
}

// Drop removes the checkpoint of the given step from a run's folder. It first renames the checkpoint's folder, so that
// a half-removed checkpoint is never mistaken for a whole one.
func Drop(dir string, step int) error {
	path := filepath.Join(dir, "checkpoints", checkpointName(step))
	err := os.RemoveAll(path + partialSuffix)
	if err == nil {
		err = os.Rename(path, path+partialSuffix)
	}
	if err == nil {
		err = os.RemoveAll(path + partialSuffix)
	}
	if err != nil {
		return fmt.Errorf("trainer: removing the checkpoint of step %d: %w", step, err)
	}
	return nil
}

// superseded lists the steps, of those given in ascending order, whose checkpoints need not be kept. The checkpoints on
// the schedule, which are those of a run that is never stopped, stay if they are among the newest Checkpoint.Keep or at
// multiples of Checkpoint.KeepEvery. A checkpoint off the schedule, at which a run was stopped, stays only as long as
// the run goes on from it: from is the step of the newest checkpoint, or -1 if the run has ended without one.
func (c Config) superseded(steps []int, from int) (gone []int) {
	every, forever := c.Checkpoint.Every, c.Checkpoint.KeepEvery
	newest := c.Checkpoint.Keep
	for _, step := range slices.Backward(steps) {
		scheduled := step == c.Train.Steps || every > 0 && step > 0 && step%every == 0
		if scheduled {
			newest--
		}
		if scheduled && (newest >= 0 || forever > 0 && step%forever == 0) || step == from {
			continue
		}
		gone = append(gone, step)
	}
	slices.Reverse(gone)
	return gone
}

func (t *training) writeCheckpoint(root string, step int) error {
	final := filepath.Join(root, checkpointName(step))
	partial := final + partialSuffix
	if err := os.RemoveAll(partial); err != nil {
		return err
	}
	if err := os.MkdirAll(partial, 0o777); err != nil {
		return err
	}
	optimizer := t.optimizer.State()
	s := state{Version: Version, Run: t.run, Seed: t.config.Seed, Step: step, Updates: *optimizer.Count,
		SHA256: map[string]string{}}
	var model, moments []safetensors.Tensor
	for _, p := range t.params { // written in place: a copy would take half the run's memory again
		model = append(model, safetensors.Tensor{Name: p.Name, Shape: p.Shape, Data: p.Value.Host()})
	}
	for i, name := range optimizer.Names {
		b := optimizer.Buffers[i]
		moments = append(moments, safetensors.Tensor{Name: name, Shape: []int{b.Len()}, Data: b.Host()})
	}
	for name, tensors := range map[string][]safetensors.Tensor{modelFile: model, optimizerFile: moments} {
		path := filepath.Join(partial, name)
		if err := safetensors.Write(path, tensors, nil); err != nil {
			return err
		}
		sum, err := digest(path)
		if err != nil {
			return err
		}
		s.SHA256[name] = sum
	}
	if err := s.seal(); err != nil {
		return err
	}
	text, err := s.text()
	if err != nil {
		return err
	}
	if err := writeSynced(filepath.Join(partial, stateFile), text); err != nil {
		return err
	}
	if err := syncFolder(partial); err != nil {
		return err
	}
	if t.durable != nil {
		if err := t.durable(); err != nil {
			return err
		}
	}
	if err := os.Rename(partial, final); err != nil {
		return err
	}
	return syncFolder(root)
}

// text returns the content of state.json.
func (s state) text() ([]byte, error) {
	text, err := json.MarshalIndent(s, "", "  ")
	return append(text, '\n'), err
}

// seal sets the state's own checksum.
func (s *state) seal() error {
	s.Own = ""
	text, err := s.text()
	s.Own = sum(text)
	return err
}

func checkpointName(step int) string { return fmt.Sprintf("step-%08d", step) }

// Kept lists the steps of the checkpoints in a run's folder in ascending order. It does not check whether the
// checkpoints are sound.
func Kept(dir string) ([]int, error) {
	steps, err := checkpoints(filepath.Join(dir, "checkpoints"))
	if err != nil {
		return nil, fmt.Errorf("trainer: %w", err)
	}
	return steps, nil
}

// checkpoints lists the steps of the finished checkpoints below root, ascending.
func checkpoints(root string) ([]int, error) {
	entries, err := os.ReadDir(root)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var steps []int
	for _, e := range entries {
		step, err := strconv.Atoi(strings.TrimPrefix(e.Name(), "step-"))
		if err == nil && e.Name() == checkpointName(step) {
			steps = append(steps, step)
		}
	}
	slices.Sort(steps)
	return steps, nil
}

// removePartials removes the folders below root that a killed process left half written or half removed.
func removePartials(root string) error {
	left, err := filepath.Glob(filepath.Join(root, "step-*"+partialSuffix))
	if err != nil {
		return err
	}
	for _, path := range left {
		if err := os.RemoveAll(path); err != nil {
			return err
		}
	}
	return nil
}

func digest(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	s := sha256.New()
	_, err = io.Copy(s, f)
	return hex.EncodeToString(s.Sum(nil)), errors.Join(err, f.Close())
}

func sum(content []byte) string {
	s := sha256.Sum256(content)
	return hex.EncodeToString(s[:])
}

// writeSynced writes a file and syncs it to disk, so that a later rename never exposes a shorter one.
func writeSynced(path string, text []byte) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if _, err = f.Write(text); err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// syncFolder syncs the names in a folder to disk.
func syncFolder(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
