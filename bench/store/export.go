package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"github.com/outcrop-lab/outcrop/export"
	"github.com/outcrop-lab/outcrop/store"
)

// exportOnly is an environment variable. In a child process it names a database, and the process exports that database
// and does nothing else, so that its memory is the export's.
const exportOnly = "OUTCROP_BENCH_EXPORT"

// exportFrom writes the whole database into dir in one format.
func exportFrom(path, format, dir string) error {
	db, err := store.OpenReadOnly(path)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	_, err = export.Write(context.Background(), db, format, dir)
	return err
}

// exports writes the whole database in each format, each in a separate process.
func exports(path, dir string, rows int) ([]Result, error) {
	var results []Result
	for _, format := range export.Formats() {
		out := filepath.Join(dir, format)
		c := exec.Command(os.Args[0], format, out)
		c.Env = append(os.Environ(), exportOnly+"="+path)
		var m measurement
		var said []byte
		err := m.time(func() (err error) { said, err = c.CombinedOutput(); return err })
		if err != nil {
			return nil, fmt.Errorf("exporting %s: %w: %s", format, err, said)
		}
		r := m.result("export "+format, rows)
		if usage, ok := c.ProcessState.SysUsage().(*syscall.Rusage); ok {
			r.RowsPerCPUSecond = float64(rows) / (c.ProcessState.UserTime() + c.ProcessState.SystemTime()).Seconds()
			r.PeakMiB = float64(usage.Maxrss) / 1024 // Linux counts KiB
		}
		results = append(results, r)
		if err := os.RemoveAll(out); err != nil {
			return nil, err
		}
	}
	return results, nil
}
