// Package plotstest makes databases for tests of what draws from the store.
package plotstest

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/outcrop-lab/outcrop/safetensors"
	"github.com/outcrop-lab/outcrop/store"
)

// Sweep is the name of the fixture's sweep.
const Sweep = "fixture"

// Source is the text of the fixture's sweep file.
const Source = `# Does a gate keep massive activations away?
#
# Synthetic curves: nothing here was trained.
name: fixture
arms:
  baseline: {}
  gated: {arch: {gate: {name: g1}}}
seeds: 2
`

// Steps are the probe steps of every fixture run.
var Steps = []int{0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 700, 800, 900, 1000, 1100, 1200}

// Emergence are the planted parameters of an arm's curve in a block: baseline rises, other arms less.
func Emergence(arm, seed, layer int) map[string]float64 {
	height := []float64{9, .6, 2.5}[arm%3] * (1 + .25*float64(layer)) * (1 - .2*float64(seed))
	return map[string]float64{"A": height, "lambda": .12, "gamma": .012, "t0": 1.01 + .1*float64(arm%3), "K": 5.4}
}

// Open makes an empty database that the test closes.
func Open(t testing.TB) *store.DB {
	t.Helper()
	db, err := store.Open(filepath.Join(t.TempDir(), "outcrop.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// Fill puts a sweep of that name with these arms, two seeds and so many layers into db, and returns the runs' ids by
// arm and seed.
func Fill(t testing.TB, db *store.DB, sweep string, arms []string, layers int) [][]string {
	t.Helper()
	s := store.Sweep{Name: sweep, Source: Source}
	var members []store.Member
	ids := make([][]string, len(arms))
	for i, arm := range arms {
		differs := `{}`
		if i > 0 {
			differs = fmt.Sprintf(`{"arch.gate.name":"g%d","optim.lr":0.01}`, i)
		}
		s.Arms = append(s.Arms, store.Arm{Name: arm, Differs: differs, Order: i})
		for seed := range 2 {
			id := fmt.Sprintf("%02x%02x5eed%056x", i+1, seed, len(sweep))
			ids[i] = append(ids[i], id)
			members = append(members, store.Member{Sweep: sweep, Arm: arm, Seed: uint64(seed), Run: id, Order: seed})
			fillRun(t, db, id, i, seed, layers)
		}
	}
	if err := db.PutSweep(s, members); err != nil {
		t.Fatal(err)
	}
	return ids
}

func fillRun(t testing.TB, db *store.DB, id string, arm, seed, layers int) {
	t.Helper()
	last := Steps[len(Steps)-1]
	run := store.Run{
		ID: id, Config: `{"arch":{"context":64,"layers":2,"width":64},"seed":0}`, DataDigest: "d19e57", TrainerVersion: 1, Seed: uint64(seed),
		Device: "cpu", Precision: "float32", Slices: 2, Steps: last, Step: last, Status: "done", Params: 123456,
		Commit: "0123456789abcdef", GoVersion: "go1.26", KernelPath: "portable", CPU: "Fixture CPU",
	}
	if err := db.PutRun(run); err != nil {
		t.Fatal(err)
	}
	for _, step := range Steps {
		if err := db.PutRows(id, step, rowsAt(arm, seed, layers, step)); err != nil {
			t.Fatal(err)
		}
	}
	fillSnapshots(t, db, id, arm)
	var fits []store.Fit
	for layer := range layers {
		base := store.Fit{Run: id, Site: "resid_post", Statistic: "ratio_mean", Layer: layer, Head: -1, Idx: -1, N: len(Steps), TPeak: math.NaN(), FPeak: math.NaN()}
		planted, constant := base, base
		planted.Family, planted.Params, planted.Best = "emergence", Emergence(arm, seed, layer), true
		planted.R2, planted.AICc, planted.TPeak, planted.Regime = .98-.01*float64(seed)-.02*float64(layer), -31.5, 640, "logarithmic increase"
		planted.PeakSeen = true
		constant.Family, constant.Params, constant.AICc, constant.Message = "constant", map[string]float64{"K": 5.4}, 12.25, ""
		fits = append(fits, planted, constant)
	}
	if err := db.PutFits(fits); err != nil {
		t.Fatal(err)
	}
}

// fillSnapshots keeps two landscapes of 64 positions and channels of block 0 beside the run: |h| is 1 to 2, but for channel
// 11 of position 0, which at the last step is 60 over the arm's number from 1.
func fillSnapshots(t testing.TB, db *store.DB, id string, arm int) {
	t.Helper()
	dir := filepath.Join(filepath.Dir(db.Path()), "runs", id, "snapshots")
	if err := os.MkdirAll(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	var files []store.SnapshotFile
	for _, step := range []int{0, Steps[len(Steps)-1]} {
		h := make([]float32, 64*64)
		for i := range h {
			h[i] = 1 + float32(i*2654435761%1000)/1000
		}
		if step > 0 {
			h[11] = 60 / float32(arm+1)
		}
		name := fmt.Sprintf("step-%08d.resid_post.safetensors", step)
		if err := safetensors.Write(filepath.Join(dir, name), []safetensors.Tensor{{Name: "resid_post.0", Shape: []int{1, 64, 64}, Data: h}}, nil); err != nil {
			t.Fatal(err)
		}
		files = append(files, store.SnapshotFile{Step: step, Site: "resid_post", File: "snapshots/" + name, Tensor: "resid_post.0"})
	}
	if err := db.PutSnapshots(id, files); err != nil {
		t.Fatal(err)
	}
}

func rowsAt(arm, seed, layers, step int) []store.Row {
	t := float64(step)
	rise := 1 / (1 + math.Exp(-(t-250)/60))
	metric := func(name string, v float64) store.Row {
		return store.Row{Site: "run", Statistic: name, Layer: -1, Head: -1, Idx: -1, Value: v}
	}
	rows := []store.Row{
		metric("loss", 3.4+.8*math.Exp(-t/90)+.02*float64(arm)),
		metric("heldout_loss", 3.35+.8*math.Exp(-t/100)+.03*float64(arm)+.01*float64(seed)),
		metric("backcopy_risk", 4.2*math.Exp(-t/170)+.004*float64(arm+1)),
		metric("bigram_risk", .8*math.Exp(-t/80)+.002*float64(seed+1)),
	}
	for layer := range layers {
		p := Emergence(arm, seed, layer)
		x := p["gamma"]*t + p["t0"]
		clean := p["A"]*math.Exp(-p["lambda"]*x)*math.Log(x) + p["K"]
		noise := .03 * math.Sin(float64(step*7+13*seed+5*layer+3*arm))
		rows = append(rows, store.Row{Site: "resid_post", Statistic: "ratio_mean", Layer: layer, Head: -1, Idx: -1, Value: clean * (1 + noise)})
		at := func(site, statistic string, head, idx int, v float64) {
			rows = append(rows, store.Row{Site: site, Statistic: statistic, Layer: layer, Head: head, Idx: idx, Value: v})
		}
		at("resid_post", "bos_norm_ratio", -1, -1, 1+rise*8/float64(1+arm))
		at("resid_post", "matrix_entropy", -1, -1, 5.5-rise*4/float64(1+arm+layer))
		for sequence := range 2 {
			at("resid_post", "top1", -1, sequence, 2+rise*58/float64(1+arm))
			at("resid_post", "top1_position", -1, sequence, 0)
			at("resid_post", "top1_channel", -1, sequence, math.Round(11+(1-rise)*float64(step%7)))
		}
		for head := range 2 {
			at("attn.pattern", "sink_rate", head, -1, math.Round(rise*10/float64(1+head+arm))/10)
			at("attn.pattern", "sink_score", head, -1, .06+rise*.7/float64(1+head+arm))
			share := .06 + rise*.88/float64(1+head+arm)
			rows = append(rows, store.Row{Site: "attn.pattern", Statistic: "first_token_attention", Layer: layer, Head: head, Idx: -1, Value: share})
		}
	}
	return rows
}
