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

// ready is the message that a child sends once it has warmed up.
type ready struct {
	Torch     string  `json:"torch,omitempty"`
	Kernels   string  `json:"kernels,omitempty"`
	Threads   int     `json:"threads"`
	Params    int     `json:"params"`
	FirstLoss float64 `json:"first_loss"` // nats per token, before the first update
	Step      float64 `json:"ms"`         // approximate time of a step
	Warm      float64 `json:"warm_seconds"`
}

// answer is the message that a child sends after a turn: the milliseconds of each step.
type answer struct {
	Steps []float64 `json:"ms"`
}

// child is a process that trains by turns. It makes a model and reports that it is ready; then it reads numbers, and
// for each number takes that many steps and answers with their times.
type child struct {
	ready
	name   string
	cmd    *exec.Cmd
	in     io.WriteCloser
	hear   *json.Decoder
	stderr *bytes.Buffer
}

// begin starts a child and waits until it has warmed up.
func begin(name string, cmd *exec.Cmd) (*child, error) {
	c := &child{name: name, cmd: cmd, stderr: new(bytes.Buffer)}
	cmd.Stderr = c.stderr
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

// turn makes the child take n steps and returns their times, milliseconds.
func (c *child) turn(n int) ([]float64, error) {
	if _, err := fmt.Fprintln(c.in, n); err != nil {
		return nil, c.failed(err)
	}
	var a answer
	if err := c.hear.Decode(&a); err != nil {
		return nil, c.failed(err)
	}
	if len(a.Steps) != n {
		return nil, c.failed(fmt.Errorf("got the times of %d steps, want %d", len(a.Steps), n))
	}
	return a.Steps, nil
}

// failed ends the child and returns err with the last lines that the child wrote to standard error.
func (c *child) failed(err error) error {
	c.end()
	return fmt.Errorf("%s: %w\n%s", c.name, err, lastLines(c.stderr.String()))
}

// lastLines returns the last twelve lines of a process's standard error.
func lastLines(stderr string) string {
	stderr, _, _ = strings.Cut(stderr, "nanobind: ") // every process that has loaded PyTorch ends with these lines
	lines := strings.Split(strings.TrimSpace(stderr), "\n")
	return strings.Join(lines[max(0, len(lines)-12):], "\n")
}

// memory returns the child's largest resident memory so far, MiB.
func (c *child) memory() (float64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.cmd.Process.Pid))
	if err != nil {
		return 0, fmt.Errorf("%s: %w", c.name, err)
	}
	return steady.HighWater(status), nil
}

// end closes the child's input and waits until it exits.
func (c *child) end() {
	_ = c.in.Close()
	_ = c.cmd.Wait()
}
