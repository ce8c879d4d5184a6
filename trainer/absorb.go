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

// AbsorbBound is the largest relative difference in the logits that Absorb accepts. The two models are equal in exact
// arithmetic, so only float32 rounding should separate their logits (6e-8 per operation, about 1e-6 over a network). A
// wrong product would make a difference of order 1.
const AbsorbBound = 1e-4

// Absorbed is the result of Absorb.
type Absorbed struct {
	Step   int `json:"step"`   // step of the checkpoint
	Params int `json:"params"` // number of scalars in the written model
	// Difference is max |a - b| / max |b| over the probe batch, where a are the logits of the written model and b those
	// of the run's model.
	Difference float64 `json:"difference"`
}

// Absorb folds the projections of embed_proj into the embedding and the head (see archs.Absorb), and writes the
// resulting model to file. It starts from the newest sound checkpoint in o.Dir. The file appears under its name only
// once it is complete. Absorb first computes the logits of both models on the run's probe batch. If they differ by more
// than AbsorbBound, or are not finite, Absorb writes nothing and returns an error. If the run has no embed_proj, it
// returns a *variant.Error.
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
		return done, fmt.Errorf("trainer: absorbing step %d: the logits change by %.3g (relative), "+
			"more than the allowed %g: nothing is written", done.Step, done.Difference, AbsorbBound)
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

// logits returns a model's logits on a batch, [B*T, V].
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

// difference returns max |a - b| / max |b|. It is NaN if any value is not finite.
func difference(a, b []float32) float64 {
	most, size := 0.0, 0.0
	for i := range a {
		most = math.Max(most, math.Abs(float64(a[i])-float64(b[i]))) // math.Max keeps a NaN
		size = math.Max(size, math.Abs(float64(b[i])))
	}
	return most / size
}
