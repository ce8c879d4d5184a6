package plots

import (
	"bytes"
	"encoding/xml"
	"errors"
	"image/png"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/outcrop-lab/outcrop/plots/plotstest"
	"github.com/outcrop-lab/outcrop/safetensors"
	"github.com/outcrop-lab/outcrop/store"
)

func fixture(t *testing.T) *store.DB {
	db := plotstest.Open(t)
	plotstest.Fill(t, db, plotstest.Sweep, []string{"baseline", "gated", "single-scale"}, 2, Needs()...)
	return db
}

// Every registered figure has the same bytes when it is drawn twice from one database.
func TestFigures(t *testing.T) {
	db := fixture(t)
	for _, name := range Names() {
		t.Run(name, func(t *testing.T) {
			first, second := filepath.Join(t.TempDir(), "a", "b"), t.TempDir()
			drawn, err := Draw(db, plotstest.Sweep, name, first)
			if err != nil {
				t.Fatal(err)
			}
			again, err := Draw(db, plotstest.Sweep, name, second)
			if err != nil {
				t.Fatal(err)
			}
			paths := drawn.Paths
			want := []string{filepath.Join(first, name+".svg"), filepath.Join(first, name+".png")}
			if !slices.Equal(paths, want) {
				t.Errorf("files %v, want %v", paths, want)
			}
			for i := range paths {
				if !bytes.Equal(content(t, paths[i]), content(t, again.Paths[i])) {
					t.Errorf("%s differs when drawn again", filepath.Base(paths[i]))
				}
			}
			if left, err := os.ReadDir(first); err != nil || len(left) != 2 {
				t.Errorf("%d files in the folder, want 2 (%v)", len(left), err)
			}
			if _, err := png.Decode(bytes.NewReader(content(t, paths[1]))); err != nil {
				t.Error(err)
			}
			svg := content(t, paths[0])
			validXML(t, svg)
			_, caption, err := SVG(db, plotstest.Sweep, name)
			if err != nil {
				t.Fatal(err)
			}
			for _, part := range []string{"Sweep fixture, ", " of 6 runs: baseline 01005eed (seed 0)"} {
				if !strings.Contains(caption, part) {
					t.Errorf("the caption lacks %q: %s", part, caption)
				}
			}
		})
	}
}

func TestDrawnAgainFromAnotherHandle(t *testing.T) {
	db := fixture(t)
	before, _, err := SVG(db, plotstest.Sweep, "emergence")
	if err != nil {
		t.Fatal(err)
	}
	readOnly, err := store.OpenReadOnly(db.Path())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = readOnly.Close() }()
	after, _, err := SVG(readOnly, plotstest.Sweep, "emergence")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(before, after) {
		t.Error("the figure differs when drawn from a read-only handle")
	}
}

// Names are input: they may hold markup and control characters, and may be longer than a line.
func TestHostileNames(t *testing.T) {
	db := plotstest.Open(t)
	sweep := "\"><script>&\x01\n" + strings.Repeat("long ", 60)
	// A merged database may have arms that no sweep file could name: in other scripts, from right to left, with accents
	// that combine and glyphs that the font lacks, and as long as a stored name may be and longer.
	plotstest.Fill(t, db, sweep, []string{"<b>\x02", strings.Repeat("w", 10_000), "a&b", strings.Repeat("活性値", 70),
		"e\u0301\u0323 " + strings.Repeat("\u0301", 200), "שלום " + strings.Repeat("עולם", 40), "🧠🔥", "\xff\xfe"},
		1, Needs()...)
	begun := time.Now()
	for _, name := range Names() {
		svg, _, err := SVG(db, sweep, name)
		if err != nil {
			t.Fatal(err)
		}
		validXML(t, svg)
		if bytes.Contains(svg, []byte("<script")) || bytes.Contains(svg, []byte("<b>")) {
			t.Errorf("%s: a name is not escaped", name)
		}
		if len(svg) > 8<<20 {
			t.Errorf("%s takes %d bytes", name, len(svg))
		}
	}
	if took := time.Since(begun); took > time.Minute {
		t.Errorf("the figures take %v", took)
	}
}

// A NaN, a planned run and an arm without rows leave a gap and do not fail.
func TestGaps(t *testing.T) {
	db := plotstest.Open(t)
	for id, rows := range map[string][]store.Row{
		"aaaa": {{Site: ratioMean.Site, Statistic: ratioMean.Statistic, Head: -1, Idx: -1, Value: math.NaN()}},
		"bbbb": {{Site: ratioMean.Site, Statistic: ratioMean.Statistic, Head: -1, Idx: -1, Value: 5}},
	} {
		if err := db.PutRun(store.Run{ID: id, Status: "diverged"}); err != nil {
			t.Fatal(err)
		}
		if err := db.PutRows(id, 0, rows); err != nil {
			t.Fatal(err)
		}
	}
	s := store.Sweep{Name: "gaps", Arms: []store.Arm{{Name: "nan"}, {Name: "one", Order: 1}, {Name: "planned", Order: 2}}}
	members := []store.Member{{Sweep: "gaps", Arm: "nan", Run: "aaaa"}, {Sweep: "gaps", Arm: "one", Run: "bbbb"},
		{Sweep: "gaps", Arm: "planned", Run: "cccc"}}
	if err := db.PutSweep(s, members); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"emergence", "heatmap"} {
		svg, caption, err := SVG(db, "gaps", name)
		if err != nil {
			t.Fatal(err)
		}
		validXML(t, svg)
		if bytes.Contains(svg, []byte("NaN")) || bytes.Contains(svg, []byte("Inf")) {
			t.Errorf("%s: a coordinate is not finite", name)
		}
		if want := "1 of 3 runs: one bbbb (seed 0)."; !strings.HasSuffix(caption, want) {
			t.Errorf("%s: caption %q, want the end %q", name, caption, want)
		}
	}
	if svg, _, err := SVG(db, "gaps", "emergence"); err != nil || bytes.Contains(svg, []byte("itted")) {
		t.Errorf("the emergence figure explains fits, but there are none (%v)", err)
	}
	if _, _, err := SVG(db, "gaps", "sinks"); err == nil || !strings.Contains(err.Error(), "of its 3 runs none has a "+
		"value of first_token_attention") {
		t.Errorf("sinks without rows: %v", err)
	}
}

// A snapshot that is gone, has a median of 0 or is not finite cannot be drawn, and the error says why.
func TestLandscapeWithoutSnapshot(t *testing.T) {
	db := plotstest.Open(t)
	id := plotstest.Fill(t, db, plotstest.Sweep, []string{"baseline"}, 1)[0][0]
	path := filepath.Join(filepath.Dir(db.Path()), "runs", id, "snapshots", "step-00001200.resid_post.safetensors")
	for _, c := range []struct {
		h    []float32
		want string
	}{
		{[]float32{0, 0, 0, 5}, "has a median of 0"},
		{[]float32{1, float32(math.NaN()), 1, 5}, "is not finite"},
		{nil, "is no longer at " + path},
	} {
		err := os.Remove(path)
		if c.h != nil {
			err = safetensors.Write(path, []safetensors.Tensor{{Name: "resid_post.0", Shape: []int{1, 2, 2}, Data: c.h}}, nil)
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := SVG(db, plotstest.Sweep, "landscape"); !errors.Is(err, ErrNothing) ||
			!strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: %v, want %s", c.h, err, c.want)
		}
	}
}

// With 192 positions and 256 channels, neighbours are merged in pairs. The largest value stays, with its own place.
func TestSceneJoinsCells(t *testing.T) {
	s := scene{Ridges: Ridges{Positions: 192, Channels: 256}}
	h := make([]float32, s.Positions*s.Channels)
	for i := range h {
		h[i] = 2
	}
	h[101*256+203] = 7
	s.fill(h)
	if !s.reduced || len(s.Heights) != 96 || len(s.Heights[0]) != 128 || s.Heights[50][101] != 7 ||
		s.Heights[50][100] != 2 {
		t.Errorf("%d ridges of %d, %v at the peak", len(s.Heights), len(s.Heights[0]), s.Heights[50][101])
	}
	if s.Peak != 7 || s.Position != 101 || s.Channel != 203 || s.Median != 2 {
		t.Errorf("peak %v at position %d, channel %d, median %v, want 7 at 101, 203 and 2", s.Peak, s.Position, s.Channel,
			s.Median)
	}
}

// The mean over heads at the last step by block, and the maximum over blocks at every step. A NaN leaves its block
// out.
func TestOverDepth(t *testing.T) {
	db := plotstest.Open(t)
	if err := db.PutRun(store.Run{ID: "aa"}); err != nil {
		t.Fatal(err)
	}
	for step, shares := range map[int][3]float64{0: {0, 0, 0}, 8: {.25, .5, math.NaN()}} {
		for layer, share := range shares {
			for head := range 2 {
				row := store.Row{Site: sinkSite, Statistic: "sink_rate", Layer: layer, Head: head, Idx: -1,
					Value: share * 2 * float64(head)}
				if err := db.PutRows("aa", step, []store.Row{row}); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	e := experiment{db: db, arms: []arm{{runs: []store.Run{{ID: "aa"}}}}}
	got, err := e.overDepth(overBlocks[2])
	if err != nil || len(got[0]) != 1 || !slices.Equal(got[0][0].steps, []float64{0, 1}) ||
		!slices.Equal(got[0][0].values, []float64{.25, .5}) {
		t.Errorf("%v %v, want .25 and .5 of blocks 0 and 1", got, err)
	}
	got, err = e.strongest(overBlocks[2])
	if err != nil || len(got[0]) != 1 || !slices.Equal(got[0][0].steps, []float64{0, 8}) ||
		!slices.Equal(got[0][0].values, []float64{0, .5}) {
		t.Errorf("%v %v, want 0 and .5 at steps 0 and 8", got, err)
	}
}

func TestErrors(t *testing.T) {
	empty, full := plotstest.Open(t), fixture(t)
	for _, c := range []struct {
		db            *store.DB
		sweep, figure string
		want          string
	}{
		{empty, "fixture", "emergence", "plots: drawing emergence: the database holds no sweep"},
		{full, "fixtures", "loss", `plots: drawing loss: unknown sweep "fixtures", did you mean "fixture"? (fixture)`},
		{full, "", "loss", `plots: drawing loss: unknown sweep "" (fixture)`},
		{full, "fixture", "emergance",
			`plots: unknown figure "emergance", did you mean "emergence"? (` + strings.Join(Names(), ", ") + ")"},
	} {
		dir := filepath.Join(t.TempDir(), "figures")
		if _, err := Draw(c.db, c.sweep, c.figure, dir); err == nil || err.Error() != c.want {
			t.Errorf("%q %q: %v, want %s", c.sweep, c.figure, err, c.want)
		}
		if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%q %q: the folder was created though nothing was drawn", c.sweep, c.figure)
		}
	}
}

// Up to 56 arms look different in colour, and eight in grey.
func TestArmStylesDiffer(t *testing.T) {
	seen := map[armStyle]bool{}
	for i := range 56 {
		if seen[styleOf(i)] {
			t.Errorf("arm %d looks like an earlier one", i)
		}
		seen[styleOf(i)] = true
	}
}

// The lightness of the heat map's colours rises throughout, so that they keep their order in grey print (Rec. 709
// luma).
func TestShadeRises(t *testing.T) {
	last := -1.0
	for i := range 101 {
		c := shade(float64(i) / 100)
		luma := .2126*float64(c.R) + .7152*float64(c.G) + .0722*float64(c.B)
		if luma < last {
			t.Errorf("at %d %% the luma falls from %.1f to %.1f", i, last, luma)
		}
		last = luma
	}
}

// By hand: only one curve of three has step 2, so the median stops at step 1.
func TestMedian(t *testing.T) {
	m := median([]curve{
		{steps: []float64{0, 1, 2}, values: []float64{1, 10, 5}},
		{steps: []float64{0, 1}, values: []float64{3, 20}},
		{steps: []float64{0}, values: []float64{2}},
	})
	if !slices.Equal(m.steps, []float64{0, 1}) || !slices.Equal(m.values, []float64{2, 15}) {
		t.Errorf("%v %v, want [0 1] [2 15]", m.steps, m.values)
	}
}

func TestRoundTicks(t *testing.T) {
	for _, c := range []struct {
		lo, hi float64
		want   []string
	}{{0, 1, []string{"0.0", "0.2", "0.4", "0.6", "0.8", "1.0"}}, {5.3, 28, []string{"10", "15", "20", "25"}},
		{-.004, .011, []string{"-0.004", "-0.002", "0.000", "0.002", "0.004", "0.006", "0.008", "0.010"}}} {
		var got []string
		for _, tick := range (roundTicks{}).Ticks(c.lo, c.hi) {
			got = append(got, tick.Label)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%v to %v: %v, want %v", c.lo, c.hi, got, c.want)
		}
	}
}

// The first value is exact: one |x| has mean sqrt(2/pi), so the ratio is .7978846/.6744898. The second, 7 for 2.6e5
// scalars, is the setting of arXiv 2508.03616, to one digit.
func TestGaussianRatio(t *testing.T) {
	if got, want := gaussianRatio(1), math.Sqrt(2/math.Pi)/.6744897501960817; math.Abs(got-want) > 1e-6 {
		t.Errorf("%v, want %v", got, want)
	}
	if got := gaussianRatio(260_000); math.Abs(got-7) > .1 {
		t.Errorf("%v, want 7.0", got)
	}
}

func content(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func validXML(t *testing.T, b []byte) {
	t.Helper()
	for d := xml.NewDecoder(bytes.NewReader(b)); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatalf("not XML: %v", err)
		}
	}
}
