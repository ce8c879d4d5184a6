package trainer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/outcrop-lab/outcrop/count"
	"github.com/outcrop-lab/outcrop/plain"
	"github.com/outcrop-lab/outcrop/safetensors"
)

// Refusal describes a checkpoint that was refused because it is damaged, or because it belongs to another run or
// trainer version.
type Refusal struct {
	Step int
	Path string // path of the checkpoint's folder
	Err  error
}

func (r Refusal) Error() string { return fmt.Sprintf("checkpoint %s: %v", r.Path, r.Err) }

// Unwrap returns the reason for the refusal.
func (r Refusal) Unwrap() error { return r.Err }

// restore loads the newest checkpoint that is whole and belongs to this run, and returns its step. It refuses the
// others and tries the next older one. If none is left, it loads nothing and returns 0.
func (t *training) restore(dir string) (step int, refused []Refusal, err error) {
	root := filepath.Join(dir, "checkpoints")
	steps, err := checkpoints(root)
	if err != nil {
		return 0, nil, err
	}
	for _, step := range slices.Backward(steps) {
		path := filepath.Join(root, checkpointName(step))
		err := t.readCheckpoint(path, step)
		if err == nil {
			return step, refused, nil
		}
		refused = append(refused, Refusal{step, path, err})
	}
	return 0, refused, nil
}

// resume restores the newest sound checkpoint and prepares the folder for training from it. It removes half-written
// folders and sets refused checkpoints aside, so that none of them passes for one of this run's newest.
func (t *training) resume(o Options) (int, error) {
	if err := removePartials(filepath.Join(o.Dir, "checkpoints")); err != nil {
		return 0, err
	}
	step, refused, err := t.restore(o.Dir)
	if err != nil {
		return 0, err
	}
	for _, r := range refused {
		aside := r.Path + refusedSuffix
		if err := os.RemoveAll(aside); err != nil {
			return 0, err
		}
		if err := os.Rename(r.Path, aside); err != nil {
			return 0, err
		}
		if o.Refused != nil {
			o.Refused(r, step)
		}
	}
	return step, nil
}

// Sound returns an error if the checkpoint of the given step in a run's folder is not whole, or was not made by this
// trainer version with the given run id and seed. If run is "", or the checkpoint stores no run id, the ids are not
// compared. Sound builds no model.
func Sound(dir, run string, seed uint64, step int) error {
	_, err := readSound(filepath.Join(dir, "checkpoints", checkpointName(step)), run, seed, step)
	return err
}

// readSound returns the state of a checkpoint, or an error if it is not whole or does not belong to that run and step.
func readSound(dir, run string, seed uint64, step int) (s state, err error) {
	if s, err = readStateOf(dir); err != nil {
		return s, err
	}
	switch {
	case s.Version != Version || s.Seed != seed:
		return s, fmt.Errorf("made by trainer version %d with seed %d; this run has version %d and seed %d",
			s.Version, s.Seed, Version, seed)
	case s.Run != "" && run != "" && s.Run != run:
		return s, fmt.Errorf("belongs to run %s; this is run %s", s.Run, run)
	case s.Step != step:
		return s, fmt.Errorf("holds step %d under the name of step %d", s.Step, step)
	}
	return s, s.sums(dir)
}

// readStateOf reads the state of the checkpoint in dir.
func readStateOf(dir string) (s state, err error) {
	text, err := os.ReadFile(filepath.Join(dir, stateFile))
	if err != nil {
		return s, err
	}
	if s, err = readState(text); err != nil {
		return s, fmt.Errorf("%s: %w", stateFile, err)
	}
	return s, nil
}

// sums returns an error if a file of the checkpoint in dir has another checksum than the state says.
func (s state) sums(dir string) error {
	for _, name := range []string{modelFile, optimizerFile} {
		sum, err := digest(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		if sum != s.SHA256[name] {
			return fmt.Errorf("%s is damaged: its SHA-256 is not the one in %s", name, stateFile)
		}
	}
	return nil
}

// readCheckpoint loads the checkpoint in dir. If that is not this run's checkpoint of that step, it loads nothing and
// returns an error.
func (t *training) readCheckpoint(dir string, step int) error {
	s, err := readSound(dir, t.run, t.config.Seed, step)
	if err != nil {
		return err
	}
	loaded := map[string][]safetensors.Tensor{}
	for _, name := range []string{modelFile, optimizerFile} {
		if loaded[name], _, err = safetensors.Read(filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	optimizer := t.optimizer.State()
	if len(loaded[modelFile]) != len(t.params) || len(loaded[optimizerFile]) != len(optimizer.Names) {
		return errors.New("does not hold the tensors of this model and optimizer")
	}
	for i, p := range t.params {
		if x := loaded[modelFile][i]; x.Name != p.Name || !slices.Equal(x.Shape, p.Shape) {
			return fmt.Errorf("holds %s %v, but the model has %s %v", x.Name, x.Shape, p.Name, p.Shape)
		}
		for at, x := range loaded[modelFile][i].Data {
			if notFinite(float64(x)) { // a run whose loss is finite has no such weight
				return fmt.Errorf("is damaged: %s[%d] is %v", p.Name, at, x)
			}
		}
	}
	for i, name := range optimizer.Names {
		if x := loaded[optimizerFile][i]; x.Name != name || len(x.Data) != optimizer.Buffers[i].Len() {
			return fmt.Errorf("holds the optimizer's %s (%s), but this optimizer has %s (%d)",
				x.Name, count.Of(len(x.Data), "value"), name, optimizer.Buffers[i].Len())
		}
	}
	for i, p := range t.params {
		t.device.Upload(p.Value, loaded[modelFile][i].Data)
	}
	for i, b := range optimizer.Buffers {
		t.device.Upload(b, loaded[optimizerFile][i].Data)
	}
	*optimizer.Count, t.restored = s.Updates, s.Step
	return nil
}

// readState decodes state.json. If the state has a checksum of its own, the file must match it byte for byte.
func readState(text []byte) (s state, err error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		return s, fmt.Errorf("is damaged: %w", plain.JSON(text, err))
	}
	if _, err := d.Token(); err != io.EOF {
		return s, errors.New("is damaged: there is more after the state")
	}
	if s.Step < 0 || s.Updates < 0 {
		return s, errors.New("is damaged: step " + strconv.Itoa(s.Step) + " after " + count.Of(s.Updates, "update"))
	}
	if s.Own == "" {
		return s, nil
	}
	want := s
	if err := want.seal(); err != nil {
		return s, err
	}
	if sealed, err := want.text(); err != nil || want.Own != s.Own || !bytes.Equal(sealed, text) {
		return s, errors.New("is damaged: its SHA-256 is not the one that it states")
	}
	return s, nil
}
