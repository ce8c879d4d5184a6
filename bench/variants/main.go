// Command variants times a training step of every variant against the baseline's, by turns on one thread, at size b of
// bench/step. The README in this folder has its results.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/outcrop-lab/outcrop/archs"
	"github.com/outcrop-lab/outcrop/compute"
	"github.com/outcrop-lab/outcrop/fit"
	"github.com/outcrop-lab/outcrop/optim"
	"github.com/outcrop-lab/outcrop/rng"
)

const batch = 16 // sequences

// row is one variant's result.
type row struct {
	Slot    string `json:"slot"`
	Variant string `json:"variant"`
	// Baseline and Step are the median processor times of the baseline's and the variant's step, milliseconds. Ratio is
	// the median of the pairs' ratios.
	Baseline float64 `json:"baseline_ms"`
	Step     float64 `json:"step_ms"`
	Ratio    float64 `json:"ratio"`
	// Flops is the ratio of floating-point operations, counting matrix products and attention.
	Flops float64 `json:"flops"`
}

func main() {
	pairs := flag.Int("pairs", 15, "pairs of steps; a pair is one of the baseline and one of the variant")
	only := flag.String("only", "", "only the variants whose slot and name contain this string")
	file := flag.String("json", "", "file to write the result to as JSON")
	flag.Parse()
	if err := run(*pairs, *only, *file); err != nil {
		fmt.Fprintln(os.Stderr, "variants:", err)
		os.Exit(1)
	}
}

// run compares the variants whose slot and name contain only, prints a table, and writes it to file if one is named.
func run(pairs int, only, file string) error {
	runtime.LockOSThread()
	base, err := newStep(baseline())
	if err != nil {
		return err
	}
	defer base.device.Free()
	var rows []row
	for _, v := range variants() {
		if !strings.Contains(v.slot+" "+v.name, only) {
			continue
		}
		r, err := compare(base, v, pairs)
		if err != nil {
			return fmt.Errorf("%s %s: %w", v.slot, v.name, err)
		}
		rows = append(rows, r)
		_, _ = fmt.Fprintf(os.Stderr, "%s %s: %.3f\n", r.Slot, r.Variant, r.Ratio)
	}
	date := time.Now().UTC().Format(time.DateOnly)
	fmt.Printf("%s, %s kernels, %s, %d pairs\n\n", date, base.device.Path(), runtime.Version(), pairs)
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 1, ' ', 0)
	lines := []string{"| slot\t| variant\t| baseline ms\t| ms\t| ratio\t| flops\t| beyond its flops\t|",
		strings.Repeat("|---\t", 7) + "|"}
	for _, r := range rows {
		lines = append(lines, fmt.Sprintf("| `%s`\t| %s\t| %.1f\t| %.1f\t| %.2f\t| %.3f\t| %+.0f %%\t|",
			r.Slot, r.Variant, r.Baseline, r.Step, r.Ratio, r.Flops, 100*(r.Ratio/math.Max(1, r.Flops)-1)))
	}
	if _, err := fmt.Fprintln(w, strings.Join(lines, "\n")); err != nil {
		return err
	}
	if err := w.Flush(); err != nil || file == "" {
		return err
	}
	text, err := json.MarshalIndent(map[string]any{"date": date, "kernels": base.device.Path(), "go": runtime.Version(),
		"pairs": pairs, "variants": rows}, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(text, '\n'), 0o666)
}

// compare times the steps of the baseline and the variant by turns.
func compare(base *step, v change, pairs int) (row, error) {
	c, o := baseline()
	v.set(&c, &o)
	s, err := newStep(c, o)
	if err != nil {
		return row{}, err
	}
	defer s.device.Free()
	r := row{Slot: v.slot, Variant: v.name, Flops: s.flops / base.flops}
	var of, mine, ratios []float64
	for i := range pairs + 2 { // the first two run the tape and warm the memory
		a, err := base.time()
		if err != nil {
			return r, err
		}
		b, err := s.time()
		if err != nil {
			return r, err
		}
		if i >= 2 {
			of, mine, ratios = append(of, a), append(mine, b), append(ratios, b/a)
		}
	}
	r.Baseline, r.Step, r.Ratio = fit.Median(of), fit.Median(mine), fit.Median(ratios)
	return r, s.model.Close()
}

// step is a model with its optimizer: forward, backward, clipping and update of one batch.
type step struct {
	device    *compute.CPU
	model     *archs.Model
	gradient  *optim.Gradient
	optimizer optim.Optimizer
	clip      float64
	flops     float64
}

// newStep builds the step on a CPU device of its own, with random tokens.
func newStep(c archs.Config, o optim.Config) (*step, error) {
	device, err := compute.NewCPU("", compute.Float32)
	if err != nil {
		return nil, err
	}
	s := &step{device: device, clip: o.Clip, flops: flops(c, o)}
	w, err := archs.NewWeights(c, device, rng.New(0, "init"))
	if err != nil {
		return nil, err
	}
	if s.model, err = archs.Build(c, archs.Shape{Batch: batch, Train: true, Tokens: batch * c.Context}, device, w,
		nil); err != nil {
		return nil, err
	}
	var params []optim.Param
	for i, p := range w.Params() {
		params = append(params, optim.Param{Name: p.Name, Layer: p.Layer, Shape: p.Shape, Kind: optim.Kind(p.Kind),
			Value: w.Value(i), Grad: s.model.Grads[i]})
	}
	threads := optim.Threads{Team: compute.NewTeam(1), Devices: []compute.Device{device}}
	s.gradient = optim.NewGradient(threads, params)
	if s.optimizer, err = o.New(threads, params); err != nil {
		return nil, err
	}
	random := rng.New(0, "tokens").Rand()
	tokens := make([]int32, batch*c.Context)
	for i := range tokens {
		tokens[i] = int32(random.IntN(c.Vocab))
	}
	device.UploadInts(s.model.Tokens, tokens)
	device.UploadInts(s.model.Targets, append(tokens[1:], tokens[0]))
	return s, nil
}

// time does a step and returns its processor time, milliseconds. Other work on the machine disturbs it less than the
// clock time.
func (s *step) time() (float64, error) {
	start, err := processor()
	if err != nil {
		return 0, err
	}
	if err := s.model.Run(); err != nil {
		return 0, err
	}
	s.optimizer.Step(1e-3, optim.ClipFactor(s.gradient.Sum(), s.clip))
	end, err := processor()
	return end - start, err
}

// processor returns this process's processor time so far, milliseconds.
func processor() (float64, error) {
	var u syscall.Rusage
	err := syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return 1e3*float64(u.Utime.Sec+u.Stime.Sec) + 1e-3*float64(u.Utime.Usec+u.Stime.Usec), err
}

// flops returns the floating-point operations of a step. It counts a matrix product as two operations per entry forward
// and four backward, attention as two causal products forward and five backward (which recomputes the probabilities),
// and Muon's Newton-Schulz iteration. It leaves out elementwise work.
func flops(c archs.Config, o optim.Config) float64 {
	params, err := archs.Params(c)
	if err != nil {
		return math.NaN() // Build returns the reason
	}
	places := float64(c.Registers + c.Context)
	rows := batch * places
	total := 7 * batch * places * (places + 1) * float64(c.Width*c.Layers)
	muon, _ := o.Value.(*optim.Muon)
	for _, p := range params {
		outside := p.Kind == "head" || p.Kind == "embedding"
		switch {
		case p.Kind == "matrix" && p.Layer >= 0:
			total += 6 * rows * float64(p.Size())
		case p.Kind == "matrix" || p.Kind == "head" || p.Name == "embedding" && c.Tied:
			total += 6 * batch * float64(c.Context*p.Size())
		}
		if muon != nil && len(p.Shape) == 2 && (!outside || muon.Embeddings == "muon") {
			m, n := float64(slices.Min(p.Shape)), float64(slices.Max(p.Shape))
			total += 5 * (4*m*m*n + 2*m*m*m)
		}
	}
	return total
}
