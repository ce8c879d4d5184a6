package main

import (
	"context"
	"math"
	"os"
	"runtime"
	"slices"
	clock "time"

	"gonum.org/v1/gonum/stat"

	"github.com/outcrop-lab/outcrop/bench/steady"
	"github.com/outcrop-lab/outcrop/compute"
	"github.com/outcrop-lab/outcrop/fit"
	"github.com/outcrop-lab/outcrop/trainer"
)

// options are the command-line options of a timed run.
type options struct {
	Size, Precision, Optimizer, Kernels string
	Threads, Slices, Steps, Batch       int
}

// setting describes a run.
type setting struct {
	Size      string `json:"size"`
	Batch     int    `json:"batch"` // sequences
	Threads   int    `json:"threads"`
	Slices    int    `json:"slices"`
	Precision string `json:"precision"`
	Optimizer string `json:"optimizer"`
	Steps     int    `json:"steps"`
}

// result is the result of timing a step, in milliseconds.
type result struct {
	setting
	Kernels string  `json:"kernels"`
	Median  float64 `json:"ms_median"`
	// Mean is over all steps. It is what a run takes, and it shows a thread that is occasionally late.
	Mean  float64 `json:"ms_mean"`
	Least float64 `json:"ms_min"`
	// Processor is the mean processor time of a step, over all threads. Other work on the machine disturbs it less.
	Processor float64 `json:"ms_processor"`
	// GFLOP is 6 B T (12 L D^2 + D V) + 7 L T D B T, in units of 1e9. It does not depend on what is recomputed.
	GFLOP float64 `json:"gflop"`
	// Peak is one thread's rate in a loop of multiply-adds of the precision, GFLOP/s: the median of tries made between the
	// steps. Best is the best of them. Share is the step's rate, GFLOP over Median, divided by Peak times the threads.
	Peak  float64 `json:"peak_gflops"`
	Best  float64 `json:"peak_gflops_best"`
	Share float64 `json:"share_of_peak"`
	// Allocated is the bytes of Go's heap that a steady step allocates, and Goroutines the number that the steps start and
	// leave running.
	Allocated  int64 `json:"alloc_bytes"`
	Goroutines int   `json:"goroutines"`
	// RSS is the process's peak resident memory, MiB.
	RSS int64 `json:"rss_mb"`
	// Memory is RSS by use, MiB.
	Memory memory `json:"memory_mib"`
}

// memory is a run's memory by use, MiB. Activations covers all slices: what the backward pass reads and what it passes
// on. Measuring is the graphs that measure the first and the last step. Scratch is what kernels pack. Rest is the
// program, Go, and what the arenas have not handed out.
type memory struct {
	Params      float64 `json:"parameters"`
	Gradients   float64 `json:"gradients"`
	Optimizer   float64 `json:"optimizer"`
	Activations float64 `json:"activations"`
	Measuring   float64 `json:"measuring"`
	Scratch     float64 `json:"scratch"`
	Rest        float64 `json:"rest"`
}

// memoryOf converts the trainer's account of a process with rss MiB.
func memoryOf(m trainer.Memory, rss int64) memory {
	mib := func(bytes float64) float64 { return math.Round(100*bytes/(1<<20)) / 100 }
	return memory{mib(m.Params), mib(m.Gradients), mib(m.Optimizer), mib(m.Activations), mib(m.Measuring), mib(m.Scratch),
		mib(float64(rss<<20) - m.Total())}
}

// tries is the largest number of times that the loop of multiply-adds is timed.
const tries = 32

// time trains and reads the clock after every update.
func time(o options) (result, error) {
	s, err := o.size()
	if err != nil {
		return result{}, err
	}
	steps := steady.Warm + max(5, o.Steps)
	if o.Steps == 0 {
		steps = steady.Warm + max(10, min(2000, int(5*60/s.GFLOP())))
	}
	c, err := configOf(o, steps)
	if err != nil {
		return result{}, err
	}
	dir, err := os.MkdirTemp("", "outcrop-step")
	if err != nil {
		return result{}, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	r := result{setting: o.setting(c), GFLOP: s.GFLOP()}
	r.Kernels = kernels(o.Kernels)
	var wall, busy []float64
	rate, rates, apart := fmaRate(r.Kernels, r.Precision), make([]float64, 0, tries), max(1, (steps-steady.Warm)/tries)
	var before, after runtime.MemStats
	goroutines := 0
	last, spent := clock.Now(), steady.Processor()
	progress := func(step int, _ float64) {
		now, used := clock.Now(), steady.Processor()
		if step > steady.Warm {
			wall, busy = append(wall, 1e3*now.Sub(last).Seconds()), append(busy, used-spent)
		}
		switch step {
		case steady.Warm:
			wall, busy = make([]float64, 0, c.Train.Steps), make([]float64, 0, c.Train.Steps)
			goroutines = runtime.NumGoroutine()
			runtime.ReadMemStats(&before)
		case c.Train.Steps - 1:
			runtime.ReadMemStats(&after)
			goroutines = runtime.NumGoroutine() - goroutines
		}
		if step >= steady.Warm && (step-steady.Warm)%apart == 0 && len(rates) < tries {
			rates = append(rates, rate())
		}
		last, spent = clock.Now(), steady.Processor()
	}
	ran, err := trainer.Run(context.Background(), c,
		trainer.Options{Dir: dir, Threads: o.Threads, Kernels: o.Kernels, Recorder: steady.Nothing{}, Progress: progress})
	if err != nil {
		return r, err
	}
	r.Best, r.Peak = slices.Max(rates), fit.Median(rates)
	r.Steps, r.Median, r.Mean, r.Least = len(wall), fit.Median(wall), stat.Mean(wall, nil), slices.Min(wall)
	r.Processor = stat.Mean(busy, nil)
	if r.Peak > 0 {
		r.Share = 1e3 * r.GFLOP / r.Median / (r.Peak * float64(o.Threads))
	}
	r.Allocated = int64(after.TotalAlloc-before.TotalAlloc) / int64(c.Train.Steps-1-steady.Warm)
	r.Goroutines = goroutines
	r.RSS = peak()
	r.Memory = memoryOf(ran.Memory, r.RSS)
	return r, nil
}

// peak returns this process's largest resident memory so far, MiB. It is 0 if the system does not report it.
func peak() int64 {
	status, _ := os.ReadFile("/proc/self/status")
	return int64(steady.HighWater(status))
}

// kernels returns the name of the kernel path; an empty path is the machine's best.
func kernels(path string) string {
	if path == "" {
		return compute.Paths()[0]
	}
	return path
}
