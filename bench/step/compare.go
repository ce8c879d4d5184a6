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

// bench is what is compared and how long.
type bench struct {
	options
	python   string
	sizes    []string
	modes    []mode
	jemalloc string
	rounds   int
	turn     clock.Duration // of one contestant in one round, about
	whole    bool
	avx2     bool // the peer as installed with MKL at AVX2 too
	commit   string
	out      string

	self   string
	dir    string // temporary: what is built, compiled and trained
	tuning tuning
}

// rival is one way of the peer beside us.
type rival struct {
	mode
	timed
	Ratio ratio `json:"ratio"`
	// Share is our memory over theirs.
	Share float64 `json:"memory_ratio"`
}

// compared is what one size came to.
type compared struct {
	Size   string  `json:"size"`
	GFLOP  float64 `json:"gflop"`
	Params int     `json:"params"`
	Ours   timed   `json:"ours"`
	Rivals []rival `json:"peers"`
	// Failed are the peer's ways that could not be begun, each with the reason.
	Failed []string `json:"failed,omitempty"`
	// Best, Installed and AVX2 are those of Rivals that are the fastest: tuned, as installed, and so with MKL at AVX2; nil where there
	// is none.
	Best      *rival `json:"best"`
	Installed *rival `json:"installed"`
	AVX2      *rival `json:"installed_avx2,omitempty"`
	Sweep     *pair  `json:"sweep"`
}

// ours is our step as a child.
func (b *bench) ours(ctx context.Context, size string, threads int) (*child, error) {
	cmd := exec.CommandContext(ctx, b.self, "--turns", "--size", size, "--threads", strconv.Itoa(threads), "--precision", b.Precision)
	cmd.Env = append(os.Environ(), "TMPDIR="+b.dir)
	return begin("ours at "+size, cmd)
}

// one compares one size.
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
		fmt.Fprintf(os.Stderr, "%s: warm in %.1f s, %.2f ms a step\n", k.name, k.Warm, k.Step)
	}
	times := []*timed{&c.Ours}
	for i := range c.Rivals {
		times = append(times, &c.Rivals[i].timed)
	}
	for round := range b.rounds {
		for k := range all {
			i := (k + round) % len(all) // who goes first changes
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
		c.Rivals[i].beside(&c.Ours)
	}
	c.Best, c.Installed, c.AVX2 = fastest(c.Rivals, tuned), fastest(c.Rivals, installed), fastest(c.Rivals, avx2)
	return c, nil
}

// beside holds it against ours.
func (r *rival) beside(ours *timed) {
	r.Ratio, r.Share = over(r.Rounds, ours.Rounds), ours.Memory/r.Memory
}

// same checks that both have the same model: as many parameters, and a first loss within .05 nats of what these weights give.
func same(ours, k *child, s steady.Size) error {
	if ours.Params != k.Params {
		return fmt.Errorf("%s has %d parameters, ours %d", k.name, k.Params, ours.Params)
	}
	for _, c := range []*child{ours, k} {
		if first := firstLoss(s); !(math.Abs(c.FirstLoss-first) < .05) {
			return fmt.Errorf("%s begins at a loss of %.3f, not near %.3f", c.name, c.FirstLoss, first)
		}
	}
	return nil
}

// steps are as many as fill a turn, three at least.
func (b *bench) steps(ms float64) int {
	return max(3, int(math.Ceil(1e3*b.turn.Seconds()/ms)))
}

// fastest of those that are set up so.
func fastest(all []rival, s setup) (best *rival) {
	for i := range all {
		if all[i].Setup == s && (best == nil || all[i].Median < best.Median) {
			best = &all[i]
		}
	}
	return best
}
