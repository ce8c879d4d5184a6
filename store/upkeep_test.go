package store

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFaultsAreNamed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	db := sample(t, path)
	faults, err := db.Faults()
	must(t, err)
	if len(faults) != 0 {
		t.Fatalf("a sound database has %q", faults)
	}
	for _, c := range []struct{ breaking, want string }{
		{"INSERT INTO stats SELECT 99, step, site, statistic, layer, head, idx, value FROM stats WHERE run = 1",
			"no run: run number 99"},
		{"INSERT INTO stats SELECT run, step, 99, statistic, layer, head, idx, value FROM stats",
			"without a name: name number 99"},
		{"INSERT INTO timings VALUES (99, 1, 'seconds', 1)", "refers to a missing row: timings to runs"},
		{"UPDATE runs SET config = '{'", "not JSON: " + idOf("r")},
		{"UPDATE runs SET step = 101", "past its last step: " + idOf("r") + " at step 101 of 100"},
		{"DELETE FROM run_provenances", "provenance is not among its provenances: " + idOf("r")},
		{"INSERT INTO stats VALUES (1, -5, 1, 1, 0, -1, 0, 1)", "a step below 0: " + idOf("r") + " at step -5"},
		{"UPDATE disagreements SET value = (SELECT value FROM stats s WHERE s.layer = disagreements.layer " +
			"AND s.statistic = disagreements.statistic)", "equals the value that stayed"},
		{"UPDATE snapshot_files SET file = 'a/../../b'", "leaves its run's folder: \"a/../../b\""},
		{"INSERT INTO leases VALUES ('" + idOf("r") + "', 'me', 'here', 1, 5, 4)",
			"ends before it begins: " + idOf("r") + " of me"},
		{"INSERT INTO events VALUES ('" + idOf("r") + "', 1, 'asleep', 1, '')",
			"no known status, or a step below 0: " + idOf("r") + " asleep at step 1"},
		{"UPDATE shards SET rows = 0", "added no row: runs/r/run.db"},
		{"UPDATE claims SET verdict = 'perhaps'", "no known verdict, or numbers that are not JSON: c on s"},
		{"UPDATE fits SET params = ''", "parameters are not JSON: " + idOf("r") + " constant"},
		{"UPDATE fits SET best = 0", "best fit, or none: " + idOf("r") + " resid_post/top1 of layer 0"},
	} {
		conn, err := db.sql.Conn(context.Background())
		must(t, err)
		for _, text := range []string{"PRAGMA foreign_keys = off", "SAVEPOINT sound", c.breaking} {
			if _, err := conn.ExecContext(context.Background(), text); err != nil {
				t.Fatalf("%s: %v", text, err)
			}
		}
		must(t, conn.Close())
		faults, err := db.Faults()
		must(t, err)
		if !strings.Contains(strings.Join(faults, "\n"), c.want) {
			t.Errorf("%s gave %q, want %q", c.breaking, faults, c.want)
		}
		_, err = db.sql.Exec("ROLLBACK TO sound; RELEASE sound")
		must(t, err)
	}
}

func TestVacuumGivesSpaceBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	db := open(t, path)
	must(t, db.PutRun(run("r")))
	many := make([]Row, 50_000)
	for i := range many {
		many[i] = row("top1", i, float64(i))
	}
	must(t, db.PutRows(idOf("r"), 1, many))
	_, err := db.sql.Exec("DELETE FROM stats WHERE layer >= 10; PRAGMA wal_checkpoint(TRUNCATE)")
	must(t, err)
	before, err := os.Stat(path)
	must(t, err)
	must(t, db.Vacuum())
	after, err := os.Stat(path)
	must(t, err)
	if after.Size()*4 > before.Size() {
		t.Errorf("%d bytes became %d", before.Size(), after.Size())
	}
	series, err := db.Series(Select{})
	must(t, err)
	if len(series) != 10 {
		t.Errorf("%d series", len(series))
	}
	must(t, db.Check())
}

func TestBackupIsWholeWhileAnotherWrites(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.db")
	writer := sample(t, path)
	want := dump(t, writer)
	reader, err := OpenReadOnly(path)
	must(t, err)
	defer func() { _ = reader.Close() }()
	stop, stopped := make(chan bool), make(chan error)
	copied := filepath.Join(dir, "copy.db")
	must(t, reader.Backup(context.Background(), copied))
	if got := dump(t, open(t, copied)); got != want {
		t.Errorf("the copy holds\n%s\nwant\n%s", got, want)
	}
	if err := reader.Backup(context.Background(), copied); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a backup over a file gave %v", err)
	}
	go func() {
		var err error
		for step := 10; err == nil; step++ {
			select {
			case <-stop:
				stopped <- nil
				return
			default:
				err = writer.PutRows(idOf("r"), step, stepRows(step))
			}
		}
		stopped <- err
	}()
	for _, name := range []string{"1.db", "2.db", "3.db"} {
		must(t, reader.Backup(context.Background(), filepath.Join(dir, name)))
		faults, err := open(t, filepath.Join(dir, name)).Faults()
		must(t, err)
		if len(faults) != 0 {
			t.Errorf("%s: %q", name, faults)
		}
	}
	close(stop)
	must(t, <-stopped)
	if err := reader.Backup(context.Background(), filepath.Join(dir, "none", "x.db")); err == nil {
		t.Error("a backup into a missing folder succeeded")
	}
	if left, err := filepath.Glob(filepath.Join(dir, ".backup*")); err != nil || len(left) != 0 {
		t.Errorf("%v was left, %v", left, err)
	}
}

// between is a context that does something each time its Err is called. A backup calls it between its steps.
type between struct {
	context.Context
	do func() error
}

func (b between) Err() error { return b.do() }

func TestBackupIsOfOneMoment(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.db")
	writer := sample(t, path)
	many := make([]Row, 100_000)
	for i := range many {
		many[i] = row("median", i, float64(i))
	}
	must(t, writer.PutRows(idOf("r"), 5, many)) // some 3 MB: several steps of a backup
	want := dump(t, writer)
	reader, err := OpenReadOnly(path)
	must(t, err)
	defer func() { _ = reader.Close() }()
	writes := 0
	must(t, reader.Backup(between{context.Background(), func() error {
		if writes++; writes > 100 {
			return errors.New("the backup begins again and again")
		}
		return writer.PutRows(idOf("r"), 5+writes, stepRows(writes))
	}}, filepath.Join(dir, "copy.db")))
	if writes < 2 {
		t.Fatalf("%d writes came between", writes)
	}
	if got := dump(t, open(t, filepath.Join(dir, "copy.db"))); got != want {
		t.Error("the copy is not the database as it was when the backup began")
	}
}
