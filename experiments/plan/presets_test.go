package plan

import (
	"strings"
	"testing"

	"github.com/outcrop-lab/outcrop/configs"
	"github.com/outcrop-lab/outcrop/experiments/sweep"
)

// published holds the parameter counts of the published models: those of their papers and checkpoints, and for
// LLaMA-60M the sum that its configuration gives: 2 50432 768 + 10 (4 768^2 + 3 768 1536 + 2 768) + 768.
var published = map[string]int{
	"pythia-14m": 14067712, "pythia-70m": 70426624, "gpt2-124m": 124439808, "llama-60m": 136462080,
}

// Every preset loads and can be planned, alone and over the baseline, and states its paper, question and expected
// result.
func TestPresets(t *testing.T) {
	for _, name := range configs.Presets() {
		src, ok := configs.Preset(name)
		if !ok {
			t.Fatalf("no preset %s", name)
		}
		for _, word := range []string{"# Paper:", "# Question:", "# Expected:"} {
			if !strings.Contains(string(src), word) {
				t.Errorf("%s: its header lacks %q", name, word)
			}
		}
		s, err := sweep.LoadBytes("s.yaml",
			[]byte("name: x\nextends: "+name+"\narms: {alone: {}, over: {extends: [baseline, "+name+"]}}\n"))
		if err != nil {
			t.Error(err)
			continue
		}
		planned, err := Of(s, "cpu")
		if err != nil || len(planned) != 2 {
			t.Errorf("%s: %d runs, %v", name, len(planned), err)
			continue
		}
		if want, ok := published[name]; ok && planned[0].Params != want {
			t.Errorf("%s: %d parameters, published are %d", name, planned[0].Params, want)
		}
	}
}
