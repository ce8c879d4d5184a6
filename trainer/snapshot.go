package trainer

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/outcrop-lab/outcrop/archs"
	"github.com/outcrop-lab/outcrop/atomicfile"
	"github.com/outcrop-lab/outcrop/count"
	"github.com/outcrop-lab/outcrop/plain"
	"github.com/outcrop-lab/outcrop/safetensors"
	"github.com/outcrop-lab/outcrop/variant"
)

// Snapshots says which activations are kept whole: |h| for every token and channel, for the landscape plots of arXiv
// 2402.17762.
type Snapshots struct {
	Steps     []int  `json:"steps" max:"2^53" doc:"at which snapshots are taken; none takes none"`
	Layers    []int  `json:"layers" max:"2^16" doc:"which are kept; none means all, -1 is everything outside the blocks"`
	Site      string `json:"site" doc:"whose activations are kept"`
	Sequences int    `json:"sequences" max:"2^20" doc:"how many of the probe batch are kept, from the first"`
}

func (s Snapshots) validate(c Config) error {
	for _, step := range s.Steps {
		if step < 0 || step > c.Train.Steps {
			return variant.Errorf("probe.snapshots.steps", "must lie between 0 and train.steps (%d); one is %d",
				c.Train.Steps, step)
		}
	}
	for _, layer := range s.Layers {
		if layer < -1 || layer >= c.Arch.Layers {
			return variant.Errorf("probe.snapshots.layers",
				"must lie between 0 and %d, or be -1 for everything outside the blocks; one is %d", c.Arch.Layers-1, layer)
		}
	}
	if !slices.Contains(archs.Sites(), s.Site) {
		return variant.Errorf("probe.snapshots.site", "%v", variant.Unknown("site", s.Site, archs.Sites()))
	}
	if s.Sequences < 1 || s.Sequences > c.Probe.Sequences {
		return variant.Errorf("probe.snapshots.sequences", "must lie between 1 and probe.sequences (%d), is %d",
			c.Probe.Sequences, s.Sequences)
	}
	return nil
}

// Snapshot describes one kept tensor. It is an entry of snapshots/index.json in a run's folder.
type Snapshot struct {
	Step  int    `json:"step"`
	Site  string `json:"site"`
	Layer int    `json:"layer"`
	// File is a path relative to the run's folder. Tensor is the name under which the file holds |h|, in float32. Shape
	// is the site's shape with the number of kept sequences in place of B; a site of shape [B*T, n] is kept as
	// [sequences, T, n].
	File   string `json:"file"`
	Tensor string `json:"tensor"`
	Shape  []int  `json:"shape"`
	SHA256 string `json:"sha256"` // of the file
	Bytes  int64  `json:"bytes"`  // of the file
}

const snapshotIndex = "index.json"

// snapshot writes the wanted layers after `step` updates into a file, which appears by rename, and then adds it to the
// index. The file's metadata has, as `tokens`, what the tokens of each kept sequence stand for: JSON, [sequences][T].
func (t *training) snapshot(dir string, step int) error {
	want, m := t.config.Probe.Snapshots, &t.measuring
	if err := m.read(); err != nil {
		return err
	}
	root := filepath.Join(dir, "snapshots")
	if err := os.MkdirAll(root, 0o777); err != nil {
		return err
	}
	var tensors []safetensors.Tensor
	var taken []Snapshot
	file := snapshotFile(step, want.Site)
	for i := range m.layers {
		l := &m.layers[i]
		s := l.Site(want.Site)
		if s == nil || len(want.Layers) > 0 && !slices.Contains(want.Layers, l.Index) {
			continue
		}
		size := len(s.Data) / l.B
		shape := append([]int{want.Sequences}, s.Shape[1:]...)
		if size%l.T == 0 && s.Shape[0] != l.B { // rows of tokens, [B*T, C]
			shape = []int{want.Sequences, l.T, size / l.T}
		}
		absolute := make([]float32, want.Sequences*size)
		for j := range absolute {
			absolute[j] = float32(math.Abs(float64(s.Data[j])))
		}
		name := want.Site + "." + strconv.Itoa(l.Index)
		tensors = append(tensors, safetensors.Tensor{Name: name, Shape: shape, Data: absolute})
		taken = append(taken, Snapshot{Step: step, Site: want.Site, Layer: l.Index, File: "snapshots/" + file, Tensor: name,
			Shape: shape})
	}
	if len(tensors) == 0 {
		return fmt.Errorf("probe.snapshots: the model has no site %s at layers %v", want.Site, want.Layers)
	}
	path := filepath.Join(root, file)
	labels := make([][]string, want.Sequences)
	for b := range labels {
		for _, token := range m.tokens[b*t.config.Arch.Context : (b+1)*t.config.Arch.Context] {
			labels[b] = append(labels[b], t.source.Label(token))
		}
	}
	tokens, err := json.Marshal(labels)
	if err != nil {
		return err
	}
	if err := safetensors.Write(path, tensors, map[string]string{"step": strconv.Itoa(step), "value": "absolute",
		"tokens": string(tokens)}); err != nil {
		return err
	}
	sum, err := digest(path)
	if err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	for i := range taken {
		taken[i].SHA256, taken[i].Bytes = sum, info.Size()
	}
	return addSnapshots(dir, file, taken)
}

func snapshotFile(step int, site string) string {
	return fmt.Sprintf("step-%08d.%s.safetensors", step, site)
}

// addSnapshots replaces a file's entries in the index.
func addSnapshots(dir, file string, taken []Snapshot) error {
	all, err := ReadSnapshots(dir)
	if err != nil {
		return err
	}
	all = slices.DeleteFunc(all, func(s Snapshot) bool { return s.File == "snapshots/"+file })
	all = append(all, taken...)
	slices.SortStableFunc(all, func(a, b Snapshot) int { return a.Step - b.Step })
	text, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return err
	}
	path := filepath.Join(dir, "snapshots", snapshotIndex)
	return atomicfile.Write(path, append(text, '\n'))
}

// ReadSnapshots lists the snapshots in a run's folder, ordered by step. If the folder has no index, the list is empty.
// ReadSnapshots leaves out entries whose file is missing or has the wrong size, so that those snapshots are taken
// again.
func ReadSnapshots(dir string) ([]Snapshot, error) {
	path := filepath.Join(dir, "snapshots", snapshotIndex)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	all, err := parseSnapshots(text)
	if err != nil {
		return nil, fmt.Errorf("trainer: %s: %w; remove the index to take the snapshots again", path, err)
	}
	return slices.DeleteFunc(all, func(s Snapshot) bool {
		info, err := os.Stat(filepath.Join(dir, filepath.FromSlash(s.File)))
		return err != nil || info.Size() != s.Bytes
	}), nil
}

// parseSnapshots decodes an index and checks that snapshot could have written each entry.
func parseSnapshots(text []byte) ([]Snapshot, error) {
	var all []Snapshot
	if err := json.Unmarshal(text, &all); err != nil {
		return nil, plain.JSON(text, err)
	}
	for i, s := range all {
		left := s.Bytes / 4 // values that the file can hold
		for _, n := range s.Shape {
			if n < 1 || int64(n) > left {
				left = 0
				break
			}
			left /= int64(n)
		}
		if len(s.Shape) == 0 || left < 1 || s.Step < 0 || !slices.Contains(archs.Sites(), s.Site) ||
			s.File != "snapshots/"+snapshotFile(s.Step, s.Site) {
			return nil, fmt.Errorf("entry %d is damaged: %q of shape %v in %s", i, s.File, s.Shape, count.Of(s.Bytes, "byte"))
		}
	}
	return all, nil
}

// Missing lists the steps at which at least one wanted snapshot is missing from the run's folder dir. blocks is the
// number of blocks of the run's model.
func (s Snapshots) Missing(dir string, blocks int) ([]int, error) {
	if len(s.Steps) == 0 {
		return nil, nil
	}
	all, err := ReadSnapshots(dir)
	if err != nil {
		return nil, err
	}
	var missing []int
	for _, step := range s.Steps {
		if !s.taken(all, step, blocks) {
			missing = append(missing, step)
		}
	}
	return missing, nil
}

// taken reports whether the snapshots of a step are all there. If no layers are named, these are the snapshots of every
// block, or the single one of the layer outside the blocks.
func (s Snapshots) taken(all []Snapshot, step, blocks int) bool {
	var layers []int
	for _, one := range all {
		if one.Step == step && one.Site == s.Site && one.Shape[0] >= s.Sequences {
			layers = append(layers, one.Layer)
		}
	}
	if len(s.Layers) == 0 {
		return len(layers) == blocks || slices.Equal(layers, []int{-1})
	}
	return !slices.ContainsFunc(s.Layers, func(layer int) bool { return !slices.Contains(layers, layer) })
}
