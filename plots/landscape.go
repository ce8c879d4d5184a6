package plots

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path/filepath"
	"slices"

	"github.com/outcrop-lab/outcrop/count"
	"github.com/outcrop-lab/outcrop/fit"
	"github.com/outcrop-lab/outcrop/safetensors"
	"github.com/outcrop-lab/outcrop/store"
)

// landscape shows |h| over token and channel, as arXiv 2402.17762 does: an outlier on a plain. For each arm it shows
// the first and the last snapshot of the first seed that has any, in the block where the last snapshot's peak is
// highest over its median.
var landscape = figure{table: landscapeTable}

func landscapeTable(e experiment) (Table, error) {
	t := Table{
		Title: "The landscape of |h|: " + e.name,
		Subtitle: fmt.Sprintf("The activations of one probe sequence by position and channel. Height: in medians of |h|; "+
			"coloured above %d. Ring: the largest.\nLeft: the first step kept; right: the last.", outlying),
		Height: 165,
	}
	has := map[string]bool{}
	top, reduced := 0.0, false
	for _, a := range e.arms {
		found, run, err := e.scenes(a)
		if err != nil {
			return Table{}, err
		}
		for _, s := range found {
			has[run] = true
			top, reduced = max(top, s.Peak/s.Median), reduced || s.reduced
			title := fmt.Sprintf("%s, %s of block %d, step %s", a.name, s.site, s.layer, grouped(s.step))
			t.Panels = append(t.Panels, Panel{Title: title, Ridges: &s.Ridges})
			t.Columns = max(t.Columns, len(found))
		}
	}
	if len(t.Panels) == 0 {
		return Table{}, fmt.Errorf("sweep %s: %w: none of its runs has a snapshot; add probe: {snapshots: {steps: [0, "+
			"…]}} to the sweep and run it again", e.name, ErrNothing)
	}
	for _, p := range t.Panels {
		p.Ridges.Top = top
	}
	t.Caption = fmt.Sprintf("|h| of the first probe sequence over its own median. Each ridge is a position (BOS in "+
		"front), with the channels along it; all panels share one height scale. Shown is the arm's first seed with "+
		"snapshots, in the block where the last snapshot's largest |h| is highest over its median. Values above %s "+
		"are coloured.", count.Of(outlying, "median"))
	if reduced {
		t.Caption += fmt.Sprintf(" With more than %s or %s, each cell shows the largest of several "+
			"values.", count.Of(mostRidges, "position"), count.Of(mostChannels, "channel"))
	}
	t.Caption += " " + e.provenance(has)
	return t, nil
}

const (
	outlying     = 10  // medians above which a cell is coloured
	mostRidges   = 96  // most positions drawn one by one
	mostChannels = 128 // most channels drawn one by one
)

// scene is one sequence's |h| as a landscape.
type scene struct {
	Ridges
	site        string
	layer, step int
	reduced     bool // whether cells were merged
}

// scenes returns the first and the last snapshot of the arm's first run that has any, in the block where the last
// snapshot peaks highest over its median, and that run's id.
func (e experiment) scenes(a arm) ([]*scene, string, error) {
	for _, r := range a.runs {
		files, err := e.db.Snapshots(r.ID)
		if err != nil {
			return nil, "", err
		}
		files = slices.DeleteFunc(files, func(f store.SnapshotFile) bool { return f.Sequence != 0 || f.Site == sinkSite })
		if len(files) == 0 {
			continue
		}
		first, last := files[0].Step, files[0].Step
		for _, f := range files {
			first, last = min(first, f.Step), max(last, f.Step)
		}
		best, err := e.highest(r.ID, a.style.color, files, last)
		if err != nil {
			return nil, "", err
		}
		all := []*scene{best}
		for _, f := range files {
			if first < last && f.Step == first && f.Site == best.site && f.Layer == best.layer {
				s, err := e.scene(r.ID, a.style.color, f)
				if err != nil {
					return nil, "", err
				}
				all = []*scene{s, best}
			}
		}
		return all, r.ID, nil
	}
	return nil, "", nil
}

// highest returns a step's scene with the highest peak over its median.
func (e experiment) highest(run string, color Color, files []store.SnapshotFile, step int) (best *scene, err error) {
	for _, f := range files {
		if f.Step != step {
			continue
		}
		s, err := e.scene(run, color, f)
		if err != nil {
			return nil, err
		}
		if best == nil || s.Peak*best.Median > best.Peak*s.Median {
			best = s
		}
	}
	return best, nil
}

// scene reads a snapshot's first sequence from the file in the run's folder that the store names.
func (e experiment) scene(run string, color Color, f store.SnapshotFile) (*scene, error) {
	if !store.IsID(run) || !filepath.IsLocal(f.File) { // somebody changed the database
		return nil, fmt.Errorf("%w: %.100q is not a snapshot of run %.100q", store.ErrCorrupt, f.File, run)
	}
	path := filepath.Join(filepath.Dir(e.db.Path()), "runs", run, filepath.FromSlash(f.File))
	tensors, metadata, err := safetensors.Read(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: the snapshot of step %d is no longer at %s", ErrNothing, f.Step, path)
	}
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(tensors, func(t safetensors.Tensor) bool { return t.Name == f.Tensor })
	if i < 0 || len(tensors[i].Shape) < 3 {
		return nil, fmt.Errorf("%s holds no snapshot %s with positions and channels", path, f.Tensor)
	}
	shape := tensors[i].Shape // [sequences, T, channels…]
	data := tensors[i].Data[:len(tensors[i].Data)/shape[0]]
	s := &scene{site: printable(f.Site), layer: f.Layer, step: f.Step,
		Ridges: Ridges{Color: color, Outlying: outlying, Positions: shape[1], Channels: len(data) / shape[1]}}
	var tokens [][]string
	if json.Unmarshal([]byte(metadata["tokens"]), &tokens) != nil { // earlier programs did not write it
		tokens = nil
	}
	if s.fill(data); math.IsNaN(s.Peak) || math.IsInf(s.Peak, 0) || s.Median == 0 {
		return nil, fmt.Errorf("%w: %s in %s is not finite, or has a median of 0, over which nothing can stand out",
			ErrNothing, f.Tensor, path)
	}
	if len(tokens) > 0 && s.Position < len(tokens[0]) {
		s.Token = printable(tokens[0][s.Position])
	}
	return s, nil
}

// fill sets the heights, the median and the peak from a sequence's data. If there are more cells than a reader can tell
// apart, it merges neighbours and keeps the largest.
func (s *scene) fill(data []float32) {
	all := make([]float64, len(data))
	for i, v := range data {
		all[i] = float64(v)
	}
	s.Median = fit.Median(all)
	ridges, channels := min(s.Positions, mostRidges), min(s.Channels, mostChannels)
	s.reduced = ridges < s.Positions || channels < s.Channels
	s.Heights = make([][]float64, ridges)
	for i := range s.Heights {
		s.Heights[i] = make([]float64, channels)
	}
	for i, v := range data {
		t, c := i/s.Channels, i%s.Channels
		cell := &s.Heights[t*ridges/s.Positions][c*channels/s.Channels]
		*cell = max(*cell, float64(v))
		if float64(v) > s.Peak || v != v { // a NaN stays the peak, and scene refuses it
			s.Peak, s.Position, s.Channel = float64(v), t, c
		}
	}
}
