package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const reference = "../../fit/testdata/bigram_backcopy_one_layer_adam.csv"

// A published training run (arXiv 2410.13835), each column fitted and drawn. Where the curve describes a column, R² says
// so; the norm of BOS's value falls in two stages and attention to BOS rises as a step, which one curve with a single
// logarithm and a single decay cannot do.
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
	for series, least := range map[string]float64{"bos_residual_norm": .999, "bigram_risk_nats": .99, "backcopy_risk_nats": .97} {
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
		t.Error("drawn twice, the figure differs")
	}
}

func TestFitBadTables(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct{ name, table, figure, want string }{
		{"no number", "step,y\n0,1\n1,x\n", "", `t.csv:3:3: column "y": "x" is not a number`},
		{"ragged", "step,y\n0,1,2\n", "", "t.csv: record on line 2: wrong number of fields"},
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
	if code, _, stderr := outcrop(t.Context(), "fit", "--figure", "x.svg"); code != exitInput || !strings.Contains(stderr, "--csv") {
		t.Errorf("a figure without a table: exit %d, %q", code, stderr)
	}
}
