package trainer

import (
	"errors"
	"fmt"
	"math"

	"github.com/outcrop-lab/outcrop/archs"
	"github.com/outcrop-lab/outcrop/data"
	"github.com/outcrop-lab/outcrop/safetensors"
	"github.com/outcrop-lab/outcrop/variant"
)

// AbsorbBound is the largest relative difference of the logits that absorbing may make. Both models compute the same
// numbers in another order, so what remains is float32's rounding (6e-8 an operation, some 1e-6 over a network); a
// wrong product makes a difference of order 1.
const AbsorbBound = 1e-4

// Absorbed is what absorbing came to.
type Absorbed struct {
	Step   int `json:"step"`   // of the checkpoint
	Params int `json:"params"` // scalars of the model written
	// Difference is max |a - b| / max |b| of the logits a of the model written and b of the run's, over the probe
	// batch.
	Difference float64 `json:"difference"`
}

// Absorb folds the projections of embed_proj in the newest sound checkpoint of the run in o.Dir into embedding and head
// (archs.Absorb), and writes the model to file, which appears by rename. The logits of both models are computed on the
// run's probe batch first: where they differ by more than AbsorbBound, or are not finite, nothing is written and that
// is an error. A run without embed_proj is a *variant.Error.
func Absorb(c Config, o Options, file string) (done Absorbed, err error) {
	if !c.Arch.EmbedProj {
		return done, variant.Errorf("arch.embed_proj", "is false: the run has no projections to absorb")
	}
	t, err := newTraining(c, o)
	if err != nil {
		return done, fmt.Errorf("trainer: %w", err)
	}
	defer t.close()
	step, refused, err := t.restore(o.Dir)
	if err != nil {
		return done, fmt.Errorf("trainer: %w", err)
	}
	if t.restored < 0 {
		faults := []error{fmt.Errorf("trainer: no sound checkpoint in %s", o.Dir)}
		for _, r := range refused {
			faults = append(faults, r)
		}
		return done, errors.Join(faults...)
	}
	done.Step = step
	arch, weights, err := archs.Absorb(t.config.Arch, t.device, t.weights)
	if err != nil {
		return done, fmt.Errorf("trainer: %w", err)
	}
	var b data.Batch
	t.source.HeldOut(&b, c.Probe.Sequences)
	before, err := t.logits(t.config.Arch, t.weights, b)
	if err != nil {
		return done, fmt.Errorf("trainer: %w", err)
	}
	after, err := t.logits(arch, weights, b)
	if err != nil {
		return done, fmt.Errorf("trainer: %w", err)
	}
	if done.Difference = difference(after, before); !(done.Difference <= AbsorbBound) {
		return done, fmt.Errorf("trainer: absorbing step %d: the logits change by %.3g relative, more than %g: "+
			"nothing is written", done.Step, done.Difference, AbsorbBound)
	}
	var model []safetensors.Tensor
	for i, p := range weights.Params() {
		values := make([]float32, p.Size())
		t.device.Download(values, weights.Value(i))
		model = append(model, safetensors.Tensor{Name: p.Name, Shape: p.Shape, Data: values})
		done.Params += p.Size()
	}
	return done, safetensors.Write(file, model, nil)
}

// logits are those of a model on a batch, [B*T, V].
func (t *training) logits(c archs.Config, w *archs.Weights, b data.Batch) (logits []float32, err error) {
	model, err := archs.Build(c, archs.Shape{Batch: len(b.Tokens) / c.Context, Tokens: len(b.Tokens)}, t.device, w, nil)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, model.Close()) }()
	t.device.UploadInts(model.Tokens, b.Tokens)
	t.device.UploadInts(model.Targets, b.Targets)
	if err := model.Run(); err != nil {
		return nil, err
	}
	logits = make([]float32, model.Logits.Len())
	t.device.Download(logits, model.Logits)
	return logits, nil
}

// difference is max |a - b| / max |b|; NaN where one of them is not finite.
func difference(a, b []float32) float64 {
	most, size := 0.0, 0.0
	for i := range a {
		most = math.Max(most, math.Abs(float64(a[i])-float64(b[i]))) // math.Max keeps a NaN
		size = math.Max(size, math.Abs(float64(b[i])))
	}
	return most / size
}
