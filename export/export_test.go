package export

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/outcrop-lab/outcrop/store"
)

// r1 is the id of the run that the database holds rows of.
var r1 = strings.Repeat("1", 64)

// sample returns a database with at least one row in every table: NaN, infinities, the largest seed, names and texts
// that need quoting, and more than one batch of rows.
func sample(t *testing.T) *store.DB {
	t.Helper()
	db, err := store.Open(filepath.Join(t.TempDir(), "a.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	run := store.Run{ID: r1, Config: `{"a":"ü, \"b\""}`, Seed: math.MaxUint64, Status: "done",
		Error: "two\nlines, and a comma", Commit: "c"}
	later := run
	later.CPU = "another"
	rows := []store.Row{
		{Site: "resid_post", Statistic: "höchste 頂 <&>", Layer: 3, Head: -1, Idx: -1, Value: math.Inf(1)},
		{Site: "run", Statistic: "loss", Layer: -1, Head: -1, Idx: -1, Value: math.NaN()},
		{Site: "attn.pattern", Statistic: "sink_rate", Layer: 0, Head: 2, Idx: -1, Value: math.Inf(-1)},
		{Site: "resid_post", Statistic: "top1", Layer: 0, Head: -1, Idx: 5, Value: -1e-7},
		{Site: "resid_post", Statistic: "top1", Layer: 0, Head: -1, Idx: 6, Value: 0.1},
	}
	for i := range 3000 {
		rows = append(rows, store.Row{Site: "norm", Statistic: "gain", Layer: 0, Head: -1, Idx: i,
			Value: math.Sqrt(float64(i))})
	}
	shard, err := store.Open(filepath.Join(t.TempDir(), "shard.db"))
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{
		shard.PutRun(run), shard.PutRows(r1, 2, rows[3:5]), shard.Close(), merge(db, shard.Path()),
		db.PutClaims("s",
			[]store.Claim{{Name: "c", Source: "2506.19697", Statement: "a, \"b\"", Verdict: store.Holds, Detail: `{"n":2}`}}),
		db.PutSweep(store.Sweep{Name: "s", Source: "name: s\n", Arms: []store.Arm{{Name: "a", Differs: "{}"}}},
			[]store.Member{{Sweep: "s", Arm: "a", Seed: 1, Run: r1}}),
		db.PutRun(run), db.PutRun(store.Run{ID: "r2", Status: "planned"}), db.PutRows(r1, 1, rows),
		db.PutRows(r1, 2, rows[:2]),
		db.PutRows(r1, 1, []store.Row{{Site: "run", Statistic: "loss", Layer: -1, Head: -1, Idx: -1, Value: 4}}),
		db.PutTiming(r1, 1, "seconds", 0.5), db.PutRun(later),
		db.PutFits([]store.Fit{{Run: r1, Site: "resid_post", Statistic: "top1", Head: -1, Family: "constant",
			R2: math.NaN(), Best: true}}),
		db.PutEvent(store.Event{Run: r1, At: time.UnixMicro(1_700_000_000_000_001), Status: store.Failed, Step: 3,
			Message: "a, \"b\"\nc"}),
		db.PutTokens(r1, map[int]string{3: " \"é", 1023: "BOS"}),
		db.PutSnapshots(r1,
			[]store.SnapshotFile{{Step: 1, Site: "resid_post", File: "snapshots/é.safetensors", Tensor: "resid_post.0"}}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return db
}

func merge(db *store.DB, shard string) error {
	_, err := db.Merge(shard)
	return err
}

// text returns a row as text, free of a format's types.
func text(values []any) string {
	for i, v := range values {
		if x, ok := v.(float64); ok {
			values[i] = strconv.FormatFloat(x, 'g', -1, 64)
		}
	}
	return fmt.Sprintf("%q", fmt.Sprintln(values...))
}

func rowsOf(t *testing.T, db *store.DB, table store.Table) (rows []string) {
	t.Helper()
	if err := db.Scan(t.Context(), table,
		func(values []any) error { rows = append(rows, text(slices.Clone(values))); return nil }); err != nil {
		t.Fatal(err)
	}
	return rows
}

// parsed parses a field's text as a column's value.
func parsed(t *testing.T, kind store.Kind, field string) any {
	t.Helper()
	var v any
	var err error
	switch kind {
	case store.Integer:
		v, err = strconv.ParseInt(field, 10, 64)
	case store.Unsigned:
		v, err = strconv.ParseUint(field, 10, 64)
	case store.Bool:
		v, err = strconv.ParseBool(field)
	case store.Text:
		return field
	case store.Real:
		if field == "" || field == "null" {
			return nil
		}
		v, err = strconv.ParseFloat(field, 64)
	}
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// readers read a table back. Each format except the event files has one.
var readers = map[string]func(t *testing.T, path string, table store.Table) []string{
	"csv": func(t *testing.T, path string, table store.Table) (rows []string) {
		file := openFile(t, path)
		records, err := csv.NewReader(file).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		for _, record := range records[1:] {
			values := make([]any, len(record))
			for i, field := range record {
				if records[0][i] != table.Columns[i].Name {
					t.Errorf("column %d is %s", i, records[0][i])
				}
				values[i] = parsed(t, table.Columns[i].Kind, field)
			}
			rows = append(rows, text(values))
		}
		return rows
	},
	"jsonl": func(t *testing.T, path string, table store.Table) (rows []string) {
		lines := bufio.NewScanner(openFile(t, path))
		for lines.Scan() {
			var object map[string]json.RawMessage
			if err := json.Unmarshal(lines.Bytes(), &object); err != nil || len(object) != len(table.Columns) {
				t.Fatalf("%s: %v", lines.Text(), err)
			}
			values := make([]any, len(table.Columns))
			for i, c := range table.Columns {
				field := string(object[c.Name])
				if strings.HasPrefix(field, `"`) {
					if err := json.Unmarshal(object[c.Name], &field); err != nil {
						t.Fatal(err)
					}
				}
				values[i] = parsed(t, c.Kind, field)
			}
			rows = append(rows, text(values))
		}
		return rows
	},
	"parquet": func(t *testing.T, path string, table store.Table) (rows []string) {
		file := openFile(t, path)
		reader := parquet.NewGenericReader[any](file)
		buffer := make([]parquet.Row, 100)
		for i, c := range reader.Schema().Fields() {
			if c.Name() != table.Columns[i].Name {
				t.Errorf("column %d is %s", i, c.Name())
			}
		}
		for {
			n, err := reader.ReadRows(buffer)
			for _, row := range buffer[:n] {
				values := make([]any, len(row))
				for i, v := range row {
					switch {
					case v.IsNull():
					case table.Columns[i].Kind == store.Integer:
						values[i] = v.Int64()
					case table.Columns[i].Kind == store.Unsigned:
						values[i] = v.Uint64()
					case table.Columns[i].Kind == store.Real:
						values[i] = v.Double()
					case table.Columns[i].Kind == store.Bool:
						values[i] = v.Boolean()
					default:
						values[i] = string(v.ByteArray())
					}
				}
				rows = append(rows, text(values))
			}
			if errors.Is(err, io.EOF) {
				return rows
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	},
}

func openFile(t *testing.T, path string) *os.File {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() })
	return file
}

func TestEveryTableReadsBackInEveryFormat(t *testing.T) {
	db := sample(t)
	for _, format := range Formats() {
		read, ok := readers[format]
		if !ok {
			continue
		}
		dir := filepath.Join(t.TempDir(), "new", "folder")
		for range 2 { // the second replaces the first
			paths, err := Write(t.Context(), db, format, dir)
			if err != nil || len(paths) != len(store.Tables) {
				t.Fatalf("%s: %v, %v", format, paths, err)
			}
		}
		for _, table := range store.Tables {
			got, want := read(t, filepath.Join(dir, table.Name+"."+format), table), rowsOf(t, db, table)
			if len(want) == 0 || !slices.Equal(got, want) {
				t.Errorf("%s: table %s has %d rows, want %d, or they differ", format, table.Name, len(got), len(want))
			}
		}
		if left, err := filepath.Glob(filepath.Join(dir, ".export*")); err != nil || len(left) > 0 {
			t.Errorf("%v was left, %v", left, err)
		}
	}
}

func TestTagsAndRecords(t *testing.T) {
	dir := t.TempDir()
	paths, err := Write(t.Context(), sample(t), "tensorboard", dir)
	if err != nil || len(paths) != 2 {
		t.Fatal(paths, err)
	}
	content, err := os.ReadFile(filepath.Join(dir, "s", "a", "seed-1", eventFile))
	if err != nil {
		t.Fatal(err)
	}
	records := 0
	for ; len(content) > 0; records++ {
		n := binary.LittleEndian.Uint64(content)
		if binary.LittleEndian.Uint32(content[8:]) != masked(content[:8]) ||
			binary.LittleEndian.Uint32(content[12+n:]) != masked(content[12:12+n]) {
			t.Fatalf("record %d has another checksum", records)
		}
		if records == 0 {
			_, _, length := protowire.ConsumeField(content[12 : 12+n])
			if got := string(content[12+length+2 : 12+n]); got != "brain.Event:2" {
				t.Errorf("the file begins with version %q", got)
			}
		}
		content = content[16+n:]
	}
	if want := 1 + 3005 + 2 + 2 + 1; records != want { // two are from the shard, and the last one is a timing
		t.Errorf("%d records, want %d", records, want)
	}
	for want, values := range map[string][]any{
		"run/loss":                   {"r", "run", "loss", int64(-1), int64(-1), int64(-1)},
		"resid_post/top1/3":          {"r", "resid_post", "top1", int64(3), int64(-1), int64(-1)},
		"resid_post/top1/3/-/5":      {"r", "resid_post", "top1", int64(3), int64(-1), int64(5)},
		"attn.pattern/sink_rate/0/2": {"r", "attn.pattern", "sink_rate", int64(0), int64(2), int64(-1)},
	} {
		if got := tag(values); got != want {
			t.Errorf("tag %s, want %s", got, want)
		}
	}
	// RFC 3720, B.4: the CRC-32C of 32 zero bytes is 0x8a9136aa. It is rotated right by 15 bits and 0xa282ead8 is added,
	// by hand.
	crc := uint32(0x8a9136aa)
	if want := (crc>>15 | crc<<17) + 0xa282ead8; masked(make([]byte, 32)) != want {
		t.Errorf("the masked checksum is %x, want %x", masked(make([]byte, 32)), want)
	}
}

// A run has a folder in each of its sweeps, whatever their names contain. Runs that would share a folder append their
// ids.
func TestRunFolders(t *testing.T) {
	db := sample(t)
	for _, id := range []string{"r3", "r4"} {
		if err := db.PutRun(store.Run{ID: id}); err != nil {
			t.Fatal(err)
		}
	}
	arms := []store.Arm{{Name: "../../etc"}, {Name: "", Order: 1}}
	members := []store.Member{{Sweep: "S", Arm: "../../etc", Seed: 0, Run: r1},
		{Sweep: "S", Arm: "../../etc", Seed: 0, Run: "r3"},
		{Sweep: "S", Arm: "", Seed: 1, Run: "r3"}, {Sweep: "S", Arm: "", Seed: 2, Run: "planned"}}
	long := strings.Repeat("頂", 60) // 180 bytes
	for _, err := range []error{
		db.PutSweep(store.Sweep{Name: "S", Arms: arms}, members),
		db.PutSweep(store.Sweep{Name: long, Arms: []store.Arm{{Name: "x:y\x00"}}},
			[]store.Member{{Sweep: long, Arm: "x:y\x00", Run: r1}}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	runs, err := db.Runs()
	if err != nil {
		t.Fatal(err)
	}
	got, err := runFolders(db, runs)
	if err != nil {
		t.Fatal(err)
	}
	want := []folder{{"S/_._.._etc/seed-0-" + r1, r1}, {"S/_._.._etc/seed-0-r3", "r3"}, {"S/_/seed-1", "r3"}, {"r2", "r2"},
		{"r4", "r4"},
		{"s/a/seed-1", r1}, {strings.Repeat("頂", 33) + "/x_y_/seed-0", r1}}
	if !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestWhatCannotBeWrittenLeavesNothing(t *testing.T) {
	db := sample(t)
	dir := t.TempDir()
	if _, err := Write(t.Context(), db, "parket", filepath.Join(dir, "new")); err == nil ||
		!strings.Contains(err.Error(), `did you mean "parquet"? (csv, jsonl, parquet, tensorboard)`) {
		t.Errorf("an unknown format gave %v", err)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Write(t.Context(), db, "csv", filepath.Join(file, "in", "it")); err == nil ||
		!strings.Contains(err.Error(), file) {
		t.Errorf("a folder in a file gave %v", err)
	}
	if _, err := Write(t.Context(), db, "csv", file); err == nil || !strings.Contains(err.Error(), "out: "+file) {
		t.Errorf("a file for a folder gave %v", err)
	}
	for _, format := range Formats() {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := Write(ctx, db, format, filepath.Join(dir, "c")); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: a cancelled export gave %v", format, err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Write(t.Context(), db, "csv", filepath.Join(dir, "a", "b")); err == nil {
		t.Error("a closed database was exported")
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("%v was left, %v", entries, err)
	}
}
