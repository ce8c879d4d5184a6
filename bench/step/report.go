package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	clock "time"

	"github.com/klauspost/cpuid/v2"
)

// document is the result of a comparison.
type document struct {
	Date      string     `json:"date"`
	Commit    string     `json:"commit,omitempty"`
	CPU       string     `json:"cpu"`
	Torch     string     `json:"torch"`
	Kernels   string     `json:"kernels"`
	Threads   int        `json:"threads"`
	Precision string     `json:"precision"`
	Tuning    tuning     `json:"tuning"`
	Sizes     []compared `json:"sizes"`
	Whole     *entire    `json:"whole,omitempty"`
}

// run compares, prints a table of each part when it is done, and writes the document.
func (b *bench) run(ctx context.Context) (err error) {
	if b.dir, err = os.MkdirTemp("", "outcrop-bench"); err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(b.dir) }()
	if b.tuning, err = tune(b.dir, b.jemalloc); err != nil {
		return err
	}
	version, err := exec.CommandContext(ctx, b.python, "-c", "import torch; print(torch.__version__)").Output()
	if err != nil {
		return fmt.Errorf("looking for PyTorch in %s (see the README of bench/step): %w", b.python, err)
	}
	d := document{Date: clock.Now().UTC().Format(clock.DateOnly), Commit: b.commit,
		CPU: strings.TrimSpace(cpuid.CPU.BrandName), Torch: strings.TrimSpace(string(version)),
		Kernels: kernels(""), Threads: b.Threads, Precision: b.Precision, Tuning: b.tuning}
	out := io.Writer(os.Stderr)
	_, _ = fmt.Fprintf(out, "%s, %s; %s kernels; PyTorch %s, %s\n", d.Date, d.CPU, d.Kernels, d.Torch, d.Tuning)
	for _, name := range b.sizes {
		c, err := b.one(ctx, name)
		if err != nil {
			return err
		}
		if c.Best != nil {
			if c.Sweep, err = b.pairs(ctx, name, c.Best.mode); err != nil {
				return err
			}
		}
		c.print(out, b)
		d.Sizes = append(d.Sizes, c)
		if b.out != "" { // keep the results so far if the next size fails
			if err := d.write(b.out); err != nil {
				return err
			}
		}
	}
	if b.whole {
		if d.Whole, err = b.runs(ctx); err != nil {
			return err
		}
		d.Whole.print(out)
	}
	return d.write(b.out)
}

func (d document) write(path string) error {
	text, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		return err
	}
	text = append(text, '\n')
	if path == "" {
		_, err = os.Stdout.Write(text)
		return err
	}
	return os.WriteFile(path, text, 0o666)
}

func (t tuning) String() string {
	if t.Intel {
		return "allocator " + t.Allocator + ", MKL told that the processor is an Intel one"
	}
	return "allocator " + t.Allocator
}

func (c compared) print(out io.Writer, b *bench) {
	p := func(format string, args ...any) { _, _ = fmt.Fprintf(out, format, args...) }
	p("\nsize %s: %d parameters, %.3f GFLOP a step, %d threads, %s, %d rounds\n", c.Size, c.Params, c.GFLOP, b.Threads,
		b.Precision, b.rounds)
	p("  %-40s %10s %10s  %-22s %8s %14s\n", "", "ms a step", "least", "theirs / ours (range)", "MiB", "ours / theirs")
	p("  %-40s %10.3f %10.3f  %-22s %8.0f\n", "ours", c.Ours.Median, c.Ours.Least, "", c.Ours.Memory)
	for _, r := range c.Rivals {
		r.print(out, r.String())
	}
	if c.Best == nil {
		return
	}
	p("  against PyTorch's best, %s: %.2fx\n", c.Best, c.Best.Ratio.Median)
	for _, r := range []*rival{c.Installed, c.AVX2} {
		if r != nil {
			p("  against PyTorch %s: %.2fx\n", r, r.Ratio.Median)
		}
	}
	p("  %-40s %10.3f %10.3f  %-22s %8.0f\n", "two runs of one thread: ours, each", c.Sweep.Ours.Median,
		c.Sweep.Ours.Least, "", c.Sweep.Ours.Memory)
	c.Sweep.Rival.print(out, "  "+c.Sweep.Rival.String()+", each")
}

func (r rival) print(out io.Writer, name string) {
	_, _ = fmt.Fprintf(out, "  %-40s %10.3f %10.3f  %-22s %8.0f %14.2f\n", name, r.Median, r.Least, r.Ratio, r.Memory,
		r.Share)
}

func (r ratio) String() string { return fmt.Sprintf("%.2fx (%.2f, %.2f)", r.Median, r.Low, r.High) }

func (e entire) print(out io.Writer) {
	_, _ = fmt.Fprintf(out, "\na whole run, size %s, %d steps\n  %-40s %10s  %-22s %8s %14s %10s\n", e.Size, e.Steps, "",
		"seconds", "theirs / ours (range)", "MiB", "ours / theirs", "measuring")
	for _, r := range e.Runs {
		measuring := ""
		if r.Measuring > 0 {
			measuring = fmt.Sprintf("%.1f %%", 100*r.Measuring)
		}
		_, _ = fmt.Fprintf(out, "  %-40s %10.2f  %-22s %8.0f %14.2f %10s\n", r.Name, r.Median, r.Ratio, r.Memory, r.Share,
			measuring)
	}
}
