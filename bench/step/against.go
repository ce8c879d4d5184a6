package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"

	"github.com/outcrop-lab/outcrop/variant"
)

// beside is our step and another of ours, in turn.
type beside struct {
	Ours  timed `json:"ours"`
	Other timed `json:"other"`
	Ratio ratio `json:"ratio"` // the other's to ours
}

// against takes the step of this program, self, and another in turn, each time in a process of its own: one process differs from
// the next by where its memory lies. The other is self told otherwise (`--optimizer muon`), or another build of it, whose options
// follow its name; both are told what o says first.
func against(ctx context.Context, self string, o options, other string, rounds int) (b beside, err error) {
	if rounds < 1 {
		return b, variant.Errorf("rounds", "must be at least 1, is %d", rounds)
	}
	if _, err := configOf(o, 1); err != nil {
		return b, err
	}
	program, words := self, strings.Fields(other)
	if len(words) > 0 && !strings.HasPrefix(words[0], "-") {
		program, words = words[0], words[1:]
	}
	sides := []struct {
		timed *timed
		argv  []string
	}{{&b.Ours, append([]string{self}, o.words()...)}, {&b.Other, append(append([]string{program}, o.words()...), words...)}}
	for round := range rounds {
		for k := range sides {
			side := sides[(k+round)%2] // who goes first changes
			r, err := process(ctx, side.argv)
			if err != nil {
				return b, err
			}
			side.timed.add([]float64{r.Median})
			side.timed.Least = min(side.timed.Least, r.Least)
			side.timed.Memory = max(side.timed.Memory, float64(r.RSS))
		}
	}
	b.Ratio = over(b.Other.Rounds, b.Ours.Rounds)
	return b, nil
}

// words are the options as this program takes them.
func (o options) words() []string {
	return []string{"--json", "--size", o.Size, "--threads", strconv.Itoa(o.Threads), "--slices", strconv.Itoa(o.Slices), "--precision", o.Precision,
		"--optimizer", o.Optimizer, "--kernels", o.Kernels, "--steps", strconv.Itoa(o.Steps), "--batch", strconv.Itoa(o.Batch)}
}

// process times a step in a process of its own.
func process(ctx context.Context, argv []string) (r result, err error) {
	var said bytes.Buffer
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Stderr = &said
	text, err := cmd.Output()
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return r, ctx.Err()
	case errors.As(err, &exit) && said.Len() > 0:
		why, _, _ := strings.Cut(strings.TrimPrefix(said.String(), "step: "), "\n")
		return r, variant.Errorf("against", "%s", why)
	case err != nil:
		return r, variant.Errorf("against", "%v", err)
	}
	return r, nil
}

func (b beside) print(asJSON bool, out io.Writer) error {
	if asJSON {
		return json.NewEncoder(out).Encode(b)
	}
	row := func(name string, t timed, held string) string {
		return fmt.Sprintf("  %-12s %10.3f %10.3f %8.0f  %s\n", name, t.Median, t.Least, t.Memory, held)
	}
	_, err := fmt.Fprintf(out, "%d rounds\n  %-12s %10s %10s %8s  %s\n%s%s", len(b.Ours.Rounds), "", "ms a step", "least", "MiB", "to ours (range)",
		row("ours", b.Ours, ""), row("the other", b.Other, b.Ratio.String()))
	return err
}
