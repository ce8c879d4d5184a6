// Command store measures how fast the database takes in rows and answers queries. It fills a results database as a
// sweep does: each run's shard is written step by step and then merged. Then it runs the queries that the report and
// the figures make.
//
//	go run ./bench/store --rows 10000000
//
// The command prints a table to standard error and one JSON document to standard output. The numbers depend on the
// machine and its load: compare only numbers from the same call.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/outcrop-lab/outcrop/store"
)

// Result is one measurement. Rows is the total number of rows written or read. Best, Median and Worst are times in
// seconds, over Count repetitions.
type Result struct {
	Name                string
	Count, Rows         int
	Best, Median, Worst float64
	RowsPerSecond       float64
	RowsPerCPUSecond    float64 // rows per second of processor time, which other work on the machine affects less
	PeakMiB             float64 `json:",omitempty"` // peak resident memory, if the work was done in a separate process
}

// Document is the JSON document that the command prints. Bytes is the size of the results database.
type Document struct {
	SQLite      string
	Rows, Runs  int
	Bytes       int64
	Results     []Result
	ReportLimit float64 // seconds that a query of the report may take
}

func main() {
	rows := flag.Int("rows", 1_000_000, "rows in the results database, rounded up to whole runs of 250,000")
	dir := flag.String("dir", "", "folder of the databases; if empty, a temporary one, removed at the end")
	queries := flag.Int("queries", 20, "times to make each query, each time for another run")
	shards := flag.Int("shards", 0, "instead, measure merging this many shards, each of one run")
	shardRows := flag.Int("shard-rows", 2000, "with --shards: rows of each shard")
	flag.Parse()
	if path := os.Getenv(exportOnly); path != "" {
		if err := exportFrom(path, flag.Arg(0), flag.Arg(1)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	work := func(dir string) (Document, error) { return bench(*rows, *queries, dir) }
	if *shards > 0 {
		work = func(dir string) (Document, error) { return mergeMany(*shards, *shardRows, dir) }
	}
	if err := measure(*dir, work, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "bench/store:", err)
		os.Exit(1)
	}
}

// measure calls work in a folder and prints the result.
func measure(dir string, work func(dir string) (Document, error), out, table io.Writer) error {
	if dir == "" {
		temporary, err := os.MkdirTemp("", "outcrop-bench-store-")
		if err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(temporary) }()
		dir = temporary
	}
	d, err := work(dir)
	if err != nil {
		return err
	}
	info, err := os.Stat(filepath.Join(dir, "outcrop.db"))
	if err != nil {
		return err
	}
	d.Bytes = info.Size()
	w := tabwriter.NewWriter(table, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintf(w, "measurement\ttimes\trows\tbest ms\tmedian ms\tworst ms\trows/s\trows/CPU s\tpeak MiB\t\n")
	for _, r := range d.Results {
		_, _ = fmt.Fprintf(w, "%s\t%d\t%d\t%.2f\t%.2f\t%.2f\t%.0f\t%.0f\t%.0f\t\n", r.Name, r.Count, r.Rows,
			r.Best*1e3, r.Median*1e3, r.Worst*1e3, r.RowsPerSecond, r.RowsPerCPUSecond, r.PeakMiB)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(d)
}

// bench measures plain inserts, filling the database, queries and exports.
func bench(rows, queries int, dir string) (Document, error) {
	d := Document{SQLite: store.SQLite(), Runs: (rows + runRows - 1) / runRows, ReportLimit: 0.1}
	d.Rows = d.Runs * runRows
	path := filepath.Join(dir, "outcrop.db")
	compared, err := plain(dir, min(d.Runs, 4))
	if err != nil {
		return d, err
	}
	filled, err := fill(path, d.Runs)
	if err != nil {
		return d, err
	}
	asked, err := ask(path, d.Runs, queries)
	if err != nil {
		return d, err
	}
	exported, err := exports(path, filepath.Join(dir, "export"), d.Rows)
	d.Results = slices.Concat(compared, filled, asked, exported)
	return d, err
}

// measurement collects how long some work took each time, and its processor time in all.
type measurement struct {
	seconds []float64
	cpu     float64
}

// time calls work and records how long it took.
func (m *measurement) time(work func() error) error {
	cpu, start := processorSeconds(), time.Now()
	err := work()
	m.seconds = append(m.seconds, time.Since(start).Seconds())
	m.cpu += processorSeconds() - cpu
	return err
}

// result summarises the measurement. rows is the number of rows moved in all.
func (m *measurement) result(name string, rows int) Result {
	total := 0.0
	for _, s := range m.seconds {
		total += s
	}
	slices.Sort(m.seconds)
	n := len(m.seconds)
	return Result{Name: name, Count: n, Rows: rows, Best: m.seconds[0], Median: m.seconds[n/2], Worst: m.seconds[n-1],
		RowsPerSecond: float64(rows) / total, RowsPerCPUSecond: float64(rows) / max(m.cpu, 1e-6)}
}

// processorSeconds returns this process's processor time so far, user and system.
func processorSeconds() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err) // cannot fail with these arguments
	}
	return float64(u.Utime.Sec+u.Stime.Sec) + float64(u.Utime.Usec+u.Stime.Usec)/1e6
}
