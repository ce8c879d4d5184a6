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

// comparison compares our step with another step of ours.
type comparison struct {
	Ours  timed `json:"ours"`
	Other timed `json:"other"`
	Ratio ratio `json:"ratio"` // the other's time over ours
}

// against times the step of this program, self, and another step by turns, each time in a new process, because the
// placement of memory makes processes differ. The other is self with further options (`--optimizer muon`), or another
// build of it, with its options after its name. Both get the options o first.
func against(ctx context.Context, self string, o options, other string, rounds int) (b comparison, err error) {
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
	}{{&b.Ours, append([]string{self}, o.words()...)},
		{&b.Other, append(append([]string{program}, o.words()...), words...)}}
	for round := range rounds {
		for k := range sides {
			side := sides[(k+round)%2] // each round begins with another side
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

// words returns the options as command-line arguments of this program.
func (o options) words() []string {
	return []string{"--json", "--size", o.Size, "--threads", strconv.Itoa(o.Threads), "--slices", strconv.Itoa(o.Slices),
		"--precision", o.Precision, "--optimizer", o.Optimizer, "--kernels", o.Kernels,
		"--steps", strconv.Itoa(o.Steps), "--batch", strconv.Itoa(o.Batch)}
}

// process times a step in a new process.
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

func (b comparison) print(asJSON bool, out io.Writer) error {
	if asJSON {
		return json.NewEncoder(out).Encode(b)
	}
	row := func(name string, t timed, held string) string {
		return fmt.Sprintf("  %-12s %10.3f %10.3f %8.0f  %s\n", name, t.Median, t.Least, t.Memory, held)
	}
	_, err := fmt.Fprintf(out, "%d rounds\n  %-12s %10s %10s %8s  %s\n%s%s", len(b.Ours.Rounds), "", "ms a step", "least",
		"MiB", "to ours (range)",
		row("ours", b.Ours, ""), row("the other", b.Other, b.Ratio.String()))
	return err
}
