// Package plotstest makes databases for tests of packages that draw from the store. It fills them with the statistics
// that a test declares as needed, so that a new figure needs no new fixture.
package plotstest

import (
	"fmt"
	"hash/fnv"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/outcrop-lab/outcrop/derive"
	"github.com/outcrop-lab/outcrop/probes"
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

// Emergence returns the planted parameters of the curve of an arm and seed in a block. The curves of arm 0, the
// baseline, rise higher than those of arms 1 and 2.
func Emergence(arm, seed, layer int) map[string]float64 {
	height := []float64{9, .6, 2.5}[arm%3] * (1 + .25*float64(layer)) * (1 - .2*float64(seed))
	return map[string]float64{"A": height, "lambda": .12, "gamma": .012, "t0": 1.01 + .1*float64(arm%3), "K": 5.4}
}

// Open makes an empty database and closes it when the test ends.
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

// Fill adds a sweep with the name sweep to db, with the given arms and number of layers and with two seeds. It returns
// the runs' ids, [arm][seed]. Every run has rows of the needed statistics at all Steps, fits of ratio_mean, and
// snapshots of resid_post.
func Fill(t testing.TB, db *store.DB, sweep string, arms []string, layers int, needs ...derive.Need) [][]string {
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
			r := run{id, i, seed, layers}
			r.put(t, db)
			r.putRows(t, db, needs)
			r.putSnapshots(t, db)
			r.putFits(t, db)
		}
	}
	if err := db.PutSweep(s, members); err != nil {
		t.Fatal(err)
	}
	return ids
}

type run struct {
	id                string
	arm, seed, layers int
}

func (r run) put(t testing.TB, db *store.DB) {
	t.Helper()
	last := Steps[len(Steps)-1]
	if err := db.PutRun(store.Run{
		ID: r.id, Config: `{"arch":{"context":64,"layers":2,"width":64},"seed":0}`, DataDigest: "d19e57", TrainerVersion: 1,
		Seed:   uint64(r.seed),
		Device: "cpu", Precision: "float32", Slices: 2, Steps: last, Step: last, Status: "done", Params: 123456,
		Commit: "0123456789abcdef", GoVersion: "go1.26", KernelPath: "portable", CPU: "Fixture CPU",
	}); err != nil {
		t.Fatal(err)
	}
}

// putRows stores the needed statistics in their shape: one row for each layer, with two heads if the statistic has
// heads and two idx if it has an index, and a single row if the site is the run.
func (r run) putRows(t testing.TB, db *store.DB, needs []derive.Need) {
	t.Helper()
	for _, step := range Steps {
		var rows []store.Row
		for _, need := range needs {
			row := store.Row{Site: need.Site, Statistic: need.Statistic, Layer: -1, Head: -1, Idx: -1}
			if row.Site == "run" {
				row.Value = r.metric(row, step)
				rows = append(rows, row)
				continue
			}
			s, ok := probes.Lookup(need.Statistic)
			if !ok {
				t.Fatalf("plotstest: %s at %s is needed, but is neither a statistic nor a metric of the run", need.Statistic,
					need.Site)
			}
			if row.Site == "" {
				row.Site = probes.ResidPost
			}
			for row.Layer = range r.layers {
				for _, row.Head = range indices(s.Heads) {
					for _, row.Idx = range indices(s.Index != "") {
						row.Value = r.value(row, s.Unit, step)
						rows = append(rows, row)
					}
				}
			}
		}
		if err := db.PutRows(r.id, step, rows); err != nil {
			t.Fatal(err)
		}
	}
}

// indices returns the indices of a dimension that the statistic has, or has not.
func indices(there bool) []int {
	if there {
		return []int{0, 1}
	}
	return []int{-1}
}

// metric returns a value that falls from about 4 to a floor; both depend on its name.
func (r run) metric(row store.Row, step int) float64 {
	level := letters(row.Statistic)
	return level*(4*math.Exp(-float64(step)/(100*level))+.1) + .03*float64(r.arm) + .01*float64(r.seed)
}

// value returns a number that the statistic's unit allows and that depends on every field of its row. Ratios and
// activations rise at step 250, entropies fall there, shares stay between 0 and 1, and places come to rest.
func (r run) value(row store.Row, unit string, step int) float64 {
	t := float64(step)
	rise := 1 / (1 + math.Exp(-(t-250)/60))
	level := letters(row.Statistic)
	place := max(row.Head, 0) + max(row.Idx, 0) // of heads and idx, the first is the strongest
	switch {
	case row.Statistic == "ratio_mean":
		return r.emergence(row.Layer, t)
	case unit == "probability" || unit == "share":
		return .06 + .7*level*rise*(1-.1*float64(row.Layer))*(1-.1*float64(r.seed))/float64(1+place+r.arm)
	case unit == "bits" || unit == "nats":
		return 5.5 - rise*(4-.3*float64(r.seed))/float64(1+r.arm+row.Layer+place)
	case isPlace(row.Statistic):
		return math.Round(10*level + (1-rise)*float64((step*(1+r.arm+r.seed)+3*place)%7))
	}
	return level * (1 + rise*(8+float64(row.Layer)-float64(r.seed))/float64(1+r.arm+place))
}

// isPlace reports whether a statistic counts channels, positions, rows or columns.
func isPlace(statistic string) bool {
	for _, end := range []string{"_channel", "_position", "_row", "_column"} {
		if strings.HasSuffix(statistic, end) {
			return true
		}
	}
	return false
}

// letters returns a number from .7 to 1.3 that depends on a name by its FNV hash.
func letters(name string) float64 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(name)) // never fails
	return .7 + .6*float64(h.Sum32()%1000)/1000
}

// emergence returns the planted curve of a layer with 3 % of noise.
func (r run) emergence(layer int, t float64) float64 {
	p := Emergence(r.arm, r.seed, layer)
	x := p["gamma"]*t + p["t0"]
	clean := p["A"]*math.Exp(-p["lambda"]*x)*math.Log(x) + p["K"]
	return clean * (1 + .03*math.Sin(float64(int(t)*7+13*r.seed+5*layer+3*r.arm)))
}

func (r run) putFits(t testing.TB, db *store.DB) {
	t.Helper()
	var fits []store.Fit
	for layer := range r.layers {
		base := store.Fit{Run: r.id, Site: probes.ResidPost, Statistic: "ratio_mean", Layer: layer, Head: -1, Idx: -1,
			N:     len(Steps),
			TPeak: math.NaN(), FPeak: math.NaN()}
		planted, constant := base, base
		planted.Family, planted.Params, planted.Best = "emergence", Emergence(r.arm, r.seed, layer), true
		planted.R2, planted.AICc, planted.TPeak, planted.Regime = .98-.01*float64(r.seed)-.02*float64(layer), -31.5, 640,
			"logarithmic increase"
		planted.PeakSeen, planted.Weight, constant.Weight = true, .75, .25
		constant.Family, constant.Params, constant.AICc, constant.Message = "constant", map[string]float64{"K": 5.4}, 12.25,
			""
		fits = append(fits, planted, constant)
	}
	if err := db.PutFits(fits); err != nil {
		t.Fatal(err)
	}
}

// Positions and Channels are the sizes of the snapshots.
const (
	Positions = 16
	Channels  = 24
)

// putSnapshots writes two landscapes of each block beside the run: |h| is 1 to 2, except at channel 11 of position 2,
// where it is 60 at the last step in the first arm's last block, and less in the other arms and blocks.
func (r run) putSnapshots(t testing.TB, db *store.DB) {
	t.Helper()
	dir := filepath.Join(filepath.Dir(db.Path()), "runs", r.id, "snapshots")
	if err := os.MkdirAll(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	var files []store.SnapshotFile
	for _, step := range []int{0, Steps[len(Steps)-1]} {
		name := fmt.Sprintf("step-%08d.resid_post.safetensors", step)
		var tensors []safetensors.Tensor
		for layer := range r.layers {
			h := make([]float32, Positions*Channels)
			for i := range h {
				h[i] = 1 + float32(i*2654435761%1000)/1000
			}
			if step > 0 {
				h[2*Channels+11] = 60 / float32(r.arm+1) * float32(layer+1) / float32(r.layers)
			}
			tensor := fmt.Sprintf("resid_post.%d", layer)
			tensors = append(tensors, safetensors.Tensor{Name: tensor, Shape: []int{1, Positions, Channels}, Data: h})
			files = append(files, store.SnapshotFile{Step: step, Site: probes.ResidPost, Layer: layer, File: "snapshots/" + name,
				Tensor: tensor})
		}
		if err := safetensors.Write(filepath.Join(dir, name), tensors, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.PutSnapshots(r.id, files); err != nil {
		t.Fatal(err)
	}
}
