package main

import (
	"context"
	"fmt"
	"math"
	"os"
	"os/exec"
	"strconv"
	clock "time"

	"github.com/outcrop-lab/outcrop/bench/steady"
)

// bench is a comparison with the peer: what is compared, and for how long.
type bench struct {
	options
	python   string
	sizes    []string
	modes    []mode
	jemalloc string
	rounds   int
	turn     clock.Duration // of one contestant in one round, approximately
	whole    bool
	avx2     bool // compare with the peer as installed with MKL at AVX2 too
	commit   string
	out      string

	self   string
	dir    string // temporary, for what is built, compiled and trained
	tuning tuning
}

// rival compares one mode of the peer with our step.
type rival struct {
	mode
	timed
	Ratio ratio `json:"ratio"`
	// Share is our memory over the peer's.
	Share float64 `json:"memory_ratio"`
}

// compared is the result for one size.
type compared struct {
	Size   string  `json:"size"`
	GFLOP  float64 `json:"gflop"`
	Params int     `json:"params"`
	Ours   timed   `json:"ours"`
	Rivals []rival `json:"peers"`
	// Failed lists the peer's modes that could not be started, each with the reason.
	Failed []string `json:"failed,omitempty"`
	// Best, Installed and AVX2 are the fastest of Rivals: tuned, as installed, and as installed with MKL at AVX2. They are
	// nil if there is none.
	Best      *rival `json:"best"`
	Installed *rival `json:"installed"`
	AVX2      *rival `json:"installed_avx2,omitempty"`
	Sweep     *pair  `json:"sweep"`
}

// ours starts a child that runs our step.
func (b *bench) ours(ctx context.Context, size string, threads int) (*child, error) {
	cmd := exec.CommandContext(ctx, b.self, "--turns", "--size", size, "--threads", strconv.Itoa(threads), "--precision",
		b.Precision)
	cmd.Env = append(os.Environ(), "TMPDIR="+b.dir)
	return begin("ours at "+size, cmd)
}

// one compares our step with every mode of the peer at one size.
func (b *bench) one(ctx context.Context, name string) (c compared, err error) {
	s, err := options{Size: name}.size()
	if err != nil {
		return c, err
	}
	c = compared{Size: name, GFLOP: s.GFLOP()}
	ours, err := b.ours(ctx, name, b.Threads)
	if err != nil {
		return c, err
	}
	all := []*child{ours}
	defer func() {
		for _, k := range all {
			k.end()
		}
	}()
	c.Params = ours.Params
	for _, m := range b.ways() {
		k, err := b.peer(ctx, name, b.Threads, m)
		if ctx.Err() != nil {
			return c, ctx.Err()
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			c.Failed = append(c.Failed, err.Error())
			continue
		}
		all = append(all, k)
		if err := same(ours, k, s); err != nil {
			return c, err
		}
		c.Rivals = append(c.Rivals, rival{mode: m})
		fmt.Fprintf(os.Stderr, "%s: warmed up in %.1f s, %.2f ms per step\n", k.name, k.Warm, k.Step)
	}
	times := []*timed{&c.Ours}
	for i := range c.Rivals {
		times = append(times, &c.Rivals[i].timed)
	}
	for round := range b.rounds {
		for k := range all {
			i := (k + round) % len(all) // each round begins with another contestant
			steps, err := all[i].turn(b.steps(all[i].Step))
			if err != nil {
				return c, err
			}
			times[i].add(steps)
		}
	}
	for i, k := range all {
		if times[i].Memory, err = k.memory(); err != nil {
			return c, err
		}
	}
	for i := range c.Rivals {
		c.Rivals[i].relativeTo(&c.Ours)
	}
	c.Best, c.Installed, c.AVX2 = fastest(c.Rivals, tuned), fastest(c.Rivals, installed), fastest(c.Rivals, avx2)
	return c, nil
}

// relativeTo fills in the ratios to ours.
func (r *rival) relativeTo(ours *timed) {
	r.Ratio, r.Share = over(r.Rounds, ours.Rounds), ours.Memory/r.Memory
}

// same checks that both train the same model: equally many parameters, and a first loss within .05 nats of the expected
// one.
func same(ours, k *child, s steady.Size) error {
	if ours.Params != k.Params {
		return fmt.Errorf("%s has %d parameters, ours %d", k.name, k.Params, ours.Params)
	}
	for _, c := range []*child{ours, k} {
		if first := firstLoss(s); !(math.Abs(c.FirstLoss-first) < .05) {
			return fmt.Errorf("%s starts at a loss of %.3f, want %.3f within .05", c.name, c.FirstLoss, first)
		}
	}
	return nil
}

// steps returns how many steps of ms milliseconds fill a turn, at least three.
func (b *bench) steps(ms float64) int {
	return max(3, int(math.Ceil(1e3*b.turn.Seconds()/ms)))
}

// fastest returns the fastest rival with that setup, or nil if there is none.
func fastest(all []rival, s setup) (best *rival) {
	for i := range all {
		if all[i].Setup == s && (best == nil || all[i].Median < best.Median) {
			best = &all[i]
		}
	}
	return best
}
