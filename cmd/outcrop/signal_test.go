package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// The first signal ends a verb soon, whatever it is doing, with exit code 130.
func TestFirstSignalEndsEveryVerb(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o666); err != nil {
		t.Fatal(err)
	}
	silent, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = silent.Close(), writer.Close() }()
	many := filepath.Join(dir, "many.yaml")
	const draws = "name: many\nbase: {arch: {layers: 1, width: 16, heads: 2}}\n" +
		"random: {count: 60000, seed: 1, optim.lr: {log_uniform: [1e-4, 1e-2]}}\n"
	if err := os.WriteFile(many, []byte(draws), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		signal syscall.Signal
		args   []string
	}{
		{"a table that nobody writes", syscall.SIGINT, []string{"fit", "--csv", fifo}},
		{"a text that does not end", syscall.SIGTERM, []string{"tokenizer", "encode", "opticks-1024", "-"}},
		{"a plan of many runs", syscall.SIGTERM, []string{"plan", many, "--results", dir}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := &process{Cmd: exec.Command(os.Args[0], c.args...)}
			p.Stdin, p.Stdout, p.Stderr = silent, &p.out, &p.err
			if err := p.Start(); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = p.Process.Kill() })
			time.Sleep(time.Second)
			if err := p.Process.Signal(c.signal); err != nil {
				t.Fatal(err)
			}
			sent := time.Now()
			if code := p.exit(t); code != exitInterrupted {
				t.Errorf("exit %d: %s", code, p.err.String())
			}
			if took := time.Since(sent); took > 5*time.Second {
				t.Errorf("ended %v after the signal", took)
			}
		})
	}
}
