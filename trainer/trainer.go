package trainer

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/outcrop-lab/outcrop/archs"
	"github.com/outcrop-lab/outcrop/compute"
	"github.com/outcrop-lab/outcrop/count"
	"github.com/outcrop-lab/outcrop/data"
	"github.com/outcrop-lab/outcrop/optim"
	"github.com/outcrop-lab/outcrop/probes"
	"github.com/outcrop-lab/outcrop/rng"
	"github.com/outcrop-lab/outcrop/variant"
)

// training is one run in memory: the parameters, one graph per slice over them, and the graphs that measure them.
type training struct {
	config    Config
	run       string       // the run's id
	durable   func() error // Options.Durable
	restored  int          // step of the checkpoint that was loaded, -1 for none
	source    data.Source
	device    *compute.CPU   // holds the parameters and the optimizer, float32 whatever the precision
	beside    []*compute.CPU // of the optimizer's other threads, float32 too
	team      *compute.Team
	weights   *archs.Weights
	params    []optim.Param
	summed    *optim.Gradient
	optimizer optim.Optimizer
	slices    []slice
	backward  func(_, i int) // computes the loss and gradients of slice i's part of the batch
	measuring measuring
	batch     data.Batch
	loss      float64 // of the last batch, before its update
	gradNorm  float64 // before clipping
}

// slice computes one part of every batch, with a graph and a device of its own.
type slice struct {
	device *compute.CPU
	model  *archs.Model
	err    error // of its last run
}

// Run trains until the last step (Done), until ctx is cancelled (Stopped, after writing a checkpoint), or until the
// loss or the gradient is no longer finite (Diverged, which is a result and not an error). It resumes from the newest
// sound checkpoint in o.Dir; if there is none, it starts at step 0. A run that was killed and resumed ends with the
// same bits as an uninterrupted one. If Run finds a checkpoint that is damaged, or belongs to another run or trainer
// version, it renames the checkpoint's folder, reports it to o.Refused, and goes on without it.
//
// At a measured step k, every row is computed from the parameters after k updates. The rows `loss` and `grad_norm` are
// those of batch k, and `lr` is the learning rate of the update that follows. These three are also recorded at the
// multiples of probe.log_every.
//
//nolint:funlen // a training loop reads best as one piece
func Run(ctx context.Context, c Config, o Options) (Result, error) {
	t, err := newTraining(c, o)
	if err != nil {
		return Result{}, fmt.Errorf("trainer: %w", err)
	}
	defer t.close()
	step, err := t.resume(o)
	if err != nil {
		return Result{}, fmt.Errorf("trainer: %w", err)
	}
	result := func(status Status) Result {
		return Result{Status: status, Step: step, Params: t.size(), Loss: t.loss, Memory: t.memory()}
	}
	if o.Begun != nil {
		o.Begun(step)
	}
	if err := t.tellTokens(o); err != nil {
		return result(Stopped), fmt.Errorf("trainer: recording: %w", err)
	}
	started, since, busy := step, step, time.Duration(0)
	for ; ; step++ {
		last := step == c.Train.Steps
		if ctx.Err() != nil && !last {
			return result(Stopped), t.checkpoint(o.Dir, step)
		}
		if every := c.Checkpoint.Every; every > 0 && step%every == 0 && step > started && !last {
			if err := t.checkpoint(o.Dir, step); err != nil {
				return result(Stopped), err
			}
		}
		clock := time.Now()
		if err := t.gradient(step); err != nil {
			return result(Stopped), fmt.Errorf("trainer: step %d: %w", step, err)
		}
		busy += time.Since(clock)
		diverged := notFinite(t.loss) || notFinite(t.gradNorm)
		switch log := c.Probe.LogEvery; {
		case last || diverged || c.Probe.Every.Value.At(step):
			clock = time.Now()
			rows, err := t.measure(step)
			if err != nil {
				return result(Stopped), fmt.Errorf("trainer: step %d: measuring: %w", step, err)
			}
			if err := o.Recorder.Record(step, rows); err != nil {
				return result(Stopped), fmt.Errorf("trainer: step %d: recording: %w", step, err)
			}
			if err := o.Recorder.Timing(step, "probe_seconds", time.Since(clock).Seconds()); err != nil {
				return result(Stopped), fmt.Errorf("trainer: step %d: recording: %w", step, err)
			}
			if done := step - since; done > 0 {
				tokens := float64(done*c.Train.Batch*c.Arch.Context) / busy.Seconds()
				if err := o.Recorder.Timing(step, "tokens_per_second", tokens); err != nil {
					return result(Stopped), fmt.Errorf("trainer: step %d: recording: %w", step, err)
				}
				since, busy = step, 0
			}
		case log > 0 && step%log == 0:
			if err := o.Recorder.Record(step, t.ofBatch(nil, step)); err != nil {
				return result(Stopped), fmt.Errorf("trainer: step %d: recording: %w", step, err)
			}
		}
		if slices.Contains(c.Probe.Snapshots.Steps, step) {
			if err := t.snapshot(o.Dir, step); err != nil {
				return result(Stopped), fmt.Errorf("trainer: step %d: snapshot: %w", step, err)
			}
		}
		if diverged {
			return result(Diverged), t.prune(o.Dir, -1)
		}
		if last {
			return result(Done), t.checkpoint(o.Dir, step)
		}
		clock = time.Now()
		t.update(step)
		busy += time.Since(clock)
		if o.Progress != nil {
			o.Progress(step+1, t.loss)
		}
	}
}

// wide is the width from which norms are recomputed in the backward pass instead of kept. At this width that saves a
// tenth of a graph's memory and costs a step less time than can be measured (bench/step/README.md). A narrower model
// has fewer multiply-adds per norm, so recomputing would cost it relatively more.
const wide = 512

func newTraining(c Config, o Options) (t *training, err error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	t = &training{config: c, run: o.Run, durable: o.Durable, restored: -1}
	defer func() {
		if err != nil {
			t.close()
		}
	}()
	if err := c.CanRun(o.Kernels); err != nil {
		return t, err
	}
	if t.source, err = c.Data.Value.Open(c.Arch.Context); err != nil {
		return t, variant.Within("data", err)
	}
	if t.config.Arch.Vocab == 0 {
		t.config.Arch.Vocab = t.source.Vocab()
	}
	if have, need := t.config.Arch.Vocab, t.source.Vocab(); have < need {
		return t, fmt.Errorf("arch.vocab is %d, but the data has %s: raise it, or remove the key", have,
			count.Of(need, "token"))
	}
	if t.device, err = compute.NewCPU(o.Kernels, compute.Float32); err != nil {
		return t, err
	}
	if t.weights, err = archs.NewWeights(t.config.Arch, t.device, rng.New(c.Seed, "init")); err != nil {
		return t, err
	}
	if err := t.buildSlices(o.Kernels); err != nil {
		return t, err
	}
	t.team = compute.NewTeam(max(1, min(o.Threads, c.Train.Slices)))
	threads := optim.Threads{Team: t.team, Devices: []compute.Device{t.device}}
	for range min(o.Threads, c.Train.Slices) - 1 {
		beside, err := compute.NewCPU(o.Kernels, compute.Float32)
		if err != nil {
			return t, err
		}
		t.beside, threads.Devices = append(t.beside, beside), append(threads.Devices, beside)
	}
	t.summed = optim.NewGradient(threads, t.params)
	if t.optimizer, err = c.Optim.New(threads, t.params); err != nil {
		return t, err
	}
	t.backward = func(_, i int) {
		s, rows := &t.slices[i], len(t.batch.Tokens)/len(t.slices)
		s.device.UploadInts(s.model.Tokens, t.batch.Tokens[i*rows:(i+1)*rows])
		s.device.UploadInts(s.model.Targets, t.batch.Targets[i*rows:(i+1)*rows])
		s.err = s.model.Run()
	}
	return t, t.buildMeasuring()
}

// buildSlices makes the graph and device of each slice, and the optimizer's list of parameters.
func (t *training) buildSlices(kernels string) error {
	c, arch := t.config, t.config.Arch
	shape := archs.Shape{Batch: c.Train.Batch / c.Train.Slices, Train: true, Tokens: c.Train.Batch * arch.Context,
		Recompute: arch.Width >= wide}
	for i := range c.Train.Slices {
		s := slice{}
		shape.AccumulateInto = nil
		if i%2 == 1 { // in pairs: a third slice in the chain would wait for the second
			shape.AccumulateInto = t.slices[i-1].model
		}
		var err error
		if s.device, err = compute.NewCPU(kernels, compute.Precision(c.Train.Precision)); err != nil {
			return err
		}
		t.slices = append(t.slices, s)
		if t.slices[len(t.slices)-1].model, err = archs.Build(arch, shape, s.device, t.weights, nil); err != nil {
			return err
		}
	}
	for i, p := range t.weights.Params() {
		param := optim.Param{Name: p.Name, Layer: p.Layer, Shape: p.Shape, Kind: optim.Kind(p.Kind),
			Value: t.weights.Value(i), Grad: t.slices[0].model.Grads[i]}
		for n, s := range t.slices[1:] {
			if s.model.Grads[i] != t.slices[n].model.Grads[i] { // otherwise the slice before holds their sum
				param.Further = append(param.Further, s.model.Grads[i])
			}
		}
		t.params = append(t.params, param)
	}
	return nil
}

func (t *training) close() {
	t.measuring.close()
	for _, s := range t.slices {
		if s.model != nil {
			_ = s.model.Close()
		}
		s.device.Free()
	}
	if t.team != nil {
		t.team.Close()
	}
	for _, d := range t.beside {
		d.Free()
	}
	if t.device != nil {
		t.device.Free()
	}
}

// size returns the number of scalars in the parameters.
func (t *training) size() int {
	n := 0
	for _, p := range t.params {
		n += p.Value.Len()
	}
	return n
}

// gradient computes the gradient of batch `step`, not yet clipped, into the parameters' Grad, and sets t.loss and
// t.gradNorm.
func (t *training) gradient(step int) error {
	c := t.config
	t.source.Batch(&t.batch, c.Seed, step, c.Train.Batch)
	t.team.Run(len(t.slices), t.backward)
	t.loss = 0
	for _, s := range t.slices {
		if s.err != nil {
			return s.err
		}
		t.loss += float64(s.model.Loss.Host()[0])
	}
	t.gradNorm = t.summed.Sum()
	return nil
}

// update applies the update from step to step+1.
func (t *training) update(step int) {
	t.optimizer.Step(float32(t.rate(step)), optim.ClipFactor(t.gradNorm, t.config.Optim.Clip))
}

// measure returns the rows of the present parameters, which have had `step` updates.
func (t *training) measure(step int) ([]probes.Value, error) {
	rows, err := t.measuring.activations()
	if err != nil {
		return nil, err
	}
	if t.measuring.slices == nil {
		if err := t.buildHeldOut(); err != nil {
			return nil, err
		}
	}
	held, err := t.measuring.heldOut(t.team)
	if err != nil {
		return nil, err
	}
	rows = t.ofBatch(rows, step)
	for _, m := range held {
		rows = append(rows, m.row())
	}
	return rows, nil
}

// ofBatch appends the rows that the gradient of batch step gives.
func (t *training) ofBatch(rows []probes.Value, step int) []probes.Value {
	for _, m := range []metric{{"loss", t.loss}, {"grad_norm", t.gradNorm}, {"lr", t.rate(step)}} {
		rows = append(rows, m.row())
	}
	return rows
}

// rate returns the learning rate of the update from step to step+1.
func (t *training) rate(step int) float64 {
	c := t.config
	return c.Schedule.InSteps(c.Train.Batch*c.Arch.Context).Rate(c.Optim.LR, step, c.Train.Steps)
}

func notFinite(x float64) bool { return math.IsNaN(x) || math.IsInf(x, 0) }
