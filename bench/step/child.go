package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"

	"github.com/outcrop-lab/outcrop/bench/steady"
)

// ready is what a child says once it is warm.
type ready struct {
	Torch     string  `json:"torch,omitempty"`
	Kernels   string  `json:"kernels,omitempty"`
	Threads   int     `json:"threads"`
	Params    int     `json:"params"`
	FirstLoss float64 `json:"first_loss"` // nats per token, before the first update
	Step      float64 `json:"ms"`         // a step, about
	Warm      float64 `json:"warm_seconds"`
}

// answer is what it says of a turn: milliseconds of each step.
type answer struct {
	Steps []float64 `json:"ms"`
}

// child is a process that trains by turns: it makes a model, says that it is ready, and for every number that it is told
// takes so many steps and answers with their times.
type child struct {
	ready
	name  string
	cmd   *exec.Cmd
	in    io.WriteCloser
	hear  *json.Decoder
	moans *bytes.Buffer // what it said on standard error
}

// begin starts a child and waits until it is warm.
func begin(name string, cmd *exec.Cmd) (*child, error) {
	c := &child{name: name, cmd: cmd, moans: new(bytes.Buffer)}
	cmd.Stderr = c.moans
	var err error
	if c.in, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	c.hear = json.NewDecoder(out)
	if err := c.hear.Decode(&c.ready); err != nil {
		return nil, c.failed(err)
	}
	return c, nil
}

// turn has the child take n steps.
func (c *child) turn(n int) ([]float64, error) {
	if _, err := fmt.Fprintln(c.in, n); err != nil {
		return nil, c.failed(err)
	}
	var a answer
	if err := c.hear.Decode(&a); err != nil {
		return nil, c.failed(err)
	}
	if len(a.Steps) != n {
		return nil, c.failed(fmt.Errorf("%d steps were asked for, %d came", n, len(a.Steps)))
	}
	return a.Steps, nil
}

// failed ends the child, and says why with the last that it wrote to standard error.
func (c *child) failed(err error) error {
	c.end()
	return fmt.Errorf("%s: %w\n%s", c.name, err, lastWords(c.moans.String()))
}

// lastWords are the last lines that a process wrote to standard error.
func lastWords(said string) string {
	said, _, _ = strings.Cut(said, "nanobind: ") // with which every process ends that has loaded PyTorch
	lines := strings.Split(strings.TrimSpace(said), "\n")
	return strings.Join(lines[max(0, len(lines)-12):], "\n")
}

// memory is the child's largest resident memory so far, MiB.
func (c *child) memory() (float64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.cmd.Process.Pid))
	if err != nil {
		return 0, fmt.Errorf("%s: %w", c.name, err)
	}
	return steady.HighWater(status), nil
}

func (c *child) end() {
	_ = c.in.Close()
	_ = c.cmd.Wait()
}
