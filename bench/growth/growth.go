package main

import (
	"context"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"

	"gonum.org/v1/gonum/stat"

	"github.com/outcrop-lab/outcrop/bench/steady"
	"github.com/outcrop-lab/outcrop/fit"
	"github.com/outcrop-lab/outcrop/trainer"
)

// base is the shape from which each axis varies one number.
var base = steady.Size{Layers: 4, Width: 128, Heads: 4, Context: 128, Batch: 16, Vocab: 256}

// axis doubles one number of the base several times and keeps the others.
type axis struct {
	Name   string  `json:"axis"`
	Points []point `json:"points"`
	Top    slopes  `json:"top"`  // over the last doubling
	Over   slopes  `json:"over"` // least squares over all points

	unit string
}

// slopes are d log(time) / d log(number) as measured, and the same for the number of operations (theory).
type slopes struct {
	Measured float64 `json:"measured"`
	Theory   float64 `json:"theory"`
}

// point is the step of one shape: the median over the rounds, and the smallest and largest round. A round's time is the
// median of its steps.
type point struct {
	At     int         `json:"at"`
	Size   steady.Size `json:"size"`
	Median float64     `json:"ms_median"`
	Low    float64     `json:"ms_low"`
	High   float64     `json:"ms_high"`
	GFLOP  float64     `json:"gflop"`
	Rate   float64     `json:"gflops"` // GFLOP/s
}

// axes returns the axes listed in only, separated by commas, or all if only is empty, up to the number last. Heads
// are always 32 channels wide.
func axes(only string, last int) (all []axis, err error) {
	known := []struct {
		name, unit string
		from, to   int
		at         func(s *steady.Size, n int)
	}{
		{"width", "channels of the residual stream", 32, 512, func(s *steady.Size, n int) { s.Width, s.Heads = n, n/32 }},
		{"context", "tokens", 32, 1024, func(s *steady.Size, n int) { s.Context = n }},
		{"layers", "blocks", 1, 16, func(s *steady.Size, n int) { s.Layers = n }},
		{"batch", "sequences a step", 2, 64, func(s *steady.Size, n int) { s.Batch = n }},
	}
	wanted := strings.Split(only, ",")
	for _, k := range known {
		if only != "" && !slices.Contains(wanted, k.name) {
			continue
		}
		a := axis{Name: k.name, unit: k.unit}
		for n := k.from; n <= min(k.to, last); n *= 2 {
			s := base
			k.at(&s, n)
			a.Points = append(a.Points, point{At: n, Size: s, GFLOP: s.GFLOP()})
		}
		if len(a.Points) < 2 {
			return nil, fmt.Errorf("axis %s has fewer than two points up to %d", k.name, last)
		}
		all = append(all, a)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("no axis is called %s", only)
	}
	return all, nil
}

// shapes returns the distinct shapes of the axes.
func shapes(all []axis) (sizes []steady.Size) {
	for _, a := range all {
		for _, p := range a.Points {
			if !slices.Contains(sizes, p.Size) {
				sizes = append(sizes, p.Size)
			}
		}
	}
	return sizes
}

// timed times every shape once per round and returns the times by shape, milliseconds. Each round begins with another
// shape.
func timed(ctx context.Context, sizes []steady.Size, rounds int) (map[steady.Size][]float64, error) {
	times := map[steady.Size][]float64{}
	for round := range rounds {
		for k := range sizes {
			s := sizes[(k+round*len(sizes)/rounds)%len(sizes)]
			ms, err := turn(ctx, s)
			if err != nil {
				return nil, fmt.Errorf("%+v: %w", s, err)
			}
			times[s] = append(times[s], ms)
		}
		fmt.Fprintf(os.Stderr, "round %d of %d\n", round+1, rounds)
	}
	return times, nil
}

// turn trains some steps, more of them for small shapes, and returns the median of their processor times, milliseconds.
// With one thread the processor time equals the clock time if nothing else runs.
func turn(ctx context.Context, s steady.Size) (float64, error) {
	c, err := s.Config(steady.Warm + max(3, min(40, int(20/s.GFLOP()))))
	if err != nil {
		return 0, err
	}
	dir, err := os.MkdirTemp("", "outcrop-growth")
	if err != nil {
		return 0, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	var times []float64
	last := 0.0
	progress := func(step int, _ float64) {
		if step > steady.Warm {
			times = append(times, steady.Processor()-last)
		}
		last = steady.Processor()
	}
	result, err := trainer.Run(ctx, c, trainer.Options{Dir: dir, Threads: 1, Recorder: steady.Nothing{},
		Progress: progress})
	if err != nil {
		return 0, err
	}
	if result.Status != trainer.Done {
		return 0, context.Canceled
	}
	return fit.Median(times), nil
}

// fill stores the times in the points and computes the rates and slopes.
func (a *axis) fill(times map[steady.Size][]float64) {
	var at, ms, gflop []float64
	for i := range a.Points {
		p := &a.Points[i]
		rounds := times[p.Size]
		p.Low, p.Median, p.High = slices.Min(rounds), fit.Median(rounds), slices.Max(rounds)
		p.Rate = 1e3 * p.GFLOP / p.Median
		at, ms, gflop = append(at, float64(p.At)), append(ms, p.Median), append(gflop, p.GFLOP)
	}
	n := len(at) - 2
	a.Top = slopes{slope(at[n:], ms[n:]), slope(at[n:], gflop[n:])}
	a.Over = slopes{slope(at, ms), slope(at, gflop)}
}

// slope returns the slope of the least-squares line through (log x, log y).
func slope(x, y []float64) float64 {
	lx, ly := make([]float64, len(x)), make([]float64, len(y))
	for i := range x {
		lx[i], ly[i] = math.Log(x[i]), math.Log(y[i])
	}
	_, slope := stat.LinearRegression(lx, ly, nil, false)
	return slope
}
