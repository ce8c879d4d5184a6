package trainer

import (
	"encoding/json"
	"errors"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/outcrop-lab/outcrop/archs"
	"github.com/outcrop-lab/outcrop/probes"
	"github.com/outcrop-lab/outcrop/safetensors"
	"github.com/outcrop-lab/outcrop/variant"
)

// Every statistic reads sites that some architecture has.
func TestStatisticsReadKnownSites(t *testing.T) {
	for _, site := range probes.NewPlan(nil, probes.Names()).Sites() {
		if !slices.Contains(archs.Sites(), site) {
			t.Errorf("no architecture shows %s", site)
		}
	}
}

// A run measured again from its checkpoints has the same rows, to the bit, as one that measured them during training.
// Additional statistics are there too, and the rows of the default set do not depend on what else is measured.
func TestMeasureFromCheckpoints(t *testing.T) {
	c, dir := small(), t.TempDir()
	c.Schedule.Warmup, c.Schedule.WarmupTokens = 0, 20*c.Train.Batch*c.Arch.Context // the rate is measured again too
	c.Checkpoint.Every, c.Checkpoint.Keep = 8, 4
	c.Probe.LogEvery = 0 // its rows are no measurements
	_, plain := train(t, t.Context(), c, Options{Dir: dir})
	c.Probe.Statistics = probes.Names()
	if err := c.Probe.Every.Choose("steps"); err != nil {
		t.Fatal(err)
	}
	c.Probe.Every.Value.(*Every).N = 8
	_, whole := train(t, t.Context(), c, Options{})

	kept, err := Kept(dir)
	if want := []int{8, 16, 24}; err != nil || !slices.Equal(kept, want) {
		t.Fatalf("kept %v, %v, want %v", kept, err, want)
	}
	again := &rows{t: t, values: map[string]float64{}}
	if err := Measure(t.Context(), c, Options{Dir: dir, Recorder: again}, kept); err != nil {
		t.Fatal(err)
	}
	maps.DeleteFunc(whole.values, func(key string, _ float64) bool { return strings.HasPrefix(key, "000000") })
	equalRows(t, whole, again)
	for key, v := range plain.values {
		if w, ok := again.values[key]; ok && math.Float64bits(v) != math.Float64bits(w) {
			t.Errorf("%s: %v by default, %v among all", key, v, w)
		}
	}
	for _, key := range []string{
		"000024 resid_post matrix_entropy 1 -1 -1", "000024 weight.mlp.down spectral_norm 0 -1 -1",
		"000024 weight.final_norm.gain gain -1 -1 15", "000024 resid_post kurtosis_length1 0 -1 -1",
		"000024 attn.pattern lost_mass 0 1 -1", "000024 v value_norm_ratio 1 1 -1",
		"000024 mlp.down_in super_weight_column 1 -1 9",
		"000024 weight.mlp.down super_weight_value 0 -1 0"} {
		if v, ok := again.values[key]; !ok || math.IsNaN(v) {
			t.Errorf("%s: %v, %v", key, v, ok)
		}
	}

	if err := os.Truncate(filepath.Join(dir, "checkpoints", checkpointName(16), modelFile), 9); err != nil {
		t.Fatal(err)
	}
	if err := Measure(t.Context(), c, Options{Dir: dir, Recorder: again}, []int{16}); err == nil ||
		!strings.Contains(err.Error(), "damaged") {
		t.Errorf("got %v, want a damaged checkpoint", err)
	}
}

// Pairs lists exactly what a measurement gives, with all statistics at all sites, for architectures that differ in
// their sites.
func TestPairsAreWhatIsMeasured(t *testing.T) {
	for name, change := range map[string]func(c *archs.Config) error{
		"plain":    func(*archs.Config) error { return nil },
		"gate":     func(c *archs.Config) error { return c.Gate.Choose("g1") },
		"gated":    func(c *archs.Config) error { return c.MLP.Choose("swiglu") },
		"parallel": func(c *archs.Config) error { return c.Block.Choose("parallel") },
		"post":     func(c *archs.Config) error { return c.NormPlacement.Choose("post") },
		"extra":    func(c *archs.Config) error { c.Registers = 2; return c.Attention.Choose("sink_logit") },
		"ssnorm":   func(c *archs.Config) error { c.Tied = true; return c.Norm.Choose("ssnorm") },
	} {
		c := small()
		if err := change(&c.Arch); err != nil {
			t.Fatal(err)
		}
		c.Probe.Sites, c.Probe.Statistics = archs.Sites(), probes.Names()
		pairs, err := Pairs(c)
		if err != nil {
			t.Fatal(err)
		}
		training, err := newTraining(c, Options{})
		if err != nil {
			t.Fatal(err)
		}
		rows, err := training.measuring.activations()
		if err != nil {
			t.Fatal(err)
		}
		measured := map[probes.Pair]bool{}
		for _, v := range rows {
			measured[probes.Pair{Site: v.Site, Statistic: v.Statistic}] = true
			if math.IsInf(v.Value, 0) {
				t.Errorf("%s: %+v", name, v)
			}
		}
		training.close()
		for p := range measured {
			if !slices.Contains(pairs, p) {
				t.Errorf("%s: rows of %v, which Pairs does not list", name, p)
			}
		}
		for _, p := range pairs {
			if !measured[p] {
				t.Errorf("%s: no rows of %v", name, p)
			}
		}
		for site, has := range map[string]bool{probes.Gate: name == "gate", "mlp.gate": name == "gated",
			"resid_mid": name != "parallel", "logits": true} {
			if got := slices.ContainsFunc(pairs, func(p probes.Pair) bool { return p.Site == site }); got != has {
				t.Errorf("%s: rows of %s: %v, want %v", name, site, got, has)
			}
		}
	}
}

// The token at position 0 of a sequence sees only itself, whatever follows: its length-1 row equals its row in the full
// context.
func TestAloneIsPositionZero(t *testing.T) {
	c := small()
	c.Probe.Statistics = []string{"kurtosis", "kurtosis_length1"}
	training, err := newTraining(c, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer training.close()
	m := &training.measuring
	if _, err := m.activations(); err != nil {
		t.Fatal(err)
	}
	for i := range m.layers {
		full, alone := m.layers[i].Site(probes.ResidPost), m.alone.layers[i].Site(probes.ResidPost)
		if full == nil {
			continue
		}
		first := slices.Index(m.alone.tokens, m.tokens[0])
		got, want := alone.Data[first*c.Arch.Width:(first+1)*c.Arch.Width], full.Data[:c.Arch.Width]
		if !slices.Equal(got, want) {
			t.Errorf("layer %d: %v, want %v", i, got, want)
		}
	}
	if n := len(m.alone.tokens); n < 2 || n > aloneTokens {
		t.Errorf("%d distinct tokens", n)
	}
}

// Snapshots hold |h| of the requested layers and steps, whether or not those steps are measured. Taken again, they have
// the same bytes.
func TestSnapshots(t *testing.T) {
	c, dir := small(), t.TempDir()
	c.Checkpoint.Every = 8
	c.Probe.Snapshots.Steps, c.Probe.Snapshots.Layers, c.Probe.Snapshots.Sequences = []int{3, 24}, []int{1}, 2
	_, r := train(t, t.Context(), c, Options{Dir: dir})
	all, err := ReadSnapshots(dir)
	if err != nil || len(all) != 2 || all[0].Step != 3 || all[1].Step != 24 || all[1].Layer != 1 ||
		!slices.Equal(all[1].Shape, []int{2, 16, 16}) {
		t.Fatalf("%+v, %v", all, err)
	}
	tensors, metadata, err := safetensors.Read(filepath.Join(dir, all[1].File))
	var tokens [][]string
	if err := json.Unmarshal([]byte(metadata["tokens"]), &tokens); err != nil || len(tokens) != 2 ||
		len(tokens[1]) != 16 || tokens[1][0] != "BOS" || tokens[1][1] == "BOS" {
		t.Errorf("tokens %q, %v, want BOS and 15 others, twice", tokens, err)
	}
	if err != nil || len(tensors) != 1 || tensors[0].Name != all[1].Tensor {
		t.Fatalf("%v, %v", tensors, err)
	}
	for sequence := range 2 {
		largest := slices.Max(tensors[0].Data[sequence*256 : (sequence+1)*256])
		want := r.values[[]string{"000024 resid_post top1 1 -1 0", "000024 resid_post top1 1 -1 1"}[sequence]]
		if float64(largest) != want || slices.Min(tensors[0].Data) < 0 {
			t.Errorf("sequence %d: largest %v, top1 %v", sequence, largest, want)
		}
	}
	snapshots := c.Probe.Snapshots
	if missing, err := snapshots.Missing(dir, 2); err != nil || len(missing) != 0 {
		t.Errorf("missing %v, %v", missing, err)
	}
	snapshots.Layers, snapshots.Steps = nil, []int{3, 24, 8}
	if missing, err := snapshots.Missing(dir, 2); err != nil || !slices.Equal(missing, []int{3, 24, 8}) {
		t.Errorf("missing %v, %v: layer 0 is not there, nor is step 8", missing, err)
	}
	if err := Measure(t.Context(), c, Options{Dir: dir, Recorder: r}, []int{24}); err != nil {
		t.Fatal(err)
	}
	if again, err := ReadSnapshots(dir); err != nil || len(again) != 2 || again[1].SHA256 != all[1].SHA256 {
		t.Errorf("%+v, %v, want the same file", again, err)
	}
}

func TestProbeNamesTheKey(t *testing.T) {
	for _, test := range []struct {
		key, message string
		change       func(*Probe)
	}{
		{"probe.sites", `did you mean "resid_post"`, func(p *Probe) { p.Sites = []string{"resid_pots"} }},
		{"probe.sites", "resid_post twice", func(p *Probe) { p.Sites = []string{"resid_post", "resid_post"} }},
		{"probe.statistics", `did you mean "kurtosis"`, func(p *Probe) { p.Statistics = []string{"top1", "kurtosos"} }},
		{"probe.snapshots.steps", "train.steps (24)", func(p *Probe) { p.Snapshots.Steps = []int{25} }},
		{"probe.snapshots.layers", "0 and 1", func(p *Probe) { p.Snapshots.Layers = []int{2} }},
		{"probe.snapshots.site", `did you mean "attn.gate"`, func(p *Probe) { p.Snapshots.Site = "atn.gate" }},
		{"probe.snapshots.sequences", "probe.sequences (10)", func(p *Probe) { p.Snapshots.Sequences = 11 }},
	} {
		c := small()
		test.change(&c.Probe)
		var fault *variant.Error
		if err := c.Validate(); !errors.As(err, &fault) || fault.Key != test.key ||
			!strings.Contains(fault.Message, test.message) {
			t.Errorf("%v, want an error at %s that says %s", err, test.key, test.message)
		}
	}
}
