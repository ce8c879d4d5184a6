package store

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// dump returns the whole content as text, without ids.
func dump(t interface{ Fatal(...any) }, db *DB) string {
	var b strings.Builder
	for _, query := range []string{
		`SELECT hash, config, seed, step, status, error FROM runs ORDER BY hash`,
		`SELECT * FROM statistics ORDER BY run, step, site, statistic, layer, head, idx`,
		`SELECT * FROM conflicts ORDER BY run, step, site, statistic, layer, head, idx, other`,
		`SELECT * FROM differences ORDER BY run, git_commit, go_version, kernel_path, cpu`,
		`SELECT hash, t.step, name, value FROM timings t JOIN runs r ON r.id = t.run ORDER BY 1, 3, 2`,
		`SELECT * FROM sweeps ORDER BY name`, `SELECT * FROM arms ORDER BY 1, 2`, `SELECT * FROM members ORDER BY 1, 2, 3, 4`,
		`SELECT family, params, weight, intervals FROM fits ORDER BY 1, 2`, `SELECT * FROM snapshots ORDER BY 1, 2, 4, 3, 5`,
	} {
		rows, err := db.sql.Query(query)
		if err != nil {
			t.Fatal(err)
		}
		columns, err := rows.Columns()
		if err != nil {
			t.Fatal(err)
		}
		cells, to := make([]any, len(columns)), make([]any, len(columns))
		for i := range cells {
			to[i] = &cells[i]
		}
		for rows.Next() {
			if err := rows.Scan(to...); err != nil {
				t.Fatal(err)
			}
			fmt.Fprintln(&b, cells...)
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}

//nolint:funlen // one scenario, step by step
func TestMergeMapsNamesAndIsIdempotent(t *testing.T) {
	dir := t.TempDir()
	results := open(t, filepath.Join(dir, "results.db"))
	must(t, results.PutRun(run("mine")))
	must(t, results.PutRows(idOf("mine"), 0, []Row{row("median", 0, 1), row("top1", 0, 2)}))

	path := filepath.Join(dir, "shard.db")
	shard := open(t, path)
	must(t, shard.PutRun(run("theirs")))
	must(t, shard.PutRows(idOf("theirs"), 3, []Row{row("top1", 0, 7), row("kurtosis", 0, math.NaN()),
		row("median", 0, 8)}))
	must(t, shard.PutTiming(idOf("theirs"), 3, "tokens_per_second", 100))
	must(t, shard.PutSweep(Sweep{Name: "s", Arms: []Arm{{"a", "{}", 0}}}, []Member{{"s", "a", 0, idOf("theirs"), 0}}))
	must(t, shard.PutFits([]Fit{{Run: idOf("theirs"), Site: "resid_post", Statistic: "median", Family: "constant",
		Weight:    .75,
		Best:      true,
		Intervals: map[string][2]float64{"c": {1, 2}}}}))
	claim := Claim{"s", "no-spikes", "2506.19697", "none grows", Holds, `{"n":2}`}
	must(t, shard.PutClaims("s", []Claim{{Name: "earlier", Verdict: Undecided, Detail: "{}"}}))
	must(t, shard.PutClaims("s", []Claim{claim}))
	snapshots := []SnapshotFile{{Step: 3, Layer: 1, Site: "mlp.act", Sequence: 2, File: "snapshots/a.safetensors",
		Tensor: "mlp.act.1"}}
	must(t, shard.PutSnapshots(idOf("theirs"), snapshots))

	// The writer is still open.
	got, err := results.Merge(path)
	must(t, err)
	if want := (MergeResult{Runs: 1, Rows: 3, Timings: 1}); got != want {
		t.Errorf("the first merge added %+v, want %+v", got, want)
	}
	once := dump(t, results)
	got, err = results.Merge(path)
	must(t, err)
	if got != (MergeResult{}) || dump(t, results) != once {
		t.Errorf("the second merge added %+v", got)
	}
	series, err := results.Series(Select{Run: idOf("theirs")})
	must(t, err)
	if len(series) != 3 || series[0].Statistic != "kurtosis" || !math.IsNaN(series[0].Values[0]) ||
		series[1].Statistic != "median" || series[1].Values[0] != 8 || series[2].Values[0] != 7 {
		t.Errorf("series %+v", series)
	}
	if fits,
		err := results.Fits(Select{Run: idOf("theirs")}); err != nil || len(fits) != 1 || fits[0].Statistic != "median" ||
		fits[0].Weight != .75 ||
		fits[0].Intervals["c"] != [2]float64{1, 2} {
		t.Errorf("fits %+v, %v", fits, err)
	}
	if kept, err := results.Snapshots(idOf("theirs")); err != nil || !slices.Equal(kept, snapshots) {
		t.Errorf("snapshots %+v, %v, want %+v", kept, err, snapshots)
	}
	if !strings.Contains(once, idOf("theirs")+" 3 1 mlp.act 2 snapshots/a.safetensors mlp.act.1\n") {
		t.Errorf("the snapshots are not in\n%s", once)
	}
	if claims, err := results.Claims("s"); err != nil || len(claims) != 1 || claims[0] != claim {
		t.Errorf("claims %+v, %v", claims, err)
	}
	if shards, err := results.Shards(); err != nil || len(shards) != 1 || shards[0].File != "shard.db" ||
		shards[0].Rows != 3 {
		t.Errorf("shards %+v, %v", shards, err)
	}
	if runs, err := results.RunsOf("s"); err != nil || len(runs) != 1 || runs[0].Run.Status != "running" {
		t.Errorf("members %+v, %v", runs, err)
	}

	must(t, shard.PutRows(idOf("theirs"), 4, []Row{row("top1", 0, 9)}))
	must(t, shard.SetStatus(idOf("theirs"), "done", 100, ""))
	got, err = results.Merge(path)
	must(t, err)
	if got != (MergeResult{Rows: 1}) {
		t.Errorf("after the shard grew, a merge added %+v", got)
	}
	if shards, err := results.Shards(); err != nil || len(shards) != 1 || shards[0].Rows != 4 {
		t.Errorf("shards %+v, %v", shards, err)
	}
	if r, _, err := results.RunByID(idOf("theirs")); err != nil || r.Status != "done" || r.Step != 100 {
		t.Errorf("the run is %+v, %v", r, err)
	}
	must(t, results.Check())
	must(t, shard.PutRun(run("theirs"))) // step 7, running
	must(t, second(results.Merge(path)))
	if r, _, err := results.RunByID(idOf("theirs")); err != nil || r.Status != "done" {
		t.Errorf("an older status was taken: %+v, %v", r, err)
	}
}

func second(_ MergeResult, err error) error { return err }

func TestMergeTellsConflictsFromDifferences(t *testing.T) {
	dir := t.TempDir()
	results := open(t, filepath.Join(dir, "results.db"))
	sometimes := []float64{math.NaN(), 1, math.NaN()} // two values differ if only one is NaN
	for i, cpu := range []string{"some", "some", "another"} {
		path := filepath.Join(dir, fmt.Sprint(i, ".db"))
		shard := open(t, path)
		r := run("r")
		r.CPU = cpu
		must(t, shard.PutRun(r))
		must(t, shard.PutRows(idOf("r"), 1, []Row{row("top1", 0, 1), row("top1", 1, float64(i)), row("top1", 2, math.NaN()),
			row("top1", 3, sometimes[i])}))
		for _, want := range []MergeResult{
			[]MergeResult{{Runs: 1, Rows: 4}, {Conflicts: 2}, {Differences: 1}}[i],
			{},
		} {
			got, err := results.Merge(path)
			must(t, err)
			if got != want {
				t.Errorf("shard %d added %+v, want %+v", i, got, want)
			}
		}
	}
	conflicts, err := results.Conflicts()
	must(t, err)
	if len(conflicts) != 2 || conflicts[0].Kept != 0 || conflicts[0].Other != 1 || conflicts[0].Layer != 1 ||
		!math.IsNaN(conflicts[1].Kept) || conflicts[1].Other != 1 {
		t.Errorf("conflicts %+v", conflicts)
	}
	differences, err := results.Differences()
	must(t, err)
	if len(differences) != 1 || differences[0].CPU != "another" || differences[0].Rows != 1 {
		t.Errorf("differences %+v", differences)
	}
	// The disagreements that a shard recorded itself are merged too.
	above := open(t, filepath.Join(dir, "above.db"))
	got, err := above.Merge(filepath.Join(dir, "results.db"))
	must(t, err)
	if want := (MergeResult{Runs: 1, Rows: 4, Conflicts: 2, Differences: 1}); got != want {
		t.Errorf("merging the results added %+v, want %+v", got, want)
	}
	if dump(t, above) != dump(t, results) {
		t.Errorf("merged results\n%s\nare not\n%s", dump(t, above), dump(t, results))
	}
}

func TestMergeOfMissingAndBlankShards(t *testing.T) {
	dir := t.TempDir()
	results := open(t, filepath.Join(dir, "results.db"))
	path := filepath.Join(dir, "none.db")
	if _, err := results.Merge(path); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), path) {
		t.Errorf("a missing shard gave %v", err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Error("a missing shard was made")
	}
	must(t, os.WriteFile(path, nil, 0o644)) // as a worker that was killed at once leaves it
	if got, err := results.Merge(path); err != nil || got != (MergeResult{}) {
		t.Errorf("an empty shard gave %+v, %v", got, err)
	}
}

// The values of a shard follow from their key, as a deterministic trainer's do. Then neither the order of merges nor
// repetition changes the results.
//
//nolint:funlen // one property, step by step
func TestMergeOrderDoesNotMatter(t *testing.T) {
	dir := t.TempDir()
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		fresh := func(name string) *DB {
			db, err := Open(filepath.Join(dir, fmt.Sprint(n, name, ".db")))
			if err != nil {
				t.Fatal(err)
			}
			return db
		}
		var shards []string
		for i := range rapid.IntRange(1, 3).Draw(t, "shards") {
			shard := fresh(fmt.Sprint("shard", i))
			for range rapid.IntRange(1, 3).Draw(t, "puts") {
				r := run(rapid.SampledFrom([]string{"p", "q"}).Draw(t, "run"))
				r.Step = rapid.IntRange(0, 3).Draw(t, "step")
				r.Status = fmt.Sprint("at ", r.Step)
				var rows []Row
				for range rapid.IntRange(0, 4).Draw(t, "rows") {
					layer := rapid.IntRange(-1, 2).Draw(t, "layer")
					name := rapid.SampledFrom([]string{"top1", "top2", "median"}).Draw(t, "statistic")
					value := float64(layer*10 + r.Step + len(name))
					if layer == 2 {
						value = math.NaN()
					}
					rows = append(rows, row(name, layer, value))
				}
				if err := errors.Join(shard.PutRun(r), shard.PutRows(r.ID, r.Step, rows)); err != nil {
					t.Fatal(err)
				}
			}
			shards = append(shards, shard.Path())
			if err := shard.Close(); err != nil {
				t.Fatal(err)
			}
		}
		order := rapid.Permutation(slices.Concat(shards, shards)).Draw(t, "order")
		var texts []string
		for i, paths := range [][]string{shards, order} {
			db := fresh(fmt.Sprint("results", i))
			for _, path := range paths {
				if _, err := db.Merge(path); err != nil {
					t.Fatal(err)
				}
			}
			if i == 0 { // a run may be merged over one at an equal step, not over a newer one
				for _, path := range slices.Backward(paths) {
					if _, err := db.Merge(path); err != nil {
						t.Fatal(err)
					}
				}
			}
			texts = append(texts, dump(t, db))
			if err := errors.Join(db.Check(), db.Close()); err != nil {
				t.Fatal(err)
			}
		}
		if texts[0] != texts[1] {
			t.Fatalf("two orders give\n%s\nand\n%s", texts[0], texts[1])
		}
	})
}

// Other fits of a series are not added to ours: a series keeps one best fit.
func TestMergeKeepsASeriesFits(t *testing.T) {
	dir := t.TempDir()
	fits := func(best string) (fits []Fit) {
		for _, family := range []string{"constant", "logistic"} {
			fits = append(fits, Fit{Run: idOf("r"), Site: "resid_post", Statistic: "top1", Head: -1, Family: family,
				Best: family == best})
		}
		return fits
	}
	results, shard := open(t, filepath.Join(dir, "results.db")), open(t, filepath.Join(dir, "shard.db"))
	for _, db := range []*DB{results, shard} {
		must(t, db.PutRun(run("r")))
	}
	must(t, results.PutFits(fits("constant")[:1]))
	must(t, shard.PutFits(fits("logistic")))
	must(t, second(results.Merge(shard.Path())))
	got, err := results.Fits(Select{Run: idOf("r")})
	must(t, err)
	if len(got) != 1 || got[0].Family != "constant" {
		t.Errorf("fits %+v", got)
	}
	other := open(t, filepath.Join(dir, "other.db"))
	must(t, second(other.Merge(shard.Path())))
	if got, err = other.Fits(Select{Run: idOf("r")}); err != nil || len(got) != 2 {
		t.Errorf("fits %+v, %v", got, err)
	}
	for _, db := range []*DB{results, other} {
		faults, err := db.Faults()
		must(t, err)
		if len(faults) != 0 {
			t.Errorf("%q", faults)
		}
	}
}
