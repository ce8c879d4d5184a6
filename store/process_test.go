package store

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// A child process of a test is the test's own binary; environment variables say what it does.
const (
	childPath = "OUTCROP_STORE_TEST_PATH"
	childRun  = "OUTCROP_STORE_TEST_RUN"
	childLast = "OUTCROP_STORE_TEST_LAST"
	childFrom = "OUTCROP_STORE_TEST_FROM" // a shard to merge instead
)

func TestMain(m *testing.M) {
	if path := os.Getenv(childPath); path != "" {
		work := ingest
		if os.Getenv(childFrom) != "" {
			work = func(path, _, _ string) error { return mergeAll(path, os.Getenv(childFrom)) }
		}
		if count := os.Getenv(childClaim); count != "" {
			work = func(path, _, _ string) error { return claimAll(path, count) }
		}
		if err := work(path, os.Getenv(childRun), os.Getenv(childLast)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// ingest puts 20 rows at each step from 0 and prints each committed step.
func ingest(path, id, last string) error {
	end, err := strconv.Atoi(last)
	if err != nil {
		return err
	}
	db, err := Open(path)
	if err != nil {
		return err
	}
	if err := db.PutRun(run(id)); err != nil {
		return err
	}
	for step := 0; step <= end; step++ {
		if err := db.PutRows(idOf(id), step, stepRows(step)); err != nil {
			return err
		}
		if _, err := fmt.Println(step); err != nil {
			return err
		}
	}
	return db.Close()
}

func mergeAll(path, shard string) error {
	db, err := Open(path)
	if err != nil {
		return err
	}
	fmt.Println("merging")
	if _, err := db.Merge(shard); err != nil {
		return err
	}
	fmt.Println("merged")
	return db.Close()
}

func stepRows(step int) []Row {
	rows := make([]Row, 20)
	for i := range rows {
		rows[i] = row("top1", i, float64(step*100+i))
	}
	return rows
}

func child(path, id string, last int) *exec.Cmd {
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), childPath+"="+path, childRun+"="+id, childLast+"="+strconv.Itoa(last))
	return c
}

func TestKilledWriterLosesNothingCommitted(t *testing.T) {
	dir := t.TempDir()
	results := open(t, filepath.Join(dir, "results.db"))
	for kill := range 50 {
		path := filepath.Join(dir, fmt.Sprint(kill, ".db"))
		c := child(path, fmt.Sprint("run", kill), 1_000_000)
		out, err := c.StdoutPipe()
		must(t, err)
		must(t, c.Start())
		lines := bufio.NewReader(out)
		committed := -1
		for committed < kill {
			line, err := lines.ReadString('\n')
			must(t, err)
			committed, err = strconv.Atoi(strings.TrimSpace(line))
			must(t, err)
		}
		// A merge while it writes takes what is committed.
		if got, err := results.Merge(path); err != nil || got.Rows < 20*(committed+1) || got.Rows%20 != 0 {
			t.Errorf("merging the growing shard gave %+v, %v; %d steps were committed", got, err, committed+1)
		}
		time.Sleep(time.Duration(kill) * time.Millisecond / 5) // hits another part of a transaction each time
		must(t, c.Process.Kill())
		rest, err := io.ReadAll(lines)
		must(t, err)
		_ = c.Wait() // it was killed
		if whole := strings.Fields(string(rest[:strings.LastIndexByte(string(rest), '\n')+1])); len(whole) > 0 {
			committed, err = strconv.Atoi(whole[len(whole)-1])
			must(t, err)
		}
		must(t, second(results.Merge(path)))
		checkSteps(t, results, fmt.Sprint("run", kill), committed)
		shard := open(t, path)
		must(t, shard.Check())
		checkSteps(t, shard, fmt.Sprint("run", kill), committed)
	}
	must(t, results.Check())
	conflicts, err := results.Conflicts()
	must(t, err)
	if len(conflicts) != 0 {
		t.Errorf("%d conflicts", len(conflicts))
	}
}

// A killed merge adds everything or nothing, and the next one adds what is missing.
func TestKilledMergeBringsAllOrNothing(t *testing.T) {
	dir := t.TempDir()
	shard := open(t, filepath.Join(dir, "shard.db"))
	must(t, shard.PutRun(run("r")))
	for step := range 5 {
		rows := make([]Row, 10_000)
		for i := range rows {
			rows[i] = row("top1", i, float64(i))
		}
		must(t, shard.PutRows(idOf("r"), step, rows))
	}
	for kill := range 10 {
		path := filepath.Join(dir, fmt.Sprint("results", kill, ".db"))
		c := child(path, "", 0)
		c.Env = append(c.Env, childFrom+"="+shard.Path())
		out, err := c.StdoutPipe()
		must(t, err)
		must(t, c.Start())
		lines := bufio.NewReader(out)
		_, err = lines.ReadString('\n')
		must(t, err)
		time.Sleep(time.Duration(kill*kill) * time.Millisecond)
		must(t, c.Process.Kill())
		rest, err := io.ReadAll(lines)
		must(t, err)
		_ = c.Wait() // it was killed, or had ended
		results := open(t, path)
		must(t, results.Check())
		var n int
		must(t, results.sql.QueryRow("SELECT count(*) FROM stats").Scan(&n))
		if n != 50_000 && (n != 0 || len(rest) > 0) {
			t.Errorf("kill %d left %d rows after %q", kill, n, rest)
		}
		must(t, second(results.Merge(shard.Path())))
		must(t, results.sql.QueryRow("SELECT count(*) FROM stats").Scan(&n))
		if n != 50_000 {
			t.Errorf("kill %d: %d rows in the end", kill, n)
		}
		must(t, results.Close())
	}
}

// checkSteps checks that there are whole steps from 0 to at least last, with the values that were put.
func checkSteps(t *testing.T, db *DB, id string, last int) {
	t.Helper()
	series, err := db.Series(Select{Run: idOf(id)})
	must(t, err)
	if len(series) != 20 {
		t.Fatalf("%s: %d series", id, len(series))
	}
	for i, s := range series {
		if len(s.Steps) <= last || len(s.Steps) != len(series[0].Steps) {
			t.Fatalf("%s: %d steps in layer %d, %d in layer 0, %d were committed", id, len(s.Steps), i, len(series[0].Steps),
				last+1)
		}
		for j, step := range s.Steps {
			if step != j || s.Values[j] != float64(j*100+i) {
				t.Fatalf("%s: layer %d has %v at step %d", id, i, s.Values[j], step)
			}
		}
	}
}

func TestEightProcessesWriteOneNewDatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	var all sync.WaitGroup
	failed := make([]error, 8)
	for i := range failed {
		all.Go(func() {
			c := child(path, fmt.Sprint("run", i), 30)
			if out, err := c.CombinedOutput(); err != nil {
				failed[i] = fmt.Errorf("%w: %s", err, out)
			}
		})
	}
	all.Wait()
	must(t, errors.Join(failed...))
	db := open(t, path)
	must(t, db.Check())
	for i := range failed {
		checkSteps(t, db, fmt.Sprint("run", i), 30)
	}
}

func TestOneHandleSharedByGoroutines(t *testing.T) {
	dir := t.TempDir()
	shard := open(t, filepath.Join(dir, "shard.db"))
	must(t, shard.PutRun(run("s")))
	db := open(t, filepath.Join(dir, "a.db"))
	var all sync.WaitGroup
	failed := make([]error, 8)
	for i := range failed {
		all.Go(func() {
			id := idOf(fmt.Sprint("run", i))
			failed[i] = db.PutRun(run(id))
			for step := range 5 {
				_, err := db.Merge(shard.Path())
				failed[i] = errors.Join(failed[i], err, db.PutRows(idOf(id), step, stepRows(step)))
			}
		})
	}
	all.Wait()
	must(t, errors.Join(failed...))
	for i := range failed {
		checkSteps(t, db, fmt.Sprint("run", i), 4)
	}
}

// While another process writes, readers see only whole steps, and never fewer than before.
func TestReadersWorkWhileAProcessWrites(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	c := child(path, "r", 400)
	out, err := c.StdoutPipe()
	must(t, err)
	must(t, c.Start())
	_, err = bufio.NewReader(out).ReadString('\n')
	must(t, err)
	go func() { _, _ = io.Copy(io.Discard, out) }()
	var all sync.WaitGroup
	failed, most := make([]error, 3), make([]int, 3)
	ended := make(chan struct{})
	for i := range failed {
		all.Go(func() {
			for more := true; more && failed[i] == nil; {
				select {
				case <-ended:
					more = false // read everything once more
				default:
				}
				most[i], failed[i] = readWhole(path, most[i])
			}
		})
	}
	must(t, c.Wait())
	close(ended)
	all.Wait()
	must(t, errors.Join(failed...))
	if most[0] != 401 || most[1] != 401 || most[2] != 401 {
		t.Errorf("the readers saw %v steps in the end, want 401", most)
	}
}

// readWhole opens the database and reads its series, which must all have equally many steps, and at least `least`.
func readWhole(path string, least int) (steps int, err error) {
	db, err := OpenReadOnly(path)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	series, err := db.Series(Select{Run: idOf("r"), Statistic: "top1"})
	if err != nil || len(series) != 20 {
		return 0, errors.Join(err, fmt.Errorf("%d series", len(series)))
	}
	for _, s := range series {
		if len(s.Steps) != len(series[0].Steps) || len(s.Steps) < least {
			return 0, fmt.Errorf("layer %d has %d steps, layer 0 %d, and there were %d", s.Layer, len(s.Steps),
				len(series[0].Steps), least)
		}
	}
	return len(series[0].Steps), nil
}

// Kill -9 again and again on one file, from before the file exists to its later transactions. The next process opens
// what the last one left, finds every committed step, and continues.
func TestKilledAgainAndAgainOnOneFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	committed, early := -1, 0
	// The time that a process takes to its first commit: some 10 ms, on a busy machine many times that.
	clock := time.Now()
	c := child(filepath.Join(t.TempDir(), "first.db"), "r", 1_000_000)
	out, err := c.StdoutPipe()
	must(t, err)
	must(t, c.Start())
	_, err = bufio.NewReader(out).ReadString('\n')
	must(t, err)
	first := time.Since(clock)
	must(t, c.Process.Kill())
	_ = c.Wait() // it was killed
	for kill := range 25 {
		c := child(path, "r", 1_000_000)
		out, err := c.StdoutPipe()
		must(t, err)
		must(t, c.Start())
		time.Sleep(time.Duration(kill) * first / 5)
		must(t, c.Process.Kill())
		said, err := io.ReadAll(out)
		must(t, err)
		_ = c.Wait() // it was killed
		whole := strings.Fields(string(said[:strings.LastIndexByte(string(said), '\n')+1]))
		if len(whole) == 0 {
			early++
		} else {
			last, err := strconv.Atoi(whole[len(whole)-1])
			must(t, err)
			committed = max(committed, last)
		}
		db := open(t, path)
		faults, err := db.Faults()
		must(t, err)
		if len(faults) != 0 {
			t.Fatalf("kill %d: %q", kill, faults)
		}
		if committed >= 0 {
			checkSteps(t, db, "r", committed)
		}
		must(t, db.Close())
	}
	if early == 0 || committed < 0 {
		t.Errorf("%d kills came before the first commit, and step %d was the last", early, committed)
	}
}
