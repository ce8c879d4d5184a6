package trainer

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/outcrop-lab/outcrop/safetensors"
)

// Files of a checkpoint's folder, checkpoints/step-00001000.
const (
	modelFile     = "model.safetensors"
	optimizerFile = "optimizer.safetensors"
	stateFile     = "state.json"
)

// state is what a checkpoint holds beside its tensors. No generator state is needed: randomness is a function of
// seed and step.
type state struct {
	Version int               `json:"trainer_version"`
	Seed    uint64            `json:"seed"`
	Step    int               `json:"step"`
	Updates int               `json:"optimizer_updates"`
	SHA256  map[string]string `json:"sha256"` // by file name
}

// checkpoint writes the state after `step` updates into dir/checkpoints, by renaming a finished folder, and removes
// all but the newest Checkpoint.Keep.
func (t *training) checkpoint(dir string, step int) error {
	root := filepath.Join(dir, "checkpoints")
	if err := t.writeCheckpoint(root, step); err != nil {
		return fmt.Errorf("trainer: writing the checkpoint of step %d: %w", step, err)
	}
	names, err := checkpoints(root)
	if err != nil {
		return fmt.Errorf("trainer: %w", err)
	}
	for _, old := range names[min(len(names), t.config.Checkpoint.Keep):] {
		if err := os.RemoveAll(filepath.Join(root, old)); err != nil {
			return fmt.Errorf("trainer: removing an old checkpoint: %w", err)
		}
	}
	return nil
}

func (t *training) writeCheckpoint(root string, step int) error {
	final := filepath.Join(root, checkpointName(step))
	partial := final + ".partial"
	if err := os.RemoveAll(partial); err != nil {
		return err
	}
	if err := os.MkdirAll(partial, 0o777); err != nil {
		return err
	}
	optimizer := t.optimizer.State()
	s := state{Version: Version, Seed: t.config.Seed, Step: step, Updates: *optimizer.Count, SHA256: map[string]string{}}
	var model, moments []safetensors.Tensor
	for _, p := range t.params {
		data := make([]float32, p.Value.Len())
		t.device.Download(data, p.Value)
		model = append(model, safetensors.Tensor{Name: p.Name, Shape: p.Shape, Data: data})
	}
	for i, name := range optimizer.Names {
		data := make([]float32, optimizer.Buffers[i].Len())
		t.device.Download(data, optimizer.Buffers[i])
		moments = append(moments, safetensors.Tensor{Name: name, Shape: []int{len(data)}, Data: data})
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
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(partial, stateFile), append(text, '\n'), 0o666); err != nil {
		return err
	}
	if err := os.RemoveAll(final); err != nil {
		return err
	}
	return os.Rename(partial, final)
}

func checkpointName(step int) string { return fmt.Sprintf("step-%08d", step) }

// restore loads the newest checkpoint that is whole and belongs to this run, and returns its step; 0 where there is
// none. A damaged one is passed over for the one before it; when none of them is sound, the errors are returned.
func (t *training) restore(dir string) (int, error) {
	root := filepath.Join(dir, "checkpoints")
	names, err := checkpoints(root)
	if err != nil {
		return 0, err
	}
	var faults []error
	for _, name := range names {
		step, err := t.readCheckpoint(filepath.Join(root, name))
		if err == nil {
			return step, nil
		}
		faults = append(faults, fmt.Errorf("checkpoint %s: %w", filepath.Join(root, name), err))
	}
	if len(faults) > 0 {
		return 0, fmt.Errorf("no sound checkpoint; remove them to train from the start: %w", errors.Join(faults...))
	}
	return 0, nil
}

func (t *training) readCheckpoint(dir string) (int, error) {
	text, err := os.ReadFile(filepath.Join(dir, stateFile))
	if err != nil {
		return 0, err
	}
	var s state
	if err := json.Unmarshal(text, &s); err != nil {
		return 0, fmt.Errorf("%s: %w", stateFile, err)
	}
	if s.Version != Version || s.Seed != t.config.Seed {
		return 0, fmt.Errorf("made by trainer version %d with seed %d; this run has version %d, seed %d", s.Version, s.Seed, Version, t.config.Seed)
	}
	loaded := map[string][]safetensors.Tensor{}
	for _, name := range []string{modelFile, optimizerFile} {
		path := filepath.Join(dir, name)
		sum, err := digest(path)
		if err != nil {
			return 0, err
		}
		if sum != s.SHA256[name] {
			return 0, fmt.Errorf("%s is damaged: its SHA-256 is not the one in %s", name, stateFile)
		}
		if loaded[name], _, err = safetensors.Read(path); err != nil {
			return 0, err
		}
	}
	optimizer := t.optimizer.State()
	if len(loaded[modelFile]) != len(t.params) || len(loaded[optimizerFile]) != len(optimizer.Names) {
		return 0, errors.New("holds other tensors than this model and optimizer")
	}
	for i, p := range t.params {
		if x := loaded[modelFile][i]; x.Name != p.Name || !slices.Equal(x.Shape, p.Shape) {
			return 0, fmt.Errorf("holds %s %v where the model has %s %v", x.Name, x.Shape, p.Name, p.Shape)
		}
	}
	for i, name := range optimizer.Names {
		if x := loaded[optimizerFile][i]; x.Name != name || len(x.Data) != optimizer.Buffers[i].Len() {
			return 0, fmt.Errorf("holds the optimizer's %s (%d) where %s (%d) is wanted", x.Name, len(x.Data), name, optimizer.Buffers[i].Len())
		}
	}
	for i, p := range t.params {
		t.device.Upload(p.Value, loaded[modelFile][i].Data)
	}
	for i, b := range optimizer.Buffers {
		t.device.Upload(b, loaded[optimizerFile][i].Data)
	}
	*optimizer.Count = s.Updates
	return s.Step, nil
}

// Newest is the step of the newest checkpoint in a run's folder, sound or not; 0 where there is none.
func Newest(dir string) (int, error) {
	names, err := checkpoints(filepath.Join(dir, "checkpoints"))
	if err != nil || len(names) == 0 {
		return 0, err
	}
	return strconv.Atoi(strings.TrimPrefix(names[0], "step-"))
}

// checkpoints lists the finished checkpoints below root, the newest first.
func checkpoints(root string) ([]string, error) {
	entries, err := os.ReadDir(root)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "step-") && !strings.HasSuffix(e.Name(), ".partial") {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	slices.Reverse(names)
	return names, nil
}

func digest(path string) (string, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:]), nil
}
