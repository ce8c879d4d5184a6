// Command fit measures the fitter on planted emergence curves. With --peer it also compares it with SciPy's curve_fit;
// with --learners it compares the predictor's learners with scikit-learn's. The README in this folder has its results.
package main

import (
	"flag"
	"fmt"
	"math"
	"os"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/outcrop-lab/outcrop/fit"
	"github.com/outcrop-lab/outcrop/rng"
)

func main() {
	curves := flag.Int("curves", 2000, "number of planted curves")
	seed := flag.Uint64("seed", 0, "seed of the curves and of their noise")
	python := flag.String("peer", "", "a Python with SciPy: fit the same curves with SciPy too, by turns")
	learners := flag.Bool("learners", false,
		"with --peer: only compare the predictor's learners with scikit-learn's, on the same folds")
	all := flag.Bool("all", false, "with --peer: fit all curves, not only the first 100")
	flag.Parse()
	if *learners {
		if err := compareLearners(*python, *seed); err != nil {
			fmt.Fprintln(os.Stderr, "fit:", err)
			os.Exit(1)
		}
		return
	}
	planted := plant(*seed, *curves)
	recovery(planted, *seed)
	speed(planted, *seed)
	if *python == "" {
		return
	}
	if !*all {
		planted = planted[:min(100, len(planted))]
	}
	if err := compare(*python, planted, *seed); err != nil {
		fmt.Fprintln(os.Stderr, "fit:", err)
		os.Exit(1)
	}
}

// steps are the 154 checkpoint steps of the Pythia models: 0, 1, 2, 4 … 512, 1000, 2000 … 143000.
var steps = func() []float64 {
	t := []float64{0}
	for s := 1; s <= 512; s *= 2 {
		t = append(t, float64(s))
	}
	for s := 1000; s <= 143000; s += 1000 {
		t = append(t, float64(s))
	}
	return t
}()

// curve is a planted emergence curve.
type curve struct {
	index        int
	params       map[string]float64
	y            []float64 // the values at steps, without noise
	span         float64   // the range of y
	identifiable bool
}

// plant draws n curves: A from .05 to 2, K from 0 to 1 and t0 from .2 to 1.5 uniformly, lambda from 10^-2 to 10^.3 and
// gamma from 10^-5 to 10^-2.5 log-uniformly. A curve is identifiable if the condition number of its Jacobian with unit
// columns is below 1e6.
func plant(seed uint64, n int) []curve {
	all := make([]curve, n)
	for i := range all {
		r := rng.New(seed, "bench.fit.curve").At(i).Rand()
		between := func(low, high float64) float64 { return low + (high-low)*r.Float64() }
		c := curve{index: i, params: map[string]float64{
			"A": between(.05, 2), "lambda": math.Pow(10, between(-2, .3)), "gamma": math.Pow(10, between(-5, -2.5)),
			"t0": between(.2, 1.5), "K": between(0, 1),
		}}
		for _, t := range steps {
			c.y = append(c.y, fit.Eval(fit.Result{Family: "emergence", Params: c.params}, t))
		}
		c.span = slices.Max(c.y) - slices.Min(c.y)
		c.identifiable = fit.Condition(c.params, steps) < 1e6
		all[i] = c
	}
	return all
}

// noises are standard deviations of the noise, as shares of a curve's range.
var noises = []float64{0, .01, .05}

// noisy returns the curve with Gaussian noise. The noise's standard deviation is that share of the curve's range.
func (c curve) noisy(noise float64, seed uint64) fit.Points {
	r := rng.New(seed, "bench.fit.noise").Named(fmt.Sprint(noise)).At(c.index).Rand()
	y := slices.Clone(c.y)
	for i := range y {
		y[i] += noise * c.span * r.NormFloat64()
	}
	return fit.Points{T: steps, Y: y}
}

// parallel calls work for each index from 0 to n-1, on all processors, and waits for all calls.
func parallel(n int, work func(i int)) {
	var wait sync.WaitGroup
	for p := range runtime.GOMAXPROCS(0) {
		wait.Go(func() {
			for i := p; i < n; i += runtime.GOMAXPROCS(0) {
				work(i)
			}
		})
	}
	wait.Wait()
}

// recovery prints how well fits recover the planted curves.
func recovery(planted []curve, seed uint64) {
	identifiable := 0
	for _, c := range planted {
		if c.identifiable {
			identifiable++
		}
	}
	fmt.Printf("%d planted curves, %d identifiable (condition below 1e6)\n\n", len(planted), identifiable)
	fmt.Println("| noise | identifiable to 1e-6 | RMS of fitted less true, median | 99th of 100 | worst " +
		"| A | lambda | gamma | t0 | K | determined |")
	fmt.Println("|---|---|---|---|---|---|---|---|---|---|---|")
	for _, noise := range noises {
		results := make([]fit.Result, len(planted))
		parallel(len(planted), func(i int) {
			r, err := fit.Fit("emergence", planted[i].noisy(noise, seed), fit.Options{})
			if err != nil {
				panic(err) // every planted curve can be fitted
			}
			results[i] = r
		})
		var off []float64
		exact, determined := 0, 0
		inside := map[string]int{}
		for i, c := range planted {
			off = append(off, c.distance(results[i]))
			if !c.identifiable {
				continue
			}
			if c.worst(results[i]) < 1e-6 {
				exact++
			}
			if len(results[i].Undetermined) == 0 {
				determined++
			}
			for name, truth := range c.params {
				if in := results[i].Intervals[name]; in.Low <= truth && truth <= in.High {
					inside[name]++
				}
			}
		}
		slices.Sort(off)
		fmt.Printf("| %g %% | %d of %d | %.4f %% | %.4f %% | %.4f %%", 100*noise, exact, identifiable, 100*off[len(off)/2],
			100*off[len(off)*99/100], 100*off[len(off)-1])
		for _, name := range fit.Params("emergence") {
			if noise == 0 {
				fmt.Print(" | –")
				continue
			}
			fmt.Printf(" | %.1f %%", 100*float64(inside[name])/float64(identifiable))
		}
		fmt.Printf(" | %d |\n", determined)
	}
	fmt.Println("\nA … K: how often the 95 % profile interval of an identifiable curve's parameter " +
		"contains the true value.")
}

// distance returns the root mean square of fitted less true values over the steps, as a share of the true curve's
// range.
func (c curve) distance(r fit.Result) float64 {
	var sum float64
	for i, t := range steps {
		d := fit.Eval(r, t) - c.y[i]
		sum += d * d
	}
	return math.Sqrt(sum/float64(len(steps))) / c.span
}

// worst returns the largest relative error of a parameter.
func (c curve) worst(r fit.Result) (worst float64) {
	for name, truth := range c.params {
		worst = max(worst, math.Abs(r.Params[name]-truth)/math.Abs(truth))
	}
	return worst
}

// speed times the fits of 188 series, the number of layers in arXiv 2508.03616.
func speed(planted []curve, seed uint64) {
	n := min(188, len(planted))
	points := make([]fit.Points, n)
	for i := range points {
		points[i] = planted[i].noisy(.01, seed)
	}
	one := func(o fit.Options) func() {
		return func() {
			parallel(n, func(i int) { _, _ = fit.Fit("emergence", points[i], o) })
		}
	}
	fmt.Printf("\n%d series of %d points on %d processors:\n", n, len(steps), runtime.GOMAXPROCS(0))
	for _, c := range []struct {
		name string
		work func()
	}{
		{"the curve", one(fit.Options{Interval: fit.IntervalNone})},
		{"with profile intervals", one(fit.Options{})},
		{"and every rival", func() { fit.Each(points, fit.Options{}) }},
	} {
		wall, cpu := time.Duration(math.MaxInt64), time.Duration(math.MaxInt64)
		for range 3 {
			start, used := time.Now(), processorTime()
			c.work()
			wall, cpu = min(wall, time.Since(start)), min(cpu, processorTime()-used)
		}
		fmt.Printf("  %-24s %.2f s, %.2f s of processor time (best of 3)\n", c.name, wall.Seconds(), cpu.Seconds())
	}
}

// processorTime returns the processor time of this process on all processors. On a shared machine it is steadier than
// the clock.
func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err) // cannot fail with these arguments
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
