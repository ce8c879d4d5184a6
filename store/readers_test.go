package store

import (
	"bufio"
	"context"
	"errors"
	"io"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// Readers of one handle do not wait for each other while another process writes: each stays within its query until all
// are, and short queries come and go meanwhile. What a reader reads in AtOnce is one state. Every connection has the
// settings of the first, and none can write.
//
//nolint:funlen // one scenario, step by step
func TestReadersSideBySide(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	writer := child(path, "r", 1_000_000)
	out, err := writer.StdoutPipe()
	must(t, err)
	must(t, writer.Start())
	var drained sync.WaitGroup
	defer func() {
		_ = writer.Process.Kill()
		drained.Wait()
		_ = writer.Wait() // it was killed
	}()
	lines := bufio.NewReader(out)
	_, err = lines.ReadString('\n')
	must(t, err)
	drained.Go(func() { _, _ = lines.WriteTo(io.Discard) })

	db, err := OpenReadOnly(path)
	must(t, err)
	defer func() { must(t, db.Close()) }()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	n := readers()
	if n < 4 {
		t.Errorf("%d readers, want at least 4", n)
	}
	var all, within, short sync.WaitGroup
	within.Add(n - 1)
	short.Add(1)
	errs := make([]error, n-1)
	for i := range n - 1 {
		all.Go(func() {
			rows := 0
			errs[i] = db.Query(ctx, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 3) SELECT i FROM n",
				func([]string) error { return nil },
				func([]any) error {
					if rows++; rows == 1 {
						within.Done()
						return wait(ctx, &short)
					}
					return nil
				})
		})
	}
	must(t, wait(ctx, &within))
	for range 20 { // on the one remaining connection
		if runs, err := db.Runs(); err != nil || len(runs) != 1 {
			t.Fatalf("%v, %v", runs, err)
		}
	}
	last := 0
	must(t, db.AtOnce(func(db *DB) error { // beside all of them
		for i := range 20 {
			series, err := db.Series(Select{Run: idOf("r"), Statistic: "top1"})
			if err != nil {
				return err
			}
			if steps := len(series[0].Steps); i > 0 && steps != last {
				t.Errorf("%d steps, then %d", last, steps)
			} else {
				last = steps
			}
			time.Sleep(time.Millisecond)
		}
		return nil
	}))
	short.Done()
	all.Wait()
	must(t, errors.Join(errs...))
	if series, err := db.Series(Select{Run: idOf("r"), Statistic: "top1"}); err != nil || len(series[0].Steps) <= last {
		t.Errorf("the other process wrote nothing meanwhile: %v, %v", len(series[0].Steps), err)
	}

	for i := range n { // all at once, so that each gets its own connection
		conn, err := db.sql.Conn(ctx)
		must(t, err)
		defer func() { must(t, conn.Close()) }()
		for pragma, want := range map[string]int{
			"busy_timeout": busyTimeout, "query_only": 1, "foreign_keys": 1, "cache_size": -65536,
		} {
			var got int
			must(t, conn.QueryRowContext(ctx, "PRAGMA "+pragma).Scan(&got))
			if got != want {
				t.Errorf("connection %d: %s is %d, want %d", i, pragma, got, want)
			}
		}
		if _, err := conn.ExecContext(ctx, "DELETE FROM runs"); err == nil {
			t.Errorf("connection %d writes", i)
		}
	}
}

// wait waits for the group or the end of ctx.
func wait(ctx context.Context, group *sync.WaitGroup) error {
	done := make(chan struct{})
	go func() {
		group.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
