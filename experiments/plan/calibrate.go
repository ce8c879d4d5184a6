package plan

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/klauspost/cpuid/v2"

	"github.com/outcrop-lab/outcrop/atomicfile"
	"github.com/outcrop-lab/outcrop/compute"
	"github.com/outcrop-lab/outcrop/experiments/sweep"
	"github.com/outcrop-lab/outcrop/fit"
	"github.com/outcrop-lab/outcrop/probes"
	"github.com/outcrop-lab/outcrop/trainer"
)

// Speed is the time that a thread of this machine takes for each part of a run. Times are in seconds per unit of the
// part.
type Speed struct {
	CPU     string    `json:"cpu"`
	Kernels string    `json:"kernels"`
	Trainer int       `json:"trainer"` // version
	Date    string    `json:"date"`    // of the measurement, in UTC
	Step    []float64 `json:"step"`    // by stepParts
	Measure []float64 `json:"measure"` // by measureParts
	Start   []float64 `json:"start"`   // a fixed time, then the times per parameter and per block and slice
	// Beside is the factor by which a thread takes longer while another thread trains at the same time. The threads
	// share caches, memory and the processor's clock, and wait for each other. Beside is 1 if there is only one core.
	Beside float64 `json:"beside"`
}

// speedFile returns the path at which the speed of this processor, with these kernels and this trainer, is kept.
func speedFile() (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("plan: no folder for the measured speed: %w", err)
	}
	words := strings.FieldsFunc(strings.ToLower(cpuid.CPU.BrandName), func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9')
	})
	name := fmt.Sprintf("speed-%s-%s-%d.json", strings.Join(words, "-"), compute.Paths()[0], trainer.Version)
	return filepath.Join(dir, "outcrop", name), nil
}

// KeptSpeed returns the speed that Keep stored for this model of processor, these kernels and this version of the
// trainer. ok is false if no speed was stored, or if the file does not hold a complete one.
func KeptSpeed() (s Speed, ok bool, err error) {
	path, err := speedFile()
	if err != nil {
		return s, false, err
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return s, false, nil
	}
	if err != nil {
		return s, false, fmt.Errorf("plan: the measured speed: %w", err)
	}
	if json.Unmarshal(text, &s) != nil || !s.whole() {
		return Speed{}, false, nil
	}
	return s, true, nil
}

// whole reports whether the speed has a time for every part.
func (s Speed) whole() bool {
	return len(s.Step) == stepParts && len(s.Measure) == measureParts && len(s.Start) == startParts && s.Beside >= 1
}

// Keep atomically (by rename) replaces the file that KeptSpeed reads with this speed.
func (s Speed) Keep() error {
	path, err := speedFile()
	if err != nil {
		return err
	}
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return fmt.Errorf("plan: keeping the measured speed: %w", err)
	}
	return atomicfile.Write(path, append(text, '\n'))
}

const startParts = 3

// trials are the runs that Calibrate times; together they tell the parts apart. vocab is the model's; the data is
// backcopy over 31 characters and BOS. Trials in a precision that this machine lacks are left out. A trial of short
// steps has many, because the first few are slow.
var trials = []struct {
	layers, width, heads, context, batch, vocab, heldOut, steps int
	optim                                                       string
	precision                                                   compute.Precision
}{
	{2, 64, 2, 64, 48, 64, 64, 16, "adamw", compute.Float32},
	{1, 128, 4, 64, 16, 64, 32, 16, "adamw", compute.Float32},
	{1, 256, 4, 64, 8, 64, 16, 16, "adamw", compute.Float32},
	{2, 32, 2, 64, 16, 64, 128, 64, "adamw", compute.Float32},
	{1, 64, 1, 512, 2, 64, 4, 16, "adamw", compute.Float32},
	{1, 64, 4, 64, 16, 64, 64, 16, "adamw", compute.Float32},
	{1, 64, 4, 512, 2, 64, 4, 16, "adamw", compute.Float32},
	{1, 64, 2, 64, 8, 2048, 8, 16, "adamw", compute.Float32},
	{8, 16, 2, 16, 8, 64, 16, 64, "adamw", compute.Float32},
	{1, 256, 4, 16, 2, 1024, 8, 64, "adamw", compute.Float32},
	{4, 96, 4, 32, 16, 64, 64, 16, "adamw", compute.Float32},
	{2, 16, 2, 32, 8, 32, 256, 64, "adamw", compute.Float32},
	{1, 192, 4, 32, 4, 64, 16, 16, "muon", compute.Float32},
	{2, 64, 2, 64, 48, 64, 64, 16, "adamw", compute.BF16},
	{1, 256, 4, 64, 8, 64, 16, 16, "adamw", compute.BF16},
	{1, 64, 2, 64, 8, 2048, 8, 16, "adamw", compute.BF16},
	{4, 96, 4, 32, 16, 64, 64, 16, "adamw", compute.BF16},
}

const trialRounds = 3 // each takes all trials in turn, so that a slow moment does not fall on one kind alone

// trialProbes returns the number of steps between two measurements of a trial.
func trialProbes(steps int) int { return 3 * steps / 8 }

// Calibrate measures the speed of this machine, which takes about twenty seconds. It trains a series of small models
// for a few steps each, goes through the series three times, and fits the time of each part to the medians. It measures
// processor time rather than elapsed time, because other work on the machine affects processor time less. On a machine
// with two or more cores, it then trains each model once more with two threads and measures the elapsed time.
func Calibrate(ctx context.Context) (Speed, error) {
	s := Speed{CPU: cpuid.CPU.BrandName, Kernels: compute.Paths()[0], Trainer: trainer.Version,
		Date: time.Now().UTC().Format(time.DateOnly)}
	dir, err := os.MkdirTemp("", "outcrop-calibrate")
	if err != nil {
		return s, fmt.Errorf("plan: measuring this machine: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + 1)) // as in a worker, see compute.Quiet
	plans, err := trialPlans()
	if err != nil {
		return s, fmt.Errorf("plan: measuring this machine: %w", err)
	}
	timed := make([]trial, len(plans))
	for round := range trialRounds {
		for i, p := range plans {
			if err := timed[i].run(ctx, p, filepath.Join(dir, fmt.Sprintf("%d-%d", round, i)), 1, processor); err != nil {
				return s, fmt.Errorf("plan: measuring this machine: %w", err)
			}
		}
	}
	var rows [][]float64
	var times []float64
	for i, p := range plans {
		x := p.stepParts(float64(p.Config.Train.Batch), float64(p.Config.Train.Slices))
		rows, times = append(rows, x[:]), append(times, fit.Median(timed[i].steps))
	}
	s.Step = fitParts(rows, times)
	rows, times = nil, nil
	for i, p := range plans {
		x := s.measureParts(p, 1)
		rows, times = append(rows, x[:]), append(times, fit.Median(timed[i].measures))
	}
	s.Measure = fitParts(rows, times)
	rows, times = nil, nil
	for i, p := range plans {
		rows = append(rows, []float64{1, float64(p.Params), float64(p.Config.Arch.Layers * p.Config.Train.Slices)})
		times = append(times, fit.Median(timed[i].starts))
	}
	s.Start = fitParts(rows, times)
	s.Beside = 1
	if runtime.NumCPU() > 1 {
		if s.Beside, err = s.beside(ctx, plans, dir); err != nil {
			return s, fmt.Errorf("plan: measuring this machine: %w", err)
		}
	}
	return s, nil
}

// beside trains each of the plans with two threads and measures the elapsed time. It returns the median of the factors
// by which a plan's steps take longer than they would with two undisturbed threads.
func (s Speed) beside(ctx context.Context, plans []Planned, dir string) (float64, error) {
	begun := time.Now()
	clock := func() float64 { return time.Since(begun).Seconds() }
	var factors []float64
	for i, p := range plans {
		var two trial
		if err := two.run(ctx, p, filepath.Join(dir, fmt.Sprintf("two-%d", i)), 2, clock); err != nil {
			return 1, err
		}
		factors = append(factors, fit.Median(two.steps)/s.step(p, 2))
	}
	return max(1, fit.Median(factors)), nil
}

// trialPlans returns the trials that this machine can run.
func trialPlans() (plans []Planned, err error) {
	for _, t := range trials {
		if compute.Can("", t.precision) != nil {
			continue
		}
		text := fmt.Sprintf(`{"name": "x", "base": {
			"arch": {"layers": %d, "width": %d, "heads": %d, "context": %d, "vocab": %d},
			"optim": %q, "data": {"vocab": 31}, "train": {"steps": %d, "batch": %d, "precision": %q},
			"probe": {"every": {"name": "steps", "n": %d}, "heldout": %d, "sequences": %d}}}`,
			t.layers, t.width, t.heads, t.context, t.vocab, t.optim, t.steps, t.batch, t.precision,
			trialProbes(t.steps), t.heldOut, min(10, t.heldOut))
		swept, err := sweep.LoadBytes("calibration", []byte(text))
		if err != nil {
			return nil, err
		}
		planned, err := Of(swept, "cpu")
		if err != nil {
			return nil, err
		}
		plans = append(plans, planned[0])
	}
	return plans, nil
}

// trial holds the times of the runs of one kind, in seconds: of single steps, of single measurements, and of the rest
// of each run.
type trial struct{ steps, measures, starts []float64 }

func (t *trial) run(ctx context.Context, p Planned, dir string, threads int, clock func() float64) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	var steps, both []float64 // steps alone, and steps with the measurement before them
	begun := clock()
	last := begun
	progress := func(step int, _ float64) {
		now := clock()
		switch took := now - last; {
		case step == 1: // it runs the tape and touches memory for the first time
		case (step-1)%trialProbes(p.Config.Train.Steps) == 0:
			both = append(both, took)
		default:
			steps = append(steps, took)
		}
		last = clock()
	}
	result, err := trainer.Run(ctx, p.Config, trainer.Options{Dir: dir, Threads: threads, Recorder: nothing{},
		Progress: progress})
	if err != nil {
		return err
	}
	if result.Status != trainer.Done {
		return context.Canceled
	}
	total := clock() - begun
	step := fit.Median(steps)
	rest := total - float64(p.Config.Train.Steps+1)*step
	for _, took := range both {
		t.measures = append(t.measures, max(0, took-step))
	}
	rest -= float64(p.Measurements(0)) * fit.Median(t.measures[len(t.measures)-len(both):])
	t.steps, t.starts = append(t.steps, steps...), append(t.starts, max(0, rest))
	return nil
}

// nothing is a trainer.Recorder that records nothing.
type nothing struct{}

func (nothing) Record(int, []probes.Value) error  { return nil }
func (nothing) Timing(int, string, float64) error { return nil }

// processor returns the processor time that this process has used so far, in seconds.
func processor() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err) // the arguments are right
	}
	return float64(u.Utime.Sec+u.Stime.Sec) + 1e-6*float64(u.Utime.Usec+u.Stime.Usec)
}

// fitParts returns the times per unit, none negative, that minimise the squared relative errors of the rows' times. A
// row counts the units of each part. It uses coordinate descent on the normal equations.
func fitParts(rows [][]float64, times []float64) []float64 {
	n := len(rows[0])
	scale := make([]float64, n) // the parts are of very different sizes
	for _, row := range rows {
		for i, x := range row {
			scale[i] = math.Max(scale[i], x)
		}
	}
	gram, target := make([][]float64, n), make([]float64, n)
	for i := range gram {
		gram[i] = make([]float64, n)
	}
	floor := 1e-6 // of the times that errors are relative to, seconds
	for k, row := range rows {
		weight := 1 / math.Max(floor, times[k])
		for i := range row {
			if scale[i] == 0 {
				continue
			}
			xi := row[i] / scale[i] * weight
			target[i] += xi * times[k] * weight
			for j := range row {
				if scale[j] > 0 {
					gram[i][j] += xi * row[j] / scale[j] * weight
				}
			}
		}
	}
	per := make([]float64, n)
	for range 20000 {
		for i := range per {
			if gram[i][i] == 0 {
				continue
			}
			rest := target[i]
			for j := range per {
				if j != i {
					rest -= gram[i][j] * per[j]
				}
			}
			per[i] = math.Max(0, rest/gram[i][i])
		}
	}
	for i := range per {
		if scale[i] > 0 {
			per[i] /= scale[i]
		}
	}
	return per
}
