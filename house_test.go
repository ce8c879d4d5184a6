// Package outcrop_test checks which packages import which.
package outcrop_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/outcrop-lab/outcrop/"

// arrows lists, for each package, the packages of this module that it may import. Nothing imports upwards. Test files
// are not checked.
var arrows = map[string][]string{
	"archs":        {"compute", "count", "ops", "rng", "variant"},
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
	"bench/tokens":   {"fit", "tokenizer"},
	"bench/variants": {"archs", "compute", "fit", "optim", "rng", "variant"},
	"cmd/outcrop": {
		"atomicfile", "compute", "configs", "count", "data", "derive", "experiments", "experiments/folder",
		"experiments/machine", "experiments/plan", "experiments/results", "experiments/run", "experiments/sweep",
		"experiments/todo", "experiments/worker", "export", "fit", "plain", "plots", "predict", "regularfile", "report",
		"settings", "settings/document", "store", "studies", "table", "tokenizer", "trainer", "variant",
	},
	"compute": {},
	"configs": {},
	"count":   {},
	"data":    {"atomicfile", "count", "regularfile", "rng", "tokenizer", "variant"},
	"derive":  {"count", "fit", "store", "variant"},
	"experiments": {
		"experiments/folder", "experiments/machine", "experiments/plan", "experiments/results", "experiments/run",
		"experiments/sweep", "experiments/todo", "plain", "store",
	},
	"experiments/folder":  {"atomicfile", "plain", "regularfile", "settings", "store"},
	"experiments/machine": {},
	"experiments/plan": {
		"archs", "atomicfile", "compute", "count", "data", "experiments/folder", "experiments/run", "experiments/sweep",
		"fit", "probes", "settings", "trainer", "variant",
	},
	"experiments/results": {
		"count", "derive", "experiments/folder", "fit", "predict", "regularfile", "settings", "store", "variant",
	},
	"experiments/run": {
		"atomicfile", "compute", "experiments/folder", "experiments/stopping", "experiments/sweep", "plain", "settings",
		"store", "trainer", "variant",
	},
	"experiments/stopping": {"count", "variant"},
	"experiments/sweep": {
		"configs", "count", "experiments/stopping", "rng", "settings", "settings/document", "trainer", "variant",
	},
	"experiments/todo": {
		"count", "experiments/folder", "experiments/machine", "experiments/plan", "experiments/run",
		"experiments/stopping", "experiments/sweep", "probes", "settings", "store", "trainer",
	},
	"experiments/worker": {
		"experiments/folder", "experiments/run", "experiments/stopping", "probes", "store", "trainer",
	},
	"export":            {"store", "variant"},
	"fit":               {"count", "rng", "variant"},
	"ops":               {"compute"},
	"optim":             {"compute", "count", "variant"},
	"plain":             {},
	"plots":             {"atomicfile", "count", "derive", "fit", "safetensors", "settings", "store", "variant"},
	"plots/plotstest":   {"derive", "probes", "safetensors", "store"},
	"predict":           {"count", "fit", "plain", "rng", "settings", "store", "table"},
	"predict/train":     {"atomicfile", "count", "predict", "store"},
	"probes":            {"compute"},
	"regularfile":       {"count"},
	"report":            {"atomicfile", "count", "derive", "fit", "plots", "store"},
	"rng":               {},
	"safetensors":       {"count", "plain"},
	"settings":          {"plain", "variant"},
	"settings/document": {"settings", "variant"},
	"store":             {"count", "plain", "regularfile", "settings"},
	"studies": {
		"experiments/folder", "experiments/results", "experiments/run", "experiments/worker", "settings", "store",
		"trainer", "variant",
	},
	"table":     {"count", "variant"},
	"tokenizer": {"count", "plain"},
	"trainer": {
		"archs", "atomicfile", "compute", "count", "data", "optim", "plain", "probes", "regularfile", "rng",
		"safetensors", "variant",
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

// byHand lists the texts that write a number before a plural noun without package count, and why they may.
var byHand = map[string]string{
	"splitting\n%d tokens\n":                           "a digest is taken of it",
	"at most %d letters, digits, dots":                 "a constant, before a list",
	"it lacks %d of the %d tables, indexes and views":  "a constant, before a list",
	"ops: viewing a buffer of %d elements":             "a mistake in the program",
	"ops: linear: weight of shape %v, want %d columns": "a mistake in the program",
	"compute: got %d elements, want %d":                "a mistake in the program",
}

var (
	counted   = regexp.MustCompile(`(?:^|[^a-z=])%(?:\[\d+\])?[dv] (?:(?:[a-z][a-z'-]* ){0,2}?([a-z]+s)\b|%ss)`)
	notPlural = strings.Fields("appears as differs does exceeds has is its joins makes reads series this was")
	twoCounts = regexp.MustCompile(`%d (?:and|to)$`) // they take the plural always
)

// TestCounts finds the texts that would say "1 runs": package count writes a number with its noun.
func TestCounts(t *testing.T) {
	used := map[string]bool{}
	for path, file := range sources(t) {
		ast.Inspect(file, func(n ast.Node) bool {
			text, ok := written(n)
			if !ok {
				return true
			}
			for _, m := range counted.FindAllStringSubmatchIndex(text, -1) {
				found := text[m[0]:m[1]]
				if m[2] >= 0 && slices.Contains(notPlural, text[m[2]:m[3]]) || twoCounts.MatchString(text[:m[0]]) {
					continue
				}
				known := false
				for allowed := range byHand {
					if strings.Contains(text, allowed) && strings.Contains(allowed, strings.TrimSpace(found)) {
						known, used[allowed] = true, true
					}
				}
				if !known {
					t.Errorf("%s: %q in %q: write it with count.Of, which knows the singular", path, found, text)
				}
			}
			return false
		})
	}
	for text := range byHand {
		if !used[text] {
			t.Errorf("no source holds the text %q, which the list byHand allows", text)
		}
	}
}

// written returns the text of a string literal, or of a sum of them.
func written(n ast.Node) (text string, ok bool) {
	switch n := n.(type) {
	case *ast.BasicLit:
		text, err := strconv.Unquote(n.Value)
		return text, err == nil && n.Kind == token.STRING
	case *ast.BinaryExpr:
		left, ok := written(n.X)
		right, too := written(n.Y)
		return left + right, ok && too
	}
	return "", false
}

// sources parses the program's own files: neither tests nor tools nor benchmarks.
func sources(t *testing.T) map[string]*ast.File {
	t.Helper()
	files := map[string]*ast.File{}
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		hidden := strings.HasPrefix(d.Name(), ".") && path != "."
		if d.IsDir() && (slices.Contains([]string{"bench", "testdata", "tools"}, d.Name()) || hidden) {
			return filepath.SkipDir
		}
		if strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") {
			files[path], err = parser.ParseFile(token.NewFileSet(), path, nil, 0)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
