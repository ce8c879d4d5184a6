package trainer

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/outcrop-lab/outcrop/archs"
	"github.com/outcrop-lab/outcrop/compute"
	"github.com/outcrop-lab/outcrop/probes"
	"github.com/outcrop-lab/outcrop/rng"
)

// Measure measures a run again at the given steps, from the checkpoints that were kept, without training. It records
// the same rows as Run would have recorded, to the bit, and takes the configured snapshots. Step 0 needs no checkpoint,
// because its parameters follow from the seed. Measure returns an error if a checkpoint is missing or damaged.
func Measure(ctx context.Context, c Config, o Options, steps []int) error {
	t, err := newTraining(c, o)
	if err != nil {
		return fmt.Errorf("trainer: %w", err)
	}
	defer t.close()
	if err := t.tellTokens(o); err != nil {
		return fmt.Errorf("trainer: recording: %w", err)
	}
	for _, step := range slices.Sorted(slices.Values(steps)) {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if dir := filepath.Join(o.Dir, "checkpoints", checkpointName(step)); step > 0 {
			if err := t.readCheckpoint(dir, step); err != nil {
				return fmt.Errorf("trainer: checkpoint %s: %w", dir, err)
			}
		}
		if err := t.gradient(step); err != nil {
			return fmt.Errorf("trainer: step %d: %w", step, err)
		}
		rows, err := t.measure(step)
		if err != nil {
			return fmt.Errorf("trainer: step %d: measuring: %w", step, err)
		}
		if err := o.Recorder.Record(step, rows); err != nil {
			return fmt.Errorf("trainer: step %d: recording: %w", step, err)
		}
		if slices.Contains(c.Probe.Snapshots.Steps, step) {
			if err := t.snapshot(o.Dir, step); err != nil {
				return fmt.Errorf("trainer: step %d: snapshot: %w", step, err)
			}
		}
		if o.Progress != nil {
			o.Progress(step, t.loss)
		}
	}
	return nil
}

// Pairs lists the (site, statistic) pairs that a run records at every measured step. They are the configured pairs,
// except those with a site that the model lacks.
func Pairs(c Config) ([]probes.Pair, error) {
	plan := c.plan()
	arch := c.Arch
	arch.Vocab, arch.Context, arch.Width = 2, 2, 2*arch.Heads // the set of sites does not depend on these sizes
	layers, err := shown(arch, plan)
	if err != nil {
		if arch = c.Arch; arch.Vocab == 0 {
			arch.Vocab = 2
		}
		if layers, err = shown(arch, plan); err != nil {
			return nil, fmt.Errorf("trainer: %w", err)
		}
	}
	pairs := []probes.Pair{}
	for i := range layers {
		for _, p := range plan.Pairs(&layers[i]) {
			if !slices.Contains(pairs, p) {
				pairs = append(pairs, p)
			}
		}
	}
	return pairs, nil
}

// shown returns the layers of an architecture with the sites that the plan finds there, without data.
func shown(c archs.Config, plan probes.Plan) ([]probes.Layer, error) {
	device, err := compute.NewCPU("", compute.Float32)
	if err != nil {
		return nil, err
	}
	defer device.Free()
	layers := layersOf(c, 1, c.Context)
	weights, err := archs.NewWeights(c, device, rng.New(0, "init"))
	if err != nil {
		return nil, err
	}
	if sites := plan.Sites(); len(sites) > 0 {
		model, err := archs.Build(c, archs.Shape{Batch: 1, Tokens: c.Context}, device, weights, sites)
		if err != nil {
			return nil, err
		}
		for _, s := range model.Sites {
			l := layerAt(layers, s.Layer)
			l.Sites = append(l.Sites, probes.Site{Name: s.Name, Shape: s.Shape})
		}
		if err := model.Close(); err != nil {
			return nil, err
		}
	}
	if plan.Weights() {
		for _, p := range weights.Params() {
			l := layerAt(layers, p.Layer)
			l.Sites = append(l.Sites, probes.Site{Name: parameterSite(p.Name, p.Layer), Shape: p.Shape})
		}
	}
	return layers, nil
}
