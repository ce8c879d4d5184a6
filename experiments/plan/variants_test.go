package plan

import (
	"fmt"
	"strings"
	"testing"

	"github.com/outcrop-lab/outcrop/configs"
	"github.com/outcrop-lab/outcrop/probes"
	"github.com/outcrop-lab/outcrop/trainer"
	"github.com/outcrop-lab/outcrop/variant"
)

// discard records nothing.
type discard struct{}

func (discard) Record(int, []probes.Value) error  { return nil }
func (discard) Timing(int, string, float64) error { return nil }

// Every variant of every slot, each switch of the architecture, every preset over the baseline, and the published
// shapes at a small size train for two steps, with as many parameters as the plan says.
func TestEveryVariantTrains(t *testing.T) {
	const small = "arch: {layers: 2, width: 24, heads: 2, context: 16, vocab: 0}, train: {steps: 2, batch: 4}, probe: " +
		"{sequences: 2, heldout: 4}"
	src := "name: x\nbase: {" + small + "}\narms:\n"
	arms := 0
	arm := func(text string) {
		src += fmt.Sprintf("  a%d: {%s}\n", arms, text)
		arms++
	}
	c := trainer.Default()
	for _, v := range variant.List(&c) {
		if strings.HasPrefix(v.Slot, "probe.") || v.Slot == "data" {
			continue
		}
		keys := strings.Split(v.Slot, ".")
		arm(strings.Join(keys, ": {") + ": " + v.Name + strings.Repeat("}", len(keys)-1))
	}
	for _, arch := range []string{"tied: true", "embed_proj: true", "tied: true, embed_proj: true", "registers: 3",
		"kv_heads: 1", "qk_norm: true",
		"attention: {biases: true}", "mlp: {biases: true}", "norm: {name: dyt, embed_scale: true, beta: false}",
		"gate: {name: g1, match_params: true}",
		"gate: {name: g2, granularity: headwise, shared: true}", "gate: {name: g4, sparse: true, combine: add}",
		"gate: {name: g5, input_independent: true}"} {
		arm("arch: {" + arch + "}")
	}
	for _, name := range configs.Presets() {
		arm("extends: [baseline, " + name + "], " + small)
	}
	arm("data: text")
	arm("data: {name: text, bos: false}")
	for _, p := range planOf(t, src) {
		result, err := trainer.Run(t.Context(), p.Config, trainer.Options{Dir: t.TempDir(), Recorder: discard{}})
		if err != nil || result.Status != trainer.Done || result.Step != 2 {
			t.Errorf("%v: %+v, %v", p.Differs, result, err)
		}
		if result.Params != p.Params {
			t.Errorf("%v: %d parameters built, the plan says %d", p.Differs, result.Params, p.Params)
		}
	}
}
