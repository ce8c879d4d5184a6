package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	clock "time"

	"github.com/outcrop-lab/outcrop/archs"
	"github.com/outcrop-lab/outcrop/bench/steady"
	"github.com/outcrop-lab/outcrop/fit"
	"github.com/outcrop-lab/outcrop/trainer"
)

// estimated is the number of steps after the warm-up from which a child estimates the time of a step.
const estimated = 5

// turns trains as a child, without end, and reads the clock after every update. Once warmed up it reports that; then it
// waits between two steps for the next number of steps. It stops when its input ends.
func turns(o options, in io.Reader, out io.Writer) error {
	c, err := configOf(o, 1<<40)
	if err != nil {
		return err
	}
	ours, err := archs.Params(c.Arch)
	if err != nil {
		return err
	}
	say := ready{Kernels: kernels(o.Kernels), Threads: o.Threads}
	for _, p := range ours {
		say.Params += p.Size()
	}
	dir, err := os.MkdirTemp("", "outcrop-step")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	speak := json.NewEncoder(out)
	var spoken error
	times, left := []float64(nil), steady.Warm+estimated
	last := clock.Now()
	started := last
	progress := func(step int, loss float64) {
		times = append(times, 1e3*clock.Since(last).Seconds())
		if step == 1 {
			say.FirstLoss = loss
		}
		if left--; left == 0 && ctx.Err() == nil {
			if step == steady.Warm+estimated {
				say.Step, say.Warm = fit.Median(times[steady.Warm:]), clock.Since(started).Seconds()
				spoken = speak.Encode(say)
			} else {
				spoken = speak.Encode(answer{times})
			}
			if _, err := fmt.Fscan(in, &left); err != nil || left < 1 || spoken != nil {
				stop()
			}
			times = make([]float64, 0, max(0, left))
		}
		last = clock.Now()
	}
	_, err = trainer.Run(ctx, c, trainer.Options{Dir: dir, Threads: o.Threads, Kernels: o.Kernels,
		Recorder: steady.Nothing{}, Progress: progress})
	return errors.Join(err, spoken)
}
