// Command growth times the trainer's step while it doubles width, context, layers or batch, and compares the growth of
// the time with the growth of the operations. The README in this folder has its results.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/klauspost/cpuid/v2"

	"github.com/outcrop-lab/outcrop/bench/steady"
	"github.com/outcrop-lab/outcrop/compute"
	"github.com/outcrop-lab/outcrop/plots"
)

// document is the result.
type document struct {
	Date    string      `json:"date"`
	CPU     string      `json:"cpu"`
	Family  int         `json:"cpu_family"`
	Kernels string      `json:"kernels"`
	Threads int         `json:"threads"`
	Rounds  int         `json:"rounds"`
	Base    steady.Size `json:"base"`
	Axes    []axis      `json:"axes"`
}

func main() {
	compute.Quiet()
	rounds := flag.Int("rounds", 5, "rounds; each shape is timed once in a round")
	only := flag.String("only", "", "axes, separated by commas: width, context, layers, batch; all if empty")
	last := flag.Int("last", 1<<20, "the largest number on any axis")
	file := flag.String("json", "", "file to write the result to as JSON")
	figure := flag.String("figure", "", "figures to draw, .svg or .png, separated by commas")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *rounds, *only, *last, *file, *figure); err != nil {
		fmt.Fprintln(os.Stderr, "growth:", err)
		if errors.Is(err, context.Canceled) {
			os.Exit(130)
		}
		os.Exit(1)
	}
}

// run times the axes, prints the result, and writes it to a file and figures if these are named.
func run(ctx context.Context, rounds int, only string, last int, file, figure string) error {
	d := document{Date: time.Now().UTC().Format(time.DateOnly), CPU: strings.TrimSpace(cpuid.CPU.BrandName),
		Family: cpuid.CPU.Family, Kernels: compute.Paths()[0],
		Threads: 1, Rounds: rounds, Base: base}
	var err error
	if d.Axes, err = axes(only, last); err != nil {
		return err
	}
	times, err := timed(ctx, shapes(d.Axes), rounds)
	if err != nil {
		return err
	}
	for i := range d.Axes {
		d.Axes[i].fill(times)
	}
	if err := d.print(os.Stdout); err != nil {
		return err
	}
	if file != "" {
		text, err := json.MarshalIndent(d, "", "  ")
		if err != nil {
			return err
		}
		if err := os.WriteFile(file, append(text, '\n'), 0o666); err != nil {
			return err
		}
	}
	if figure == "" {
		return nil
	}
	for path := range strings.SplitSeq(figure, ",") {
		if err := plots.DrawGrowth(path, d.drawn()); err != nil {
			return err
		}
	}
	return nil
}

// print writes the result as Markdown tables.
func (d document) print(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 1, ' ', 0)
	lines := []string{fmt.Sprintf("%s, %s (family %d), %s kernels, one thread, %d rounds\n", d.Date, d.CPU, d.Family,
		d.Kernels, d.Rounds),
		"| \t| from\t| to\t| slope at the top\t| theory's\t| slope over all\t| theory's\t|",
		strings.Repeat("|---\t", 7) + "|"}
	for _, a := range d.Axes {
		lines = append(lines, fmt.Sprintf("| %s\t| %d\t| %d\t| %.2f\t| %.2f\t| %.2f\t| %.2f\t|", a.Name, a.Points[0].At,
			a.Points[len(a.Points)-1].At,
			a.Top.Measured, a.Top.Theory, a.Over.Measured, a.Over.Theory))
	}
	lines = append(lines, "", "| \t| \t| ms a step\t| GFLOP\t| GFLOP/s\t|", strings.Repeat("|---\t", 5)+"|")
	for _, a := range d.Axes {
		for _, p := range a.Points {
			lines = append(lines, fmt.Sprintf("| %s\t| %d\t| %.2f\t| %.3f\t| %.0f\t|", a.Name, p.At, p.Median, p.GFLOP, p.Rate))
		}
	}
	if _, err := fmt.Fprintln(w, strings.Join(lines, "\n")); err != nil {
		return err
	}
	return w.Flush()
}

// drawn returns the figure of the result. Theory's line passes through the base.
func (d document) drawn() plots.Growth {
	b := d.Base
	g := plots.Growth{
		Title: "How the cost of a training step grows",
		Setting: fmt.Sprintf("Base: %d layers, width %d, context %d, batch %d, heads of %d channels, vocabulary %d; "+
			"float32, one thread of an %s, %s kernels.",
			b.Layers, b.Width, b.Context, b.Batch, b.Width/b.Heads, b.Vocab, d.CPU, d.Kernels)}
	for _, a := range d.Axes {
		panel := plots.GrowthPanel{Name: a.Name, Unit: a.unit, Slope: a.Top.Measured, Theory: a.Top.Theory}
		for _, p := range a.Points {
			panel.At, panel.Cost, panel.Work = append(panel.At, float64(p.At)), append(panel.Cost, p.Median),
				append(panel.Work, p.GFLOP)
			panel.Low, panel.High = append(panel.Low, p.Low), append(panel.High, p.High)
			if p.Size == b {
				panel.Base = len(panel.At) - 1
			}
		}
		g.Panels = append(g.Panels, panel)
	}
	return g
}
