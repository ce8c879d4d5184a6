// Command step times the trainer's own step: forward, backward, clipping and the optimizer, with nothing measured
// between steps. With --peer it also times PyTorch's step, by turns. The README in this folder has its results.
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
	clock "time"

	"github.com/outcrop-lab/outcrop/bench/steady"
	"github.com/outcrop-lab/outcrop/compute"
	"github.com/outcrop-lab/outcrop/variant"
)

func main() {
	err := command()
	if err == nil {
		return
	}
	fmt.Fprintln(os.Stderr, "step:", err)
	var input *variant.Error
	switch {
	case errors.Is(err, context.Canceled):
		os.Exit(130)
	case errors.As(err, &input):
		os.Exit(2)
	}
	os.Exit(1)
}

// flags is the command line.
type flags struct {
	options     options
	bench       bench
	json, child bool
	against     string
	modes       string
}

// parseFlags parses the command line.
func parseFlags() (f flags) {
	o, b := &f.options, &f.bench
	flag.StringVar(&o.Size, "size", "a", "model and batch: a, b, c or d")
	flag.IntVar(&o.Batch, "batch", 0, "sequences per step; 0 is the size's")
	flag.IntVar(&o.Threads, "threads", 1, "OS threads")
	flag.IntVar(&o.Slices, "slices", 0, "slices of the batch; 0 is the number of threads")
	flag.StringVar(&o.Precision, "precision", "float32", "train.precision: float32 or bf16")
	flag.StringVar(&o.Optimizer, "optimizer", "adamw", "the optimizer")
	flag.IntVar(&o.Steps, "steps", 0, "steps to time, or of a whole run; 0 is about five seconds of steps, or 2,000")
	flag.StringVar(&o.Kernels, "kernels", "",
		"kernel path: amx, avx512, avx2 or portable; if empty, the machine's best")
	flag.BoolVar(&f.json, "json", false, "print one JSON document")
	flag.BoolVar(&f.child, "turns", false,
		"read numbers from standard input and take that many steps each time; --peer starts this program so")
	flag.StringVar(&f.against, "against", "",
		"compare by turns with this program with other options ('--optimizer muon'), or with another build of it ('FILE')")
	flag.StringVar(&b.python, "peer", "", "a Python with PyTorch: compare with PyTorch's step, by turns")
	sizes := flag.String("sizes", "a,b,c,d", "with --peer: the sizes to compare, or none")
	flag.StringVar(&f.modes, "modes", "eager/baddbmm,eager/sdpa,compile/baddbmm,compile/sdpa,"+
		"cpp-wrapper/baddbmm,cpp-wrapper/sdpa,max-autotune/baddbmm,max-autotune/sdpa",
		"with --peer: the peer's modes to try, each as what compiles / how attention is written")
	flag.IntVar(&b.rounds, "rounds", 5, "with --peer or --against: rounds; each contestant has one turn in a round")
	flag.DurationVar(&b.turn, "turn", clock.Second, "with --peer: approximate length of a turn; at least three steps")
	flag.BoolVar(&b.whole, "whole", false,
		"time a whole run of ours, from its sweep file to its results; with --peer, whole runs of both in addition")
	flag.BoolVar(&b.avx2, "avx2", false,
		"with --peer: compare with PyTorch as installed with MKL at AVX2 too, MKL's choice on other makers' processors")
	flag.StringVar(&b.jemalloc, "jemalloc", "", "with --peer: path of the allocator; if empty, ask the loader")
	flag.StringVar(&b.commit, "commit", "", "with --peer: the commit to record in the document")
	flag.StringVar(&b.out, "out", "", "with --peer: the file for the JSON document; if empty, standard output")
	flag.Parse()
	if *sizes != "none" {
		b.sizes = strings.Split(*sizes, ",")
	}
	b.options = *o
	return f
}

// command does what the command line asks for.
func command() error {
	if len(os.Args) == 3 && os.Args[1] == "worker" {
		return steady.Work(os.Args[2])
	}
	f := parseFlags()
	o, b := f.options, &f.bench
	switch {
	case f.child:
		compute.Quiet()
		return turns(o, os.Stdin, os.Stdout)
	case b.python == "" && f.against == "" && !b.whole:
		compute.Quiet()
		return alone(o, f.json, os.Stdout)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var err error
	if b.self, err = os.Executable(); err != nil {
		return err
	}
	switch {
	case f.against != "" && (b.python != "" || b.whole):
		return variant.Errorf("against", "cannot be combined with --peer or --whole")
	case f.against != "":
		r, err := against(ctx, b.self, o, f.against, b.rounds)
		if err != nil {
			return err
		}
		return r.print(f.json, os.Stdout)
	case b.whole && o.Kernels != "":
		return variant.Errorf("kernels", "cannot be combined with --whole, which uses the machine's best")
	case b.python == "":
		r, err := whole(ctx, b.self, o, "")
		if err != nil {
			return err
		}
		return r.print(f.json, os.Stdout)
	case o.Batch != 0:
		return variant.Errorf("batch", "cannot be combined with --peer, which uses the sizes' batches")
	}
	if b.modes, err = parseModes(f.modes); err != nil {
		return err
	}
	if err = b.run(ctx); ctx.Err() != nil {
		return ctx.Err() // not the error that the children were ended
	}
	return err
}

// alone times our step and prints the result.
func alone(o options, asJSON bool, out io.Writer) error {
	r, err := time(o)
	if err != nil {
		return err
	}
	if asJSON {
		return json.NewEncoder(out).Encode(r)
	}
	m := r.Memory
	_, err = fmt.Fprintf(out, "size %s, batch %d, %d threads, %d slices, %s, %s, %s kernels: "+
		"%.3f ms per step (median of %d), %.3f mean, %.3f least,\n"+
		"%.3f ms of processor time; %.3f GFLOP, %.1f GFLOP/s, %.0f %% of %d times the peak of %.1f (%.1f at best);\n"+
		"%d bytes allocated and %d goroutines started per step; peak memory %d MiB:\n"+
		"parameters %.1f, gradients %.1f, optimizer %.1f, activations %.1f (%.1f per slice), "+
		"measuring %.1f, scratch %.1f, the rest %.1f\n",
		r.Size, r.Batch, r.Threads, r.Slices, r.Precision, r.Optimizer, r.Kernels, r.Median, r.Steps, r.Mean, r.Least,
		r.Processor, r.GFLOP,
		1e3*r.GFLOP/r.Median, 100*r.Share, r.Threads, r.Peak, r.Best, r.Allocated, r.Goroutines, r.RSS,
		m.Params, m.Gradients, m.Optimizer, m.Activations, m.Activations/float64(r.Slices), m.Measuring, m.Scratch, m.Rest)
	return err
}
