// Command store measures what the database takes in and how fast it answers. It fills a results database as a sweep
// does, a shard a run, written step by step and merged, and then asks what the report and the figures ask.
//
//	go run ./bench/store --rows 10000000
//
// A table goes to standard error and one JSON document to standard output. Every number is of this machine in this
// hour: compare only what one call printed.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/outcrop-lab/outcrop/store"
)

// Result is one measurement. Rows is how many it moved; Best, Median and Worst are seconds over Count times.
type Result struct {
	Name                string
	Count, Rows         int
	Best, Median, Worst float64
	RowsPerSecond       float64
	PeakMiB             float64 `json:",omitempty"` // resident memory at most, of a process of its own
}

// Document is what standard output gets. Bytes is the size of the results database.
type Document struct {
	SQLite      string
	Rows, Runs  int
	Bytes       int64
	Results     []Result
	ReportLimit float64 // seconds that a query of the report may take
}

func main() {
	rows := flag.Int("rows", 1_000_000, "rows in the results database, rounded up to whole runs of 250,000")
	dir := flag.String("dir", "", "folder of the databases; a temporary one unless said, and then removed")
	queries := flag.Int("queries", 20, "times that each query is asked, each time of another run")
	flag.Parse()
	if path := os.Getenv(exportOnly); path != "" {
		if err := exportFrom(path, flag.Arg(0), flag.Arg(1)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if err := bench(*rows, *queries, *dir, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "bench/store:", err)
		os.Exit(1)
	}
}

func bench(rows, queries int, dir string, out, table io.Writer) error {
	if dir == "" {
		temporary, err := os.MkdirTemp("", "outcrop-bench-store-")
		if err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(temporary) }()
		dir = temporary
	}
	d := Document{SQLite: store.SQLite(), Runs: (rows + runRows - 1) / runRows, ReportLimit: 0.1}
	d.Rows = d.Runs * runRows
	path := filepath.Join(dir, "outcrop.db")
	filled, err := fill(path, d.Runs)
	if err != nil {
		return err
	}
	asked, err := ask(path, d.Runs, queries)
	if err != nil {
		return err
	}
	exported, err := exports(path, filepath.Join(dir, "export"), d.Rows)
	if err != nil {
		return err
	}
	d.Results = slices.Concat(filled, asked, exported)
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	d.Bytes = info.Size()
	w := tabwriter.NewWriter(table, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintf(w, "what\ttimes\trows\tbest ms\tmedian ms\tworst ms\trows/s\tpeak MiB\t\n")
	for _, r := range d.Results {
		_, _ = fmt.Fprintf(w, "%s\t%d\t%d\t%.2f\t%.2f\t%.2f\t%.0f\t%.0f\t\n", r.Name, r.Count, r.Rows, r.Best*1e3, r.Median*1e3, r.Worst*1e3, r.RowsPerSecond, r.PeakMiB)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(d)
}

// timed does work and keeps how long it took.
func timed(to *[]float64, work func() error) error {
	start := time.Now()
	err := work()
	*to = append(*to, time.Since(start).Seconds())
	return err
}

// result sums up the seconds of several times; rows is all that they moved.
func result(name string, rows int, seconds []float64) Result {
	total := 0.0
	for _, s := range seconds {
		total += s
	}
	slices.Sort(seconds)
	return Result{Name: name, Count: len(seconds), Rows: rows, Best: seconds[0], Median: seconds[len(seconds)/2],
		Worst: seconds[len(seconds)-1], RowsPerSecond: float64(rows) / total}
}
