package main

import (
	"fmt"
	"math"
	"os"
	"os/exec"
	"strconv"
	"strings"
	clock "time"
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
	out      string

	self   string
	dir    string // temporary: the script, what is built and compiled
	tuning tuning
}

// mode is one way of the peer.
type mode struct {
	Mode      string `json:"mode"` // "eager", "compile", "max-autotune", "cpp-wrapper"
	Attention string `json:"attention"`
	Tuned     bool   `json:"tuned"`
}

func (m mode) String() string {
	if !m.Tuned {
		return m.Mode + "/" + m.Attention + ", as installed"
	}
	return m.Mode + "/" + m.Attention
}

// parseModes reads "eager/sdpa,compile/baddbmm".
func parseModes(list string) (all []mode, err error) {
	for _, text := range strings.Split(list, ",") {
		how, attention, found := strings.Cut(text, "/")
		if !found || how == "" || attention == "" {
			return nil, fmt.Errorf("a mode of the peer is written mode/attention, as in compile/baddbmm: %q", text)
		}
		all = append(all, mode{how, attention, true})
	}
	return all, nil
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
	// Best and Installed are those of Rivals that are the fastest, tuned and as installed; nil where there is none.
	Best      *rival `json:"best"`
	Installed *rival `json:"installed"`
	Sweep     *sweep `json:"sweep"`
}

// ours is our step as a child.
func (b *bench) ours(size string, threads int) (*child, error) {
	return begin("ours at "+size, exec.Command(b.self, "--turns", "--size", size, "--threads", strconv.Itoa(threads), "--precision", b.Precision))
}

// peer is PyTorch's as a child.
func (b *bench) peer(size string, threads int, m mode) (*child, error) {
	return begin(m.String()+" at "+size, b.python3(threads, m, "--size", size))
}

// python3 is the command that runs the peer's script.
func (b *bench) python3(threads int, m mode, args ...string) *exec.Cmd {
	args = append([]string{"-c", peerScript, "--threads", strconv.Itoa(threads), "--mode", m.Mode, "--attention", m.Attention, "--precision", b.Precision}, args...)
	cmd := exec.Command(b.python, args...)
	cmd.Env = plain()
	if m.Tuned {
		cmd.Env = b.tuning.env(threads)
	}
	cmd.Env = append(cmd.Env, "TORCHINDUCTOR_CACHE_DIR="+b.dir+"/inductor")
	return cmd
}

// one compares one size.
func (b *bench) one(name string) (c compared, err error) {
	s, err := sizeOf(name)
	if err != nil {
		return c, err
	}
	c = compared{Size: name, GFLOP: s.gflop()}
	modes := b.modes
	for _, m := range b.modes {
		if m.Mode == "eager" {
			modes = append(modes[:len(modes):len(modes)], mode{m.Mode, m.Attention, false})
		}
	}
	var all []*child
	defer func() {
		for _, k := range all {
			k.end()
		}
	}()
	ours, err := b.ours(name, b.Threads)
	if err != nil {
		return c, err
	}
	all = append(all, ours)
	c.Params = ours.Params
	for _, m := range modes {
		k, err := b.peer(name, b.Threads, m)
		if err != nil {
			return c, err
		}
		all = append(all, k)
		if err := same(ours, k, s); err != nil {
			return c, err
		}
		fmt.Fprintf(os.Stderr, "%s: warm in %.1f s, %.2f ms a step\n", k.name, k.Warm, k.Step)
	}
	times := make([]timed, len(all))
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
	c.Ours = times[0]
	for i, m := range modes {
		c.Rivals = append(c.Rivals, rival{m, times[i+1], over(times[i+1].Rounds, c.Ours.Rounds), c.Ours.Memory / times[i+1].Memory})
	}
	c.Best, c.Installed = fastest(c.Rivals, true), fastest(c.Rivals, false)
	return c, nil
}

// same checks that both have the same model: as many parameters, and a first loss near that of a uniform guess, within .1 nats.
func same(ours, k *child, s size) error {
	if ours.Params != k.Params {
		return fmt.Errorf("%s has %d parameters, ours %d", k.name, k.Params, ours.Params)
	}
	for _, c := range []*child{ours, k} {
		if guess := math.Log(float64(s.vocab)); !(math.Abs(c.FirstLoss-guess) < .1) {
			return fmt.Errorf("%s begins at a loss of %.3f, not near ln V = %.3f", c.name, c.FirstLoss, guess)
		}
	}
	return nil
}

// steps are as many as fill a turn, three at least.
func (b *bench) steps(ms float64) int {
	return max(3, int(math.Ceil(1e3*b.turn.Seconds()/ms)))
}

// fastest of the tuned, or of those as installed.
func fastest(all []rival, tuned bool) (best *rival) {
	for i := range all {
		if all[i].Tuned == tuned && (best == nil || all[i].Median < best.Median) {
			best = &all[i]
		}
	}
	return best
}
