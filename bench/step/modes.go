package main

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// mode is one way in which the peer can run: what is compiled, how attention is written, and the setup.
type mode struct {
	Mode      string `json:"mode"` // "eager", "compile", "max-autotune", "cpp-wrapper"
	Attention string `json:"attention"`
	Setup     setup  `json:"setup"`
}

// setup is how the environment of the peer's process is set up.
type setup string

const (
	tuned     setup = "tuned"
	installed setup = "as installed"
	// avx2 makes MKL use AVX2, as it does by default on other makers' processors.
	avx2 setup = "as installed, MKL at AVX2"
)

// String returns mode/attention, and the setup if it is not tuned.
func (m mode) String() string {
	name := m.Mode + "/" + m.Attention
	if m.Setup == tuned {
		return name
	}
	return name + ", " + string(m.Setup)
}

// parseModes parses a list such as "eager/sdpa,compile/baddbmm".
func parseModes(list string) (all []mode, err error) {
	for _, text := range strings.Split(list, ",") {
		how, attention, found := strings.Cut(text, "/")
		if !found || how == "" || attention == "" {
			return nil, fmt.Errorf("a mode of the peer is written mode/attention, as in compile/baddbmm: %q", text)
		}
		all = append(all, mode{how, attention, tuned})
	}
	return all, nil
}

// ways returns the requested modes, tuned; then the eager ones as installed; then, if requested, the eager ones as
// installed with MKL at AVX2.
func (b *bench) ways() []mode {
	all := slices.Clone(b.modes)
	for _, s := range []setup{installed, avx2} {
		for _, m := range b.modes {
			if m.Mode == "eager" && (s != avx2 || b.avx2) {
				all = append(all, mode{m.Mode, m.Attention, s})
			}
		}
	}
	return all
}

// peer starts a child that runs PyTorch's step.
func (b *bench) peer(ctx context.Context, size string, threads int, m mode) (*child, error) {
	return begin(m.String()+" at "+size, b.python3(ctx, threads, m, "--size", size))
}

// python3 returns the command that runs the peer's script in that mode.
func (b *bench) python3(ctx context.Context, threads int, m mode, args ...string) *exec.Cmd {
	args = append([]string{"-c", peerScript, "--threads", strconv.Itoa(threads), "--mode", m.Mode, "--attention",
		m.Attention, "--precision", b.Precision}, args...)
	cmd := exec.CommandContext(ctx, b.python, args...)
	cmd.Env = plain()
	if m.Setup == tuned {
		cmd.Env = b.tuning.env(threads)
	}
	if m.Setup == avx2 {
		cmd.Env = append(cmd.Env, "MKL_ENABLE_INSTRUCTIONS=AVX2")
	}
	cmd.Env = append(cmd.Env, "TMPDIR="+b.dir, "TORCHINDUCTOR_CACHE_DIR="+filepath.Join(b.dir, "inductor"))
	return cmd
}
