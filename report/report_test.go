package report

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/outcrop-lab/outcrop/derive"
	"github.com/outcrop-lab/outcrop/plots"
	"github.com/outcrop-lab/outcrop/plots/plotstest"
	"github.com/outcrop-lab/outcrop/store"
)

func written(t *testing.T, db *store.DB, sweep string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "sweeps", "x", "report.html")
	if err := Write(db, sweep, path); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// needs returns the statistics that the page itself and the derived quantities read, except those of some quantities.
// plots.Needs returns the statistics of the figures.
func needs(but ...string) []derive.Need {
	all := []derive.Need{{Site: ratioSite, Statistic: ratioStatistic},
		{Site: "attn.pattern", Statistic: "first_token_attention"},
		{Site: "run", Statistic: "heldout_loss"}, {Site: "run", Statistic: "backcopy_risk"},
		{Site: "run", Statistic: "bigram_risk"}}
	for _, q := range derive.All() {
		for _, need := range q.Needs {
			if need.Site == "" {
				need.Site = ratioSite
			}
			if !slices.Contains(but, q.Name) && !slices.Contains(all, need) {
				all = append(all, need)
			}
		}
	}
	return all
}

// Everything on the page except its figures, numbers and words alike, equals the golden content.
func TestGoldenContent(t *testing.T) {
	db := plotstest.Open(t)
	plotstest.Fill(t, db, plotstest.Sweep, []string{"baseline", "gated", "single-scale"}, 4, needs()...)
	c, err := read(db, plotstest.Sweep)
	if err != nil {
		t.Fatal(err)
	}
	c.Figures = nil // plots holds them
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	if err := e.Encode(c); err != nil {
		t.Fatal(err)
	}
	// A list of cells on one line.
	got := regexp.MustCompile(`\[(\s*"[^"]*",?)+\s*\]`).ReplaceAllFunc(out.Bytes(), func(list []byte) []byte {
		return regexp.MustCompile(`\n\s*`).ReplaceAll(list, nil)
	})
	plotstest.Golden(t, filepath.Join("testdata", "content.json"), got)
}

// 1/(lambda gamma) of the planted curve (.12 and .012) by hand, and a dash if its interval is open.
func TestDecay(t *testing.T) {
	f := store.Fit{Params: map[string]float64{"lambda": .12, "gamma": .012}}
	if got := decay(f); got != "694.4" {
		t.Errorf("1/(lambda gamma) is %s, want 694.4", got)
	}
	f.Intervals = map[string][2]float64{"beta": {0, math.Inf(1)}}
	if got := decay(f); got != none {
		t.Errorf("1/(lambda gamma) is %s where its interval is open", got)
	}
}

func TestWrite(t *testing.T) {
	db := plotstest.Open(t)
	plotstest.Fill(t, db, plotstest.Sweep, []string{"baseline", "gated", "single-scale"}, 2,
		append(plots.Needs(), needs("super_weights")...)...)
	html := written(t, db, plotstest.Sweep)
	if html != written(t, db, plotstest.Sweep) {
		t.Error("written twice from one database, the page differs")
	}
	for _, part := range []string{
		"<title>fixture – Outcrop</title>", "Does a gate keep massive activations away?", "3 arms, 6 runs, 6 done.",
		"<code>arch.gate.name: g1</code>", "<code>optim.lr: 0.01</code>", "nothing: this is the base",
		"0.9800", "-31.5", "logarithmic increase", `<td class="n">640</td>`, // of plotstest's fits
		"0123456789", "go1.26", "cpu portable", "Fixture CPU", "d19e57", "No determinism conflicts",
		// The planted curve of block 1 exceeds 10 at step 64, that of block 0 at 128.
		"<h3>M-Act</h3>", "step 64: block 1, resid_post (10.81)",
		`<th scope="row">Super weights</th>`, "outcrop probe 01005eed0000 --statistics super_weight_row,super_weight_column",
		"outcrop run fixture.yaml", "outcrop plot --sweep fixture", "outcrop report --sweep fixture",
	} {
		if !strings.Contains(html, part) {
			t.Errorf("the page lacks %q", part)
		}
	}
	for _, name := range plots.Names() {
		if !strings.Contains(html, `<figure id="figure-`+name+`">`) {
			t.Errorf("the page lacks the figure %s", name)
		}
	}
	if got, want := strings.Count(html, `<svg role="img" aria-label="`), len(plots.Names()); got != want {
		t.Errorf("%d labelled figures, want %d", got, want)
	}
	balanced(t, html)
	selfContained(t, html)
}

// Every derived quantity has a section or is drawn. Quantities whose statistics share no step have no table and cause
// no panic.
func TestDerivedSections(t *testing.T) {
	shown := []string{"layer_sink_rate"} // by the figures depth and valley
	for _, s := range sections {
		if _, ok := derive.Lookup(s.quantity); !ok {
			t.Errorf("%s is not a quantity", s.quantity)
		}
		shown = append(shown, s.quantity)
	}
	for _, name := range derive.Names() {
		if !slices.Contains(shown, name) {
			t.Errorf("no section shows %s", name)
		}
	}
	db := plotstest.Open(t)
	id := plotstest.Fill(t, db, plotstest.Sweep, []string{"baseline"}, 1, plots.Needs()...)[0][0]
	var apart []store.Row
	for _, s := range [][2]string{{"mlp.out", "super_weight_row"}, {"mlp.out", "super_weight_output"},
		{"weight.mlp.down", "super_weight_value"}} {
		apart = append(apart, store.Row{Site: s[0], Statistic: s[1], Head: -1, Value: 1})
	}
	for step, rows := range map[int][]store.Row{3: apart,
		5: {{Site: "mlp.down_in", Statistic: "super_weight_column", Head: -1, Value: 1},
			{Site: "mlp.down_in", Statistic: "super_weight_input", Head: -1, Value: 1}}} {
		if err := db.PutRows(id, step, rows); err != nil {
			t.Fatal(err)
		}
	}
	html := written(t, db, plotstest.Sweep)
	// The correlation has only one block.
	for _, title := range []string{"Super weights", "BOS norm against entropy over depth"} {
		if !strings.Contains(html, `<th scope="row">`+title+"</th>") || strings.Contains(html, "<h3>"+title) {
			t.Errorf("%s has an empty table", title)
		}
	}
	balanced(t, html)
}

func TestHostileNames(t *testing.T) {
	db := plotstest.Open(t)
	sweep := `"><script>alert('x')</script>`
	plotstest.Fill(t, db, sweep, []string{`<img src=x onerror="y">`, "'; rm -rf &amp;"}, 1, plots.Needs()...)
	html := written(t, db, sweep)
	for _, raw := range []string{"<script", "<img", `"><` + "script"} {
		if strings.Contains(html, raw) {
			t.Errorf("the page holds %q", raw)
		}
	}
	balanced(t, html)
	selfContained(t, html)
}

// The page of a sweep without measurements says so.
func TestPlannedOnly(t *testing.T) {
	db := plotstest.Open(t)
	s := store.Sweep{Name: "planned", Arms: []store.Arm{{Name: "a"}}}
	if err := db.PutSweep(s, []store.Member{{Sweep: "planned", Arm: "a", Run: "abc", Seed: 3}}); err != nil {
		t.Fatal(err)
	}
	html := written(t, db, "planned")
	for _, part := range []string{"1 arm, 1 run, 1 planned.", "emergence: not drawn.", "No fits are stored yet.",
		"Nothing is measured yet."} {
		if !strings.Contains(html, part) {
			t.Errorf("the page lacks %q", part)
		}
	}
	balanced(t, html)
}

func TestConflictsAreShown(t *testing.T) {
	db := plotstest.Open(t)
	ids := plotstest.Fill(t, db, plotstest.Sweep, []string{"baseline"}, 1, plots.Needs()...)
	other := store.Row{Site: "resid_post", Statistic: "ratio_mean", Head: -1, Idx: -1, Value: 777.5}
	if err := db.PutRows(ids[0][0], 0, []store.Row{other}); err != nil {
		t.Fatal(err)
	}
	html := written(t, db, plotstest.Sweep)
	if !strings.Contains(html, "Determinism conflicts") || !strings.Contains(html, "777.5") {
		t.Error("the page does not show the conflict")
	}
}

func TestUnknownSweep(t *testing.T) {
	path := filepath.Join(t.TempDir(), "report.html")
	err := Write(plotstest.Open(t), "nope", path)
	if want := "report: reading sweep nope: the database holds no sweep of that name"; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("a page was written")
	}
}

func TestSettings(t *testing.T) {
	for _, c := range []struct {
		differs string
		want    []setting
	}{
		{"", nil}, {"{}", nil},
		{`{"optim.lr":1e-2,"arch":{"gate":{"name":"g1"},"tied":true}}`,
			[]setting{{"optim.lr", "1e-2"}, {"arch.gate.name", "g1"}, {"arch.tied", "true"}}},
		{`[{"key":"optim.lr","value":0.01}]`, []setting{{"optim.lr", "0.01"}}},
		{"norm", []setting{{"", "norm"}}},
	} {
		if got := settings(c.differs); !slices.Equal(got, c.want) {
			t.Errorf("%q: %v, want %v", c.differs, got, c.want)
		}
	}
}

// balanced checks that every element is closed in the right order, except void elements.
func balanced(t *testing.T, html string) {
	t.Helper()
	html = regexp.MustCompile(`(?s)<style>.*?</style>|<!--.*?-->`).ReplaceAllString(html, "")
	var open []string
	tag := regexp.MustCompile(`(?s)<(/?)([a-zA-Z][a-zA-Z0-9]*)((?:[^<>"]|"[^"]*")*?)(/?)>`)
	for _, m := range tag.FindAllStringSubmatch(html, -1) {
		name := m[2]
		switch {
		case m[4] == "/" || name == "meta":
		case m[1] == "":
			open = append(open, name)
		case len(open) == 0 || open[len(open)-1] != name:
			t.Fatalf("</%s> closes %v", name, open)
		default:
			open = open[:len(open)-1]
		}
	}
	if len(open) > 0 {
		t.Errorf("not closed: %v", open)
	}
}

// selfContained checks that the page fetches nothing: it holds no address except the names of XML namespaces.
func selfContained(t *testing.T, html string) {
	t.Helper()
	html = regexp.MustCompile(`xmlns(:xlink)?="http://www\.w3\.org/[^"]*"`).ReplaceAllString(html, "")
	for _, bad := range []string{"http:", "https:", " src=", "url(", "@import", "<link", "<script", "<iframe"} {
		if strings.Contains(html, bad) && (bad != " src=" || !strings.Contains(html, "&lt;img src=")) {
			t.Errorf("the page holds %q", bad)
		}
	}
}
