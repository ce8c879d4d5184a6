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

// The golden ids of runs over files, and the ids that they had while paths belonged to the identity.
func TestGoldenIDsOfFiles(t *testing.T) {
	want, err := os.ReadFile(filepath.Join("testdata", "ids_of_files.json"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := sweep.Load(filepath.Join("testdata", "ids_of_files.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	plan, err := Of(s, "auto")
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, p := range plan {
		got[p.Arm] = p.ID
		got[p.Arm+", formerly"], err = run.NewIdentifier().FormerID(settings.Of(&p.Config), p.Config, p.DataDigest, p.Device)
		if err != nil {
			t.Fatal(err)
		}
	}
	text, err := json.MarshalIndent(got, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if string(text)+"\n" != string(want) {
		t.Errorf("ids changed:\n%s", text)
	}
}

// The same bytes are the same run, wherever they lie and however their path is written; other bytes are another run.
func TestPathsAreNoIdentity(t *testing.T) {
	for _, c := range []struct{ source, key, file, other string }{{"text", "path", "book.txt", "ids.yaml"},
		{"bin", "path", "tokens.bin", "other.bin"}, {"backcopy", "file", "book.txt", "ids.yaml"}} {
		samePaths(t, c.source, c.key, c.file, c.other)
	}
}

func samePaths(t *testing.T, source, key, name, otherName string) {
	t.Helper()
	read := func(name string) []byte {
		content, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		return content
	}
	book := read(name)
	dir, here := t.TempDir(), t.TempDir()
	for path, text := range map[string][]byte{dir + "/book": book, dir + "/copy of it": book, here + "/book": book,
		dir + "/other": read(otherName)} {
		if err := os.WriteFile(path, text, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("book", dir+"/link"); err != nil {
		t.Fatal(err)
	}
	t.Run(source, func(t *testing.T) {
		t.Chdir(here)
		file := filepath.Join(dir, "s.yaml")
		text := fmt.Sprintf("name: x\nbase: {arch: {context: 16}, data: {name: %s}}\ngrid: {data.%s: [book, ./book, "+
			"%s/book, 'copy of it', link, other]}\n", source, key, dir)
		s, err := sweep.LoadBytes(file, []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		plan, err := Of(s, "cpu")
		if err != nil {
			t.Fatal(err)
		}
		for i, p := range plan {
			if same := p.ID == plan[0].ID; same != (i < 5) {
				t.Errorf("%s: %s has the id %.12s, the first %.12s", source, p.Arm, p.ID, plan[0].ID)
			}
		}
		s, err = sweep.LoadBytes(file, []byte("name: x\nbase: {arch: {context: 16}, data: {name: "+source+"}}\n"),
			"data."+key+"=./book")
		if err != nil {
			t.Fatal(err)
		}
		if set, err := Of(s, "cpu"); err != nil || set[0].ID != plan[0].ID {
			t.Errorf("%s, --set: %v", source, err)
		}
	})
}

// Words that stand for two files are not taken for one.
func TestSamePathInTwoFolders(t *testing.T) {
	dir := t.TempDir()
	for path, text := range map[string]string{"a/base.yaml": "data: {name: text, path: book.txt}\n",
		"b/base.yaml": "data: {name: text, path: book.txt}\n", "a/book.txt": strings.Repeat("one ", 200),
		"b/book.txt": strings.Repeat("another ", 200)} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, path)), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, path), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	s, err := sweep.LoadBytes(filepath.Join(dir, "s.yaml"), []byte("name: x\nbase: {arch: {context: 16}}\n"+
		"arms: {a: {extends: a/base.yaml}, b: {extends: b/base.yaml}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if plan, err := Of(s, "cpu"); err != nil || plan[0].DataDigest == plan[1].DataDigest || plan[0].ID == plan[1].ID {
		t.Errorf("two files are one run: %v", err)
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
