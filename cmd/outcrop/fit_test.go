package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/outcrop-lab/outcrop/experiments/results"

	"github.com/outcrop-lab/outcrop/fit"
	"github.com/outcrop-lab/outcrop/store"
)

const reference = "../../fit/testdata/bigram_backcopy_one_layer_adam.csv"

// Each column of a published training run (arXiv 2410.13835) is fitted and drawn. R² is high if the curve describes the
// column. It is not for the norm of BOS's value, which falls in two stages, or for attention to BOS, which rises as a
// step: one curve with a single logarithm and a single decay can do neither.
func TestFitAndDrawReference(t *testing.T) {
	dir := t.TempDir()
	figure := filepath.Join(dir, "reference.svg")
	code, stdout, stderr := outcrop(t.Context(), "fit", "--csv", reference, "--figure", figure, "--json")
	if code != exitDone {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	var document struct {
		Fits []struct {
			Series, Family string
			R2             float64
		}
	}
	if err := json.Unmarshal([]byte(stdout), &document); err != nil {
		t.Fatal(err)
	}
	r2 := map[string]float64{}
	for _, r := range document.Fits {
		if r.Family == "emergence" {
			r2[r.Series] = r.R2
		}
	}
	for series, least := range map[string]float64{"bos_residual_norm": .999, "bigram_risk_nats": .99,
		"backcopy_risk_nats": .97} {
		if !(r2[series] > least) {
			t.Errorf("%s: R² %.4f, want above %g", series, r2[series], least)
		}
	}
	for _, series := range []string{"bos_value_norm", "attention_to_bos"} {
		if !(r2[series] > .8 && r2[series] < .95) {
			t.Errorf("%s: R² %.4f, want a poor fit, from .8 to .95", series, r2[series])
		}
	}
	drawn := read(t, figure)
	for series := range r2 {
		if !bytes.Contains(drawn, []byte(series)) {
			t.Errorf("the figure does not name %s", series)
		}
	}
	again := filepath.Join(dir, "again.svg")
	if code, _, stderr := outcrop(t.Context(), "fit", "--csv", reference, "--figure", again); code != exitDone {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	if !bytes.Equal(drawn, read(t, again)) {
		t.Error("the figure differs when drawn again")
	}
}

func TestFitBadTables(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct{ name, table, figure, want string }{
		{"no number", "step,y\n0,1\n1,x\n", "", `t.csv:3:3: column "y": "x" is not a number`},
		{"no number in any column", "step,y,z\n0,x,\n1,x,\n", "", `t.csv:2:3: column "y": "x" is not a number`},
		{"ragged", "step,y\n0,1,2\n", "", "t.csv:2:5: line 2 has 3 cells, but the header has 2 names"},
		{"one point", "step,y\n0,1\n", "", `t.csv: column "y": too few points: 1, each step counted once; the curve has 5`},
		{"three points", "step,y\n0,1\n1,2\n2,3\n", "", "too few points: 3, each step counted once; the curve has 5"},
		{"one step", "step,y\n" + strings.Repeat("7,1\n", 9), "", "too few points: 1,"},
		{"too few numbers", "step,y\n0,1\n1,2\n2,3\n3,NA\n4,NA\n5,NA\n", "", "too few points: 3,"},
		{"no header", "0,5.0\n1,6\n", "", "t.csv:1: the first line holds numbers, not the names of the columns: " +
			"add a line of names, or say --no-header"},
		{"unclear steps", "a,b\nx,1\ny,2\n", "", `the columns are ["a" "b"]: name it by --step-column`},
		{"negative steps", "step,y\n-1,1\n1,2\n2,3\n3,5\n4,5\n5,6\n6,7\n7,8\n", "", "t is negative"},
		{"empty", "", "", "wants a header"},
		{"no points", "step,y\n", "", `column "y"`},
		{"other picture", "step,y\n0,1\n1,2\n2,3\n3,5\n4,5\n5,6\n6,7\n7,8\n", "t.pdf", "ends in .svg or .png"},
	} {
		path := filepath.Join(dir, "t.csv")
		if err := os.WriteFile(path, []byte(c.table), 0o666); err != nil {
			t.Fatal(err)
		}
		args := []string{"fit", "--csv", path}
		if c.figure != "" {
			args = append(args, "--figure", filepath.Join(dir, c.figure))
		}
		code, stdout, stderr := outcrop(t.Context(), args...)
		if code != exitInput || !strings.Contains(stderr, c.want) || stdout != "" {
			t.Errorf("%s: exit %d, %q, want %d and %q", c.name, code, stderr, exitInput, c.want)
		}
	}
	for _, flag := range []string{"--figure=x.svg", "--step-column=step", "--series=y", "--no-header"} {
		if code, _, stderr := outcrop(t.Context(), "fit", flag); code != exitInput || !strings.Contains(stderr, "--csv") {
			t.Errorf("%s without a table: exit %d, %q", flag, code, stderr)
		}
	}
}

// What is left out of a table is said once, with the reason, and the rest is fitted. A series that was asked for by its
// name must be fitted.
func TestFitPartOfTable(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "t.csv")
	var text strings.Builder
	text.WriteString("Wall time,Step,loss,few,bad,\n")
	for i := range 12 {
		fmt.Fprintf(&text, "%d,%d,%g,%s,%d%s,\n", 1_700_000_000+i, 10*i, math.Sqrt(float64(i)),
			map[bool]string{true: "1.5"}[i < 3], i, map[bool]string{true: "?!"}[i == 7])
	}
	if err := os.WriteFile(path, []byte(text.String()), 0o666); err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr := outcrop(t.Context(), "fit", "--csv", path, "--json", "--interval", "none")
	if code != exitDone {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	for _, want := range []string{`another count of the rows by its name: "Wall time"`,
		`column "few": too few points: 3,`, `t.csv:9:`, `"7?!" is not a number: left out`,
		`column "column 6": holds no number: left out`} {
		if strings.Count(stderr, want) != 1 {
			t.Errorf("%q is said %d times in\n%s", want, strings.Count(stderr, want), stderr)
		}
	}
	var document results.FitDocument
	if err := json.Unmarshal([]byte(stdout), &document); err != nil {
		t.Fatal(err)
	}
	if document.StepColumn != "Step" || len(document.LeftOut) != 3 || len(document.Fits) != len(fit.Families()) {
		t.Errorf("steps %q, left out %q, %d fits", document.StepColumn, document.LeftOut, len(document.Fits))
	}
	for _, f := range document.Fits {
		if f.Series != "loss" {
			t.Errorf("%s is fitted", f.Series)
		}
	}
	code, stdout, _ = outcrop(t.Context(), "fit", "--csv", path, "--step-column", "Wall time", "--series", "l*",
		"--interval", "none")
	if code != exitDone || !strings.Contains(stdout, `fits over "Wall time"`) || !strings.Contains(stdout, "\nloss ") {
		t.Errorf("exit %d: %s", code, stdout)
	}
	code, stdout, stderr = outcrop(t.Context(), "fit", "--csv", path, "--series", "loss", "--series", "few")
	if code != exitInput || stdout != "" || !strings.Contains(stderr, `column "few": too few points: 3,`) {
		t.Errorf("exit %d, %s, %s", code, stdout, stderr)
	}
}

// The tables fit a terminal, and remarks follow as numbered notes. A parameter that the data do not determine is a dash
// in the table and a number in the document.
func TestFitTable(t *testing.T) {
	code, stdout, stderr := outcrop(t.Context(), "fit", "--csv", reference)
	if code != exitDone {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	for line := range strings.Lines(stdout) {
		if n := utf8.RuneCountInString(line); n > 160 {
			t.Errorf("a line of %d columns: %s", n, line)
		}
	}
	for _, want := range []string{"best       notes", "\n   1  not identifiable (condition",
		"the wrong family for this series: the AICc of power_law is smaller by 1.7e+03",
		"constant  emergence  first_order  first_order_offset  logistic", "0.0 (.59)"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("the table lacks %q:\n%s", want, stdout)
		}
	}
	_, line, _ := strings.Cut(stdout, "\nbos_residual_norm ") // its first line is in the table of parameters
	if line, _, _ = strings.Cut(line, "\n"); !strings.Contains(line, "—        —       —") {
		t.Errorf("undetermined parameters are printed: %s", line)
	}
	code, stdout, _ = outcrop(t.Context(), "fit", "--csv", reference, "--json", "--interval", "none")
	var document struct {
		Fits []struct {
			Family    string
			Params    map[string]float64
			Intervals map[string][2]*float64
			Weight    float64
		}
		Summaries, Comparisons, Scalings []any
	}
	if err := json.Unmarshal([]byte(stdout), &document); err != nil || code != exitDone {
		t.Fatal(code, err)
	}
	if len(document.Fits) != 5*len(fit.Families()) || document.Summaries == nil || document.Comparisons == nil ||
		document.Scalings == nil {
		t.Errorf("%d fits, summaries %v", len(document.Fits), document.Summaries)
	}
	for _, f := range document.Fits {
		if len(f.Params) != len(fit.Params(f.Family)) || len(f.Intervals) != 0 {
			t.Errorf("%s: %v, %v", f.Family, f.Params, f.Intervals)
		}
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--loss", "hubber"}, `--loss: unknown loss "hubber", did you mean "huber"`},
		{[]string{"--interval", "profil"}, `--interval: unknown interval "profil", did you mean "profile"`},
		{[]string{"--weights", "equal"}, "--weights: a CSV table holds no spread"},
	} {
		code, _, stderr := outcrop(t.Context(), append([]string{"fit", "--csv", reference}, c.args...)...)
		if code != exitInput || !strings.Contains(stderr, c.want) {
			t.Errorf("%v: exit %d, %q", c.args, code, stderr)
		}
	}
}

// Over a planted database, fit summarises seeds, compares arms, and gives a scaling law for a setting that varies
// alone.
//
//nolint:funlen // one function, because one document serves all checks
func TestFitAcrossRuns(t *testing.T) {
	dir := t.TempDir()
	planted(t, dir)
	code, stdout, stderr := outcrop(t.Context(), "fit", "--results", dir, "--json")
	if code != exitDone {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	var document struct {
		Summaries []struct {
			Arm, Quantity string
			N             int
			Median        float64
			Within        *float64
		}
		Comparisons []struct {
			Arm, Against, Quantity string
			Difference, P          float64
			Splits                 int
		}
		Scalings []struct {
			Factor, Quantity string
			N                int
			Exponent         float64
			Interval         [2]float64
		}
	}
	if err := json.Unmarshal([]byte(stdout), &document); err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, s := range document.Summaries {
		// The planted curve peaks at x = exp(W(2)), which is step 873. Each of its quantities has an interval of its own.
		if slices.Contains(results.Quantities[:len(results.Quantities)-1], s.Quantity) && (s.Within == nil ||
			!(*s.Within > 0)) {
			t.Errorf("%s of %s: the interval has no half-width", s.Quantity, s.Arm)
		}
		if s.Quantity == "t_peak" && !(math.Abs(s.Median-873) < 40) {
			t.Errorf("%+v, want a peak at 873", s)
		}
		if s.Arm == "w64" && s.Quantity == "A" {
			found++
			if s.N != 3 || !(math.Abs(s.Median-8) < .4) {
				t.Errorf("%+v, want A of 8", s)
			}
		}
	}
	for _, c := range document.Comparisons {
		if c.Arm == "w128" && c.Quantity == "A" {
			found++
			if c.Against != "w32" || !(math.Abs(c.Difference-12) < .8) || c.Splits != 20 || c.P != .1 {
				t.Errorf("%+v, want a difference of 12 with p 2/20", c)
			}
		}
	}
	for _, s := range document.Scalings {
		if s.Quantity == "A" {
			found++
			if s.Factor != "arch.width" || s.N != 9 || !(s.Interval[0] < 1 && 1 < s.Interval[1]) ||
				!(math.Abs(s.Exponent-1) < .05) {
				t.Errorf("%+v, want A proportional to the width", s)
			}
		}
	}
	if found != 3 {
		t.Errorf("%d of the three rows were found: %s", found, stdout)
	}
	if _, stdout, _ = outcrop(t.Context(), "fit", "--results", dir); !strings.Contains(stdout, "arch.width") ||
		!strings.Contains(stdout, "3 of 3") {
		t.Errorf("the tables lack the settings or the seeds:\n%s", stdout)
	}
}

// planted writes a database of three widths by three seeds, whose curves have an A proportional to the width.
func planted(t *testing.T, dir string) {
	t.Helper()
	db, err := store.Open(filepath.Join(dir, "outcrop.db"))
	if err != nil {
		t.Fatal(err)
	}
	steps := []int{0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512}
	for s := 600; s <= 6000; s += 100 {
		steps = append(steps, s)
	}
	sweep := store.Sweep{Name: "planted"}
	var members []store.Member
	for a, width := range []int{32, 64, 128} {
		arm := fmt.Sprint("w", width)
		sweep.Arms = append(sweep.Arms, store.Arm{Name: arm, Differs: "[]", Order: a})
		for seed := range uint64(3) {
			id := fmt.Sprintf("%062x%02x", width, seed)
			config := fmt.Sprintf(`{"arch":{"layers":2,"width":%d},"optim":{"lr":0.01},"seed":%d}`, width, seed)
			if err := db.PutRun(store.Run{ID: id, Config: config, Seed: seed, Status: "done", Steps: 6000, Step: 6000,
				Slices: 1}); err != nil {
				t.Fatal(err)
			}
			truth := fit.Result{Family: "emergence", Params: map[string]float64{"A": float64(width) / 8, "lambda": .5,
				"gamma": 2e-3, "t0": .6, "K": 12}}
			random := rand.New(rand.NewPCG(uint64(width), seed))
			for _, step := range steps {
				value := fit.Eval(truth, float64(step)) + .01*random.NormFloat64()
				if err := db.PutRows(id, step, []store.Row{{Site: "resid_post", Statistic: "ratio_mean", Head: -1, Idx: -1,
					Value: value}}); err != nil {
					t.Fatal(err)
				}
			}
			members = append(members, store.Member{Sweep: "planted", Arm: arm, Seed: seed, Run: id, Order: len(members)})
		}
	}
	notTrained := store.Member{Sweep: "planted", Arm: "w128", Seed: 3, Run: strings.Repeat("f", 64), Order: len(members)}
	members = append(members, notTrained)
	if err := db.PutSweep(sweep, members); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}
