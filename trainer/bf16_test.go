package trainer

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/outcrop-lab/outcrop/compute"
	"github.com/outcrop-lab/outcrop/variant"
)

// A run in bf16 learns what one in float32 learns: its held-out loss ends within .02 nats, but is not the same number.
// A run whose products are rounded twice, or summed in bf16, ends farther off or diverges.
func TestBF16Learns(t *testing.T) {
	c := small()
	c.Train.Steps = 200
	ends := map[string]float64{}
	for _, precision := range []string{"float32", "bf16"} {
		c.Train.Precision = precision
		if err := c.CanRun(""); err != nil {
			t.Skip(err)
		}
		result, r := train(t, t.Context(), c, Options{Threads: 2})
		if result.Status != Done {
			t.Fatalf("%s: %+v", precision, result)
		}
		ends[precision] = r.metric(200, "heldout_loss")
		if start := r.metric(0, "heldout_loss"); ends[precision] > start-.3 {
			t.Errorf("%s: held-out loss %v at step 0, %v at step 200", precision, start, ends[precision])
		}
	}
	if off := math.Abs(ends["bf16"] - ends["float32"]); !(off <= .02) || off == 0 {
		t.Errorf("held-out loss %v in bf16, %v in float32", ends["bf16"], ends["float32"])
	}
}

// The graphs that measure multiply as those that train do: on the sequences of a batch they give the batch's loss, in
// each precision.
func TestMeasuredAsTrained(t *testing.T) {
	for _, precision := range precisions {
		c := small()
		c.Train.Precision = precision
		if c.CanRun("") != nil {
			continue // TestPrecisionIsRefused asserts it
		}
		trained, err := newTraining(c, Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer trained.close()
		if err := trained.gradient(0); err != nil {
			t.Fatal(err)
		}
		if err := trained.buildHeldOut(); err != nil {
			t.Fatal(err)
		}
		m, rows := &trained.measuring, len(trained.batch.Tokens)/len(trained.slices)
		loss := 0.0
		for i, s := range m.slices {
			s.device.UploadInts(s.model.Tokens, trained.batch.Tokens[i*rows:(i+1)*rows])
			s.device.UploadInts(s.model.Targets, trained.batch.Targets[i*rows:(i+1)*rows])
			if err := s.model.Run(); err != nil {
				t.Fatal(err)
			}
			loss += float64(s.model.Loss.Host()[0]) * float64(c.Probe.HeldOut) / float64(c.Train.Batch)
		}
		if e := math.Abs(loss/trained.loss - 1); !(e <= 1e-6) {
			t.Errorf("%s: the loss is %v as trained, %v as measured", precision, trained.loss, loss)
		}
	}
}

// Kernels without the instruction refuse a run before anything is made in its folder, although the configuration is
// valid.
func TestPrecisionIsRefused(t *testing.T) {
	c := small()
	c.Train.Precision = "bf16"
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
	for _, path := range []string{"avx2", "portable", ""} {
		if path == "" && compute.Can("", compute.BF16) == nil {
			continue
		}
		at := new(variant.Error)
		if err := c.CanRun(path); !errors.As(err, &at) || at.Key != "train.precision" {
			t.Errorf("%s: %v", path, err)
		}
		dir := t.TempDir()
		_, err := Run(t.Context(), c, Options{Dir: dir, Kernels: path, Recorder: &rows{t: t}})
		if !errors.As(err, &at) || !strings.HasPrefix(err.Error(), "trainer: train.precision: ") {
			t.Errorf("%s: %v", path, err)
		}
		if kept, err := Kept(dir); len(kept) != 0 || err != nil {
			t.Errorf("%s: checkpoints %v, %v", path, kept, err)
		}
	}
	c.Train.Precision = "bf61"
	if err := c.Validate(); err == nil ||
		!strings.Contains(err.Error(), `train.precision: unknown precision "bf61", did you mean "bf16"?`) {
		t.Error(err)
	}
}
