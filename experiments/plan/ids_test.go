package plan

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/outcrop-lab/outcrop/experiments/run"
	"github.com/outcrop-lab/outcrop/experiments/sweep"
	"github.com/outcrop-lab/outcrop/settings"
	"github.com/outcrop-lab/outcrop/trainer"
	"pgregory.net/rapid"
)

// A sweep that has grown keeps its ids, so that only the new runs are trained.
func TestGrownGridKeepsItsIDs(t *testing.T) {
	had := planOf(t, "name: x\narms: {a: {}}\ngrid: {optim.lr: [1e-3, 1e-2]}\n")
	grown := planOf(t, "name: x\narms: {b: {arch: {norm: dyt}}, a: {}}\n"+
		"grid: {arch.layers: [3, 2], optim.lr: [5e-3, 1e-2, 1e-3]}\nseeds: 2\n")
	ids := map[string]bool{}
	for _, p := range grown {
		ids[p.ID] = true
	}
	if len(grown) != 24 || len(ids) != 24 || !ids[had[0].ID] || !ids[had[1].ID] {
		t.Errorf("%d runs with %d ids, want 24, and the two that were there among them", len(grown), len(ids))
	}
}

// Another name of a variant is the same run.
func TestAliasesChangeNoID(t *testing.T) {
	plan := planOf(t,
		"name: x\narms: {a: {schedule: {name: trapezoidal, decay: 0.5}}, b: {schedule: {name: wsd, decay: 0.5}}}\n")
	if plan[0].ID != plan[1].ID {
		t.Errorf("trapezoidal has the id %s, wsd %s", plan[0].ID, plan[1].ID)
	}
}

// The golden ids. A change here orphans every stored run, so it needs a new trainer version and a reason.
func TestGoldenIDs(t *testing.T) {
	want, err := os.ReadFile(filepath.Join("testdata", "ids.json"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := sweep.Load(filepath.Join("testdata", "ids.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	plan, err := Of(s, "auto")
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, p := range plan {
		got[fmt.Sprintf("%s, seed %d", p.Arm, p.Seed)] = p.ID
	}
	rounded := plan[0].Config
	rounded.Train.Precision = "bf16" // planning it needs a machine that has bf16; its id does not
	if got["baseline in bf16, seed 0"], err = idOf(rounded, plan[0].DataDigest, plan[0].Device); err != nil {
		t.Fatal(err)
	}
	text, err := json.MarshalIndent(got, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if string(text)+"\n" != string(want) {
		t.Errorf("ids changed:\n%s", text)
	}
}

func TestWhatIsIdentity(t *testing.T) {
	id := func(base string) string { return planOf(t, "name: x\nbase: {"+base+"}\n")[0].ID }
	plain := id("")
	for _, same := range []string{"probe: {every: {name: steps, n: 7}}",
		"probe: {sites: [resid_post], statistics: [top1, kurtosis]}", "probe: {snapshots: {steps: [5], layers: [0]}}",
		"checkpoint: {every: 5}", "arch: {norm: rmsnorm}", "train: {steps: 1000}", "arch: null"} {
		if id(same) != plain {
			t.Errorf("%s changes the id", same)
		}
	}
	if id("data: text") != id("data: {name: text, bos: true}") {
		t.Error("a default that is written out changes the id")
	}
	seen := map[string]string{plain: ""}
	for _, other := range []string{"train: {steps: 999}", "train: {slices: 1}", "probe: {sequences: 3}",
		"probe: {heldout: 80}", "optim: {lr: 0.5}", "optim: muon", "optim: {name: muon, lr: 0.5}", "data: {chain_seed: 1}",
		"data: text", "data: {name: text, bos: false}", "arch: {tied: true}"} {
		if twin, twice := seen[id(other)]; twice {
			t.Errorf("%s has the id of %q", other, twin)
		}
		seen[id(other)] = other
	}
	a, b := planOf(t, "name: x\nseeds: [9007199254740992]\n"), planOf(t, "name: x\nseeds: [9007199254740993]\n")
	if a[0].ID == b[0].ID {
		t.Error("seeds beyond 2^53 share an id")
	}
}

func TestKeyOrderChangesNoID(t *testing.T) {
	parts := []string{"arch: {%s}", "optim: {%s}", "train: {%s}", "schedule: {%s}"}
	keys := [][]string{{"layers: 3", "width: 32", "heads: 4", "norm: ssnorm"},
		{"lr: 1e-3", "name: adamw", "beta1: .8", "clip: 3"},
		{"steps: 7", "batch: 8", "slices: 1"}, {"warmup: 5", "name: trapezoidal", "decay: .25"}}
	want := ""
	rapid.Check(t, func(r *rapid.T) {
		var base []string
		for i, p := range parts {
			base = append(base, fmt.Sprintf(p, strings.Join(rapid.Permutation(keys[i]).Draw(r, "keys"), ", ")))
		}
		s, err := sweep.LoadBytes("s.yaml",
			[]byte("name: x\nbase: {"+strings.Join(rapid.Permutation(base).Draw(r, "parts"), ", ")+"}\n"))
		if err != nil {
			r.Fatal(err)
		}
		got, err := idOf(s.Runs[0].Config, "digest", "cpu")
		if err != nil {
			r.Fatal(err)
		}
		if want == "" {
			want = got
		}
		if got != want {
			r.Fatalf("id %s, want %s", got, want)
		}
	})
}

func idOf(c trainer.Config, dataDigest, device string) (string, error) {
	return run.NewIdentifier().ID(settings.Of(&c), c, dataDigest, device)
}
