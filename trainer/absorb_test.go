package trainer

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/outcrop-lab/outcrop/variant"
)

// Absorbing a model whose logits are NaN proves nothing: it fails and writes no file. A run without projections is an
// error at its key.
func TestAbsorbWritesNothingUnproved(t *testing.T) {
	c, dir := small(), t.TempDir()
	file := filepath.Join(dir, "out.safetensors")
	var fault *variant.Error
	if _, err := Absorb(c, Options{Dir: dir}, file); !errors.As(err, &fault) || fault.Key != "arch.embed_proj" {
		t.Errorf("%v, want an error at arch.embed_proj", err)
	}
	c.Arch.EmbedProj = true
	c.Train.Steps = 2
	train, err := newTraining(c, Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer train.close()
	last := train.params[len(train.params)-1].Value
	huge := make([]float32, last.Len()) // finite, as weights must be; the logits overflow
	for i := range huge {
		huge[i] = math.MaxFloat32
	}
	train.device.Upload(last, huge)
	if err := train.checkpoint(dir, 2); err != nil {
		t.Fatal(err)
	}
	if _, err := Absorb(c, Options{Dir: dir}, file); err == nil || !strings.Contains(err.Error(), "nothing is written") {
		t.Errorf("%v, want an error that says that nothing is written", err)
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("the file exists")
	}
}

func TestDifference(t *testing.T) {
	b := []float32{1, -4, 2}
	if got := difference([]float32{1, -4, 2.5}, b); got != 0.125 {
		t.Errorf("%v, want 0.125", got)
	}
	for _, x := range []float64{math.NaN(), math.Inf(1)} {
		if got := difference([]float32{float32(x), -4, 2}, b); got <= AbsorbBound {
			t.Errorf("%v: %v", x, got)
		}
		if got := difference(b, []float32{float32(x), -4, 2}); got <= AbsorbBound {
			t.Errorf("%v in the run's: %v", x, got)
		}
	}
}
