// Command step times the trainer's own step: forward, backward, clipping and the optimizer, with nothing measured in
// between; with --peer beside PyTorch's, in turn. The README beside it holds its results.
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

func command() error {
	if len(os.Args) == 3 && os.Args[1] == "worker" {
		return steady.Work(os.Args[2])
	}
	var o options
	flag.StringVar(&o.Size, "size", "a", "model and batch: a, b, c or d")
	flag.IntVar(&o.Batch, "batch", 0, "sequences of a step; 0 is the size's")
	flag.IntVar(&o.Threads, "threads", 1, "OS threads")
	flag.IntVar(&o.Slices, "slices", 0, "parts of the batch; 0 is as many as threads")
	flag.StringVar(&o.Precision, "precision", "float32", "train.precision: float32, or bf16")
	flag.StringVar(&o.Optimizer, "optimizer", "adamw", "the optimizer")
	flag.IntVar(&o.Steps, "steps", 0, "steps to time, or of a whole run; 0 is about five seconds of them, or 2,000")
	flag.StringVar(&o.Kernels, "kernels", "", "kernel path: amx, avx512, avx2 or portable; none is the machine's best")
	asJSON := flag.Bool("json", false, "print one JSON document")
	asChild := flag.Bool("turns", false, "read numbers from standard input and take so many steps each time, as --peer has it")
	other := flag.String("against", "", "take it in turn with this program told otherwise ('--optimizer muon'), or with another build of it ('FILE')")
	var b bench
	flag.StringVar(&b.python, "peer", "", "a Python with PyTorch: compare with its step, in turn")
	list := flag.String("sizes", "a,b,c,d", "with --peer: the sizes to compare; none for none")
	modes := flag.String("modes", "eager/baddbmm,eager/sdpa,compile/baddbmm,compile/sdpa,cpp-wrapper/baddbmm,cpp-wrapper/sdpa,max-autotune/baddbmm,max-autotune/sdpa",
		"with --peer: its ways, each of which is tried: what compiles / how attention is written")
	flag.IntVar(&b.rounds, "rounds", 5, "with --peer or --against: turns of each")
	flag.DurationVar(&b.turn, "turn", clock.Second, "with --peer: how long a turn is, about; three steps at least")
	flag.BoolVar(&b.whole, "whole", false, "a whole run of ours, from its sweep file to its results; with --peer: whole runs of both, too")
	flag.BoolVar(&b.avx2, "avx2", false, "with --peer: as installed with MKL at AVX2 too, which it takes on processors that are not Intel's")
	flag.StringVar(&b.jemalloc, "jemalloc", "", "with --peer: the allocator's file; none looks where the loader does")
	flag.StringVar(&b.commit, "commit", "", "with --peer: what is measured, for the document")
	flag.StringVar(&b.out, "out", "", "with --peer: the file for the JSON document; none is standard output")
	flag.Parse()
	switch {
	case *asChild:
		compute.Quiet()
		return turns(o, os.Stdin, os.Stdout)
	case b.python == "" && *other == "" && !b.whole:
		compute.Quiet()
		return alone(o, *asJSON, os.Stdout)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var err error
	if b.self, err = os.Executable(); err != nil {
		return err
	}
	switch {
	case *other != "" && (b.python != "" || b.whole):
		return variant.Errorf("against", "goes without --peer and --whole: one at a time")
	case *other != "":
		r, err := against(ctx, b.self, o, *other, b.rounds)
		if err != nil {
			return err
		}
		return r.print(*asJSON, os.Stdout)
	case b.whole && o.Kernels != "":
		return variant.Errorf("kernels", "goes without --whole, which takes the machine's best")
	case b.python == "":
		r, err := whole(ctx, b.self, o, "")
		if err != nil {
			return err
		}
		return r.print(*asJSON, os.Stdout)
	case o.Batch != 0:
		return variant.Errorf("batch", "goes without --peer, whose batches are the sizes'")
	}
	if *list != "none" {
		b.sizes = strings.Split(*list, ",")
	}
	if b.modes, err = parseModes(*modes); err != nil {
		return err
	}
	b.options = o
	if err = b.run(ctx); ctx.Err() != nil {
		return ctx.Err() // and not that the children were ended
	}
	return err
}

func alone(o options, asJSON bool, out io.Writer) error {
	r, err := time(o)
	if err != nil {
		return err
	}
	if asJSON {
		return json.NewEncoder(out).Encode(r)
	}
	m := r.Memory
	_, err = fmt.Fprintf(out, "size %s, batch %d, %d threads, %d slices, %s, %s, %s kernels: %.3f ms a step at the median of %d, %.3f on average, %.3f at least,\n"+
		"%.3f ms of processor time; %.3f GFLOP, %.1f GFLOP/s, %.0f %% of %d times %.1f in multiply-adds alone (%.1f at best); %d bytes allocated and %d goroutines started a step; %d MiB at the peak:\n"+
		"parameters %.1f, gradients %.1f, optimizer %.1f, activations %.1f (%.1f a slice), measuring %.1f, scratch %.1f, the rest %.1f\n",
		r.Size, r.Batch, r.Threads, r.Slices, r.Precision, r.Optimizer, r.Kernels, r.Median, r.Steps, r.Mean, r.Least, r.Processor, r.GFLOP,
		1e3*r.GFLOP/r.Median, 100*r.Share, r.Threads, r.Peak, r.Best, r.Allocated, r.Goroutines, r.RSS,
		m.Params, m.Gradients, m.Optimizer, m.Activations, m.Activations/float64(r.Slices), m.Measuring, m.Scratch, m.Rest)
	return err
}
