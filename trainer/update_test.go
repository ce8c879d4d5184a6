package trainer

import (
	"math"
	"path/filepath"
	"slices"
	"testing"

	"github.com/outcrop-lab/outcrop/optim"
	"github.com/outcrop-lab/outcrop/safetensors"
)

// A run's groups, after-step rule and warm-up in tokens take effect: a frozen embedding stays, the blocks' matrices
// reach their target after the last step, and the rate at step 0 is peak/ceil(tokens/batch tokens).
func TestUpdatesFollowTheConfiguration(t *testing.T) {
	weights := func(c Config) (map[string][]float32, *rows) {
		dir := t.TempDir()
		_, r := train(t, t.Context(), c, Options{Dir: dir})
		tensors, _, err := safetensors.Read(filepath.Join(dir, "checkpoints", "step-00000024", modelFile))
		if err != nil {
			t.Fatal(err)
		}
		all := map[string][]float32{}
		for _, x := range tensors {
			all[x.Name] = x.Data
		}
		return all, r
	}
	c := small()
	c.Optim.Groups.Embedding = optim.Group{}
	if err := c.Optim.AfterStep.Choose("tvr"); err != nil {
		t.Fatal(err)
	}
	rule := c.Optim.AfterStep.Value.(*optim.TVR)
	rule.Every, rule.Std = 8, .01
	c.Schedule.WarmupTokens = 300 // 8 sequences of 16 tokens per step: 3 steps
	trained, r := weights(c)
	if got, want := r.metric(0, "lr"), c.Optim.LR/3; got != want {
		t.Errorf("rate at step 0 %v, want %v", got, want)
	}
	still := small()
	still.Optim.LR = 0
	start, _ := weights(still)
	moved := 0
	for name, w := range trained {
		if name == "embedding" && !slices.Equal(w, start[name]) {
			t.Error("the frozen embedding moved")
		}
		if slices.Equal(w, start[name]) {
			continue
		}
		moved++
		if len(w) <= 64*16 && len(w) > 16 && name != "positions" && name != "head" {
			mean, squares := 0.0, 0.0
			for _, x := range w {
				mean += float64(x) / float64(len(w))
			}
			for _, x := range w {
				squares += (float64(x) - mean) * (float64(x) - mean)
			}
			if std := math.Sqrt(squares / float64(len(w)-1)); math.Abs(std-.01) > 1e-6 {
				t.Errorf("%s: standard deviation %v, want .01", name, std)
			}
		}
	}
	if moved < 10 {
		t.Errorf("only %d parameters moved", moved)
	}
}
