package store

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func open(t *testing.T, path string) *DB {
	t.Helper()
	db, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// idOf returns an id that begins with a name, in hex, so that ids sort as their names do.
func idOf(name string) string {
	if IsID(name) {
		return name
	}
	return fmt.Sprintf("%x%0*d", name, 64-2*len(name), 0)
}

func run(name string) Run {
	return Run{
		ID: idOf(name), Config: `{"seed":1}`, DataDigest: "digest", TrainerVersion: 3, Seed: math.MaxUint64, Device: "cpu",
		Precision: "float32", Slices: 2, Steps: 100, Step: 7, Status: "running", Params: 1234,
		Commit: "abc", GoVersion: "go1.26", KernelPath: "avx2", CPU: "some",
	}
}

func row(statistic string, layer int, value float64) Row {
	return Row{Site: "resid_post", Statistic: statistic, Layer: layer, Head: -1, Idx: 0, Value: value}
}

func TestOpenMakesTheSchemaAndKeepsIt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "with ?, # and %41.db")
	db := open(t, path)
	must(t, db.PutRun(run("r")))
	must(t, db.Close())
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("the database is not where it was asked for: %v", err)
	}
	db = open(t, path)
	got, ok, err := db.RunByID(idOf("r"))
	must(t, err)
	if !ok || got != run("r") {
		t.Fatalf("read back %+v, %v", got, ok)
	}
	for pragma, want := range map[string]string{
		"user_version": fmt.Sprint(len(migrations)), "journal_mode": "wal", "synchronous": "1", "foreign_keys": "1",
		"busy_timeout": "10000",
	} {
		var value string
		must(t, db.sql.QueryRow("PRAGMA "+pragma).Scan(&value))
		if value != want {
			t.Errorf("%s is %s, want %s", pragma, value, want)
		}
	}
	must(t, db.Check())
}

func TestOpenTakesAnEmptyFileForANewDatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "empty.db")
	must(t, os.WriteFile(path, nil, 0o644))
	must(t, open(t, path).PutRun(run("r")))
}

func TestNewerDatabaseIsRefusedAndKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "newer.db")
	db := open(t, path)
	_, err := db.sql.Exec("PRAGMA user_version = 7")
	must(t, err)
	must(t, db.Close())
	before, err := os.ReadFile(path)
	must(t, err)
	_, err = Open(path)
	if !errors.Is(err, ErrNewer) || !strings.Contains(err.Error(), "version 7") || !strings.Contains(err.Error(), path) {
		t.Errorf("opening gave %v", err)
	}
	if _, err = OpenReadOnly(path); !errors.Is(err, ErrNewer) {
		t.Errorf("opening for reading gave %v", err)
	}
	if _, err = open(t, path+"2").Merge(path); !errors.Is(err, ErrNewer) {
		t.Errorf("merging gave %v", err)
	}
	after, err := os.ReadFile(path)
	must(t, err)
	if !slices.Equal(before, after) {
		t.Error("the refused database was changed")
	}
}

func TestAnotherProgramsDatabaseIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "other.db")
	db := connect(path, "mode=rwc")
	_, err := db.sql.Exec("CREATE TABLE songs (name TEXT)")
	must(t, err)
	must(t, db.Close())
	if _, err := Open(path); !errors.Is(err, ErrCorrupt) {
		t.Errorf("opening gave %v", err)
	}
}

func TestPutRunKeepsTheFirstProvenanceAndCountsAnother(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "a.db"))
	must(t, db.PutRun(run("r")))
	must(t, db.PutRows(idOf("r"), 1, []Row{row("top1", 0, 5), row("top1", 1, 6)}))
	other := run("r")
	other.Status, other.Step, other.CPU = "done", 100, "another"
	must(t, db.PutRun(other))
	must(t, db.PutRows(idOf("r"), 1, []Row{row("top1", 0, 5.5), row("top1", 1, 6)}))
	got, _, err := db.RunByID(idOf("r"))
	must(t, err)
	want := run("r")
	want.Status, want.Step = "done", 100
	if got != want {
		t.Errorf("the run is %+v", got)
	}
	differences, err := db.Differences()
	must(t, err)
	if len(differences) != 1 || differences[0].CPU != "another" || differences[0].Rows != 1 {
		t.Errorf("differences %+v", differences)
	}
	conflicts, err := db.Conflicts()
	must(t, err)
	if len(conflicts) != 0 {
		t.Errorf("conflicts %+v", conflicts)
	}
	if series, err := db.Series(Select{Layer: new(int)}); err != nil || series[0].Values[0] != 5 {
		t.Errorf("the first value did not stay: %+v, %v", series, err)
	}
}

func TestConflictIsRecordedOnce(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "a.db"))
	must(t, db.PutRun(run("r")))
	for _, value := range []float64{1, 2, 1, 2, math.NaN(), math.NaN()} {
		must(t, db.PutRows(idOf("r"), 4, []Row{row("top1", 3, value)}))
	}
	conflicts, err := db.Conflicts()
	must(t, err)
	if len(conflicts) != 2 {
		t.Fatalf("conflicts %+v", conflicts)
	}
	if c := conflicts[0]; c.Kept != 1 || !math.IsNaN(c.Other) || c.Step != 4 || c.Layer != 3 {
		t.Errorf("first conflict %+v", c)
	}
	if c := conflicts[1]; c.Other != 2 || c.Statistic != "top1" || c.Site != "resid_post" {
		t.Errorf("second conflict %+v", c)
	}
}

func TestSeriesOrderAndNaN(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "a.db"))
	must(t, db.PutRun(run("b")))
	must(t, db.PutRun(run("a")))
	must(t, db.PutRows(idOf("b"), 10, []Row{row("top2", 0, math.NaN()), row("top1", 1, math.Inf(1)), row("top1",
		0, 0.1)}))
	must(t, db.PutRows(idOf("b"), 0, []Row{row("top1", 0, 3), row("top2", 0, 4)}))
	must(t, db.PutRows(idOf("a"), 5, []Row{row("top1", 0, 9)}))
	all, err := db.Series(Select{})
	must(t, err)
	var keys []string
	for _, s := range all {
		keys = append(keys, s.Run[:2]+s.Statistic+string(rune('0'+s.Layer)))
	}
	if want := []string{"61top10", "62top10", "62top11", "62top20"}; !slices.Equal(keys, want) {
		t.Fatalf("series %v, want %v", keys, want)
	}
	if !slices.Equal(all[1].Steps, []int{0, 10}) || !slices.Equal(all[1].Values, []float64{3, 0.1}) {
		t.Errorf("series %+v", all[1])
	}
	if !math.IsInf(all[2].Values[0], 1) || !math.IsNaN(all[3].Values[1]) {
		t.Errorf("infinite and NaN came back as %v, %v", all[2].Values[0], all[3].Values[1])
	}
	head := 0
	for i, s := range []Select{{Run: idOf("a")}, {Statistic: "top2"}, {Site: "none"}, {Head: &head},
		{Run: idOf("b"), Site: "resid_post", Layer: new(int)}} {
		some, err := db.Series(s)
		must(t, err)
		if want := []int{1, 1, 0, 0, 2}[i]; len(some) != want {
			t.Errorf("%+v selects %d series, want %d", s, len(some), want)
		}
	}
	var site, statistic string
	var value any
	must(t, db.sql.QueryRow("SELECT site, statistic, value FROM statistics "+
		"WHERE run LIKE '62%' AND step = 10 AND statistic = 'top2'").
		Scan(&site, &statistic, &value))
	if site != "resid_post" || value != nil {
		t.Errorf("the view shows %s %s %v", site, statistic, value)
	}
}

func TestUnknownRunIsAnErrorAndStoresNothing(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "a.db"))
	for _, err := range []error{
		db.PutRows(idOf("r"), 0, []Row{row("top1", 0, 1)}),
		db.PutTiming(idOf("r"), 0, "tokens_per_second", 1),
		db.SetStatus(idOf("r"), "done", 1, ""),
		db.PutFits([]Fit{{Run: idOf("r")}}),
	} {
		if !errors.Is(err, errUnknownRun) {
			t.Errorf("got %v", err)
		}
	}
	if series, err := db.Series(Select{}); err != nil || len(series) != 0 {
		t.Errorf("series %v, %v", series, err)
	}
	if _, ok, err := db.RunByID(idOf("r")); ok || err != nil {
		t.Errorf("found %v, %v", ok, err)
	}
}

func TestSweepIsReplacedAndReadInItsOrder(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "a.db"))
	s := Sweep{Name: "quick", Source: "name: quick\n", Arms: []Arm{{"z", "{}", 0}, {"a", `{"lr":1}`, 1}}}
	must(t, db.PutSweep(s, []Member{{"quick", "a", 0, idOf("r3"), 0}, {"quick", "z", 1, idOf("r2"), 1}, {"quick",
		"z", 0, idOf("r1"), 0}}))
	must(t, db.PutSweep(Sweep{Name: "alone"}, nil))
	must(t, db.PutRun(run("r2")))
	runs, err := db.RunsOf("quick")
	must(t, err)
	var ids, states []string
	for _, r := range runs {
		ids, states = append(ids, r.Run.ID), append(states, r.Run.Status)
	}
	if !slices.Equal(ids, []string{idOf("r1"), idOf("r2"), idOf("r3")}) || !slices.Equal(states, []string{Planned,
		"running", Planned}) {
		t.Errorf("runs %v %v", ids, states)
	}
	s.Arms = s.Arms[:1]
	must(t, db.PutSweep(s, []Member{{"quick", "z", 0, idOf("r1"), 0}}))
	got, members, err := db.Sweep("quick")
	must(t, err)
	if got.Source != s.Source || !slices.Equal(got.Arms, s.Arms) || len(members) != 1 {
		t.Errorf("sweep %+v, members %+v", got, members)
	}
	sweeps, err := db.Sweeps()
	must(t, err)
	if len(sweeps) != 2 || sweeps[0].Name != "alone" || len(sweeps[0].Arms) != 0 {
		t.Errorf("sweeps %+v", sweeps)
	}
	if none, _, err := db.Sweep("none"); err != nil || none.Name != "" {
		t.Errorf("a missing sweep is %+v, %v", none, err)
	}
}

func TestFitsAndTimings(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "a.db"))
	must(t, db.PutRun(run("r")))
	f := Fit{Run: idOf("r"), Site: "resid_post", Statistic: "ratio_mean", Layer: 1, Head: -1, Idx: -1,
		Family: "emergence",
		Params: map[string]float64{"t0": 2, "A": 1e-7, "K": math.NaN()}, N: 27, R2: .99, AICc: math.Inf(-1),
		TPeak: math.NaN(), Best: true}
	must(t, db.PutFits([]Fit{f}))
	f.R2 = .5
	g := f
	g.Family, g.Best = "constant", false
	must(t, db.PutFits([]Fit{f, g}))
	fits, err := db.Fits(Select{Statistic: "ratio_mean"})
	must(t, err)
	if len(fits) != 2 || fits[0].Family != "constant" || fits[1].R2 != .5 || !fits[1].Best || fits[0].Best {
		t.Fatalf("fits %+v", fits)
	}
	if p := fits[1].Params; p["A"] != 1e-7 || p["t0"] != 2 || !math.IsNaN(p["K"]) || len(p) != 3 {
		t.Errorf("parameters %v", p)
	}
	if !math.IsNaN(fits[1].TPeak) || !math.IsNaN(fits[1].AICc) || fits[1].N != 27 {
		t.Errorf("fit %+v", fits[1])
	}
	var text string
	must(t, db.sql.QueryRow("SELECT params FROM fits WHERE family = 'emergence'").Scan(&text))
	if text != `{"A":1e-7,"K":null,"t0":2}` { // RFC 8785, by hand
		t.Errorf("parameters are stored as %s", text)
	}
	must(t, db.PutTiming(idOf("r"), 2, "tokens_per_second", 10))
	must(t, db.PutTiming(idOf("r"), 2, "tokens_per_second", 11))
	must(t, db.PutTiming(idOf("r"), 1, "tokens_per_second", math.NaN()))
	timings, err := db.Timings(idOf("r"))
	must(t, err)
	if len(timings) != 2 || timings[0].Step != 1 || timings[1].Value != 10 {
		t.Errorf("timings %+v", timings)
	}
	if none, err := db.Timings(idOf("s")); err != nil || len(none) != 0 {
		t.Errorf("timings of another run %v, %v", none, err)
	}
}
