// Package outcrop_test checks which packages import which.
package outcrop_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/outcrop-lab/outcrop/"

// arrows lists, for each package, the packages of this module that it may import. Nothing imports upwards. Test files
// are not checked.
var arrows = map[string][]string{
	"archs":        {"ops", "compute", "rng", "variant"},
	"atomicfile":   {},
	"bench/cores":  {"bench/steady", "experiments", "experiments/sweep", "fit"},
	"bench/fit":    {"fit", "predict", "rng"},
	"bench/growth": {"bench/steady", "compute", "fit", "plots", "trainer"},
	"bench/plan": {
		"bench/steady", "compute", "experiments", "experiments/plan", "experiments/sweep", "experiments/todo", "store",
		"trainer",
	},
	"bench/steady": {"compute", "experiments/worker", "probes", "trainer"},
	"bench/step": {
		"archs", "bench/steady", "compute", "experiments", "experiments/sweep", "fit", "store", "trainer", "variant",
	},
	"bench/store":    {"export", "store"},
	"bench/variants": {"archs", "compute", "fit", "optim", "rng", "variant"},
	"cmd/outcrop": {
		"atomicfile", "compute", "configs", "data", "derive", "experiments", "experiments/folder", "experiments/machine",
		"experiments/plan", "experiments/results", "experiments/run", "experiments/sweep", "experiments/todo",
		"experiments/worker", "export", "fit", "plots", "predict", "regularfile", "report", "settings", "settings/document",
		"store", "studies", "table", "tokenizer", "trainer", "variant",
	},
	"compute": {},
	"configs": {},
	"data":    {"atomicfile", "regularfile", "rng", "tokenizer", "variant"},
	"derive":  {"fit", "store", "variant"},
	"experiments": {
		"experiments/folder", "experiments/machine", "experiments/plan", "experiments/results", "experiments/run",
		"experiments/sweep", "experiments/todo", "store",
	},
	"experiments/folder":  {"atomicfile", "regularfile", "settings", "store"},
	"experiments/machine": {},
	"experiments/plan": {
		"archs", "atomicfile", "compute", "data", "experiments/folder", "experiments/run", "experiments/sweep", "fit",
		"probes", "settings", "trainer", "variant",
	},
	"experiments/results": {
		"derive", "experiments/folder", "fit", "predict", "regularfile", "settings", "store", "variant",
	},
	"experiments/run": {
		"atomicfile", "compute", "experiments/folder", "experiments/stopping", "experiments/sweep", "settings", "store",
		"trainer", "variant",
	},
	"experiments/stopping": {"variant"},
	"experiments/sweep": {
		"configs", "experiments/stopping", "rng", "settings", "settings/document", "trainer", "variant",
	},
	"experiments/todo": {
		"experiments/folder", "experiments/machine", "experiments/plan", "experiments/run", "experiments/stopping",
		"experiments/sweep", "probes", "settings", "store", "trainer",
	},
	"experiments/worker": {
		"experiments/folder", "experiments/run", "experiments/stopping", "probes", "store", "trainer",
	},
	"export":            {"store", "variant"},
	"fit":               {"rng", "variant"},
	"ops":               {"compute"},
	"optim":             {"compute", "variant"},
	"plots":             {"atomicfile", "derive", "fit", "safetensors", "settings", "store", "variant"},
	"plots/plotstest":   {"derive", "probes", "safetensors", "store"},
	"predict":           {"fit", "rng", "settings", "store", "table"},
	"predict/train":     {"atomicfile", "predict", "store"},
	"probes":            {"compute"},
	"regularfile":       {},
	"report":            {"atomicfile", "derive", "fit", "plots", "store"},
	"rng":               {},
	"safetensors":       {},
	"settings":          {"variant"},
	"settings/document": {"settings", "variant"},
	"store":             {"regularfile", "settings"},
	"studies": {
		"experiments/folder", "experiments/results", "experiments/run", "experiments/worker", "settings", "store",
		"trainer", "variant",
	},
	"table":     {"variant"},
	"tokenizer": {},
	"trainer": {
		"archs", "atomicfile", "compute", "data", "optim", "probes", "regularfile", "rng", "safetensors", "variant",
	},
	"variant": {},
}

// readers are the packages that read results and train nothing. They reach no package of heavy, directly or indirectly,
// so that a program that only shows results can be built without kernels.
var (
	readers = []string{"experiments/results", "plots", "report"}
	heavy   = []string{"compute", "trainer"}
)

// alone lists, for a foreign module, the only packages that may import it.
var alone = map[string][]string{
	"gorgonia.org/gorgonia":       {"archs", "ops"},
	"gorgonia.org/tensor":         {"archs", "ops"},
	"database/sql":                {"store", "bench/store"},
	"github.com/mattn/go-sqlite3": {"store", "bench/store"},
	"gonum.org/v1/plot":           {"plots"},
	"github.com/spf13/viper":      {"cmd/outcrop"},
	"golang.org/x/text":           {"table"},
}

func TestArrows(t *testing.T) {
	seen := map[string]bool{}
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		hidden := strings.HasPrefix(d.Name(), ".") && path != "."
		if d.IsDir() && (d.Name() == "tools" || d.Name() == "testdata" || hidden) {
			return filepath.SkipDir
		}
		from := filepath.ToSlash(filepath.Dir(path))
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || from == "." {
			return nil
		}
		seen[from] = true
		allowed, known := arrows[from]
		if !known {
			t.Errorf("%s: the table of arrows has no row for its package", path)
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range file.Imports {
			to, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			if ours, ok := strings.CutPrefix(to, module); ok && !slices.Contains(allowed, ours) {
				t.Errorf("%s imports %s, which the table of arrows does not allow", path, ours)
			}
			for foreign, who := range alone {
				if (to == foreign || strings.HasPrefix(to, foreign+"/")) && !slices.Contains(who, from) {
					t.Errorf("%s imports %s, which only %v may import", path, to, who)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for from := range arrows {
		if !seen[from] {
			t.Errorf("the table of arrows has a row for %s, which does not exist", from)
		}
	}
}

func TestReadersReachNoTrainer(t *testing.T) {
	for _, from := range readers {
		reached := []string{from}
		for i := 0; i < len(reached); i++ {
			for _, to := range arrows[reached[i]] {
				if !slices.Contains(reached, to) {
					reached = append(reached, to)
				}
			}
		}
		for _, to := range heavy {
			if slices.Contains(reached, to) {
				t.Errorf("%s reaches %s: %v", from, to, reached)
			}
		}
	}
}
