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

// ways are the modes asked for, and those that do not compile as installed too.
func (b *bench) ways() []mode {
	all := slices.Clone(b.modes)
	for _, m := range b.modes {
		if m.Mode == "eager" {
			all = append(all, mode{m.Mode, m.Attention, false})
		}
	}
	return all
}

// peer is PyTorch's as a child.
func (b *bench) peer(ctx context.Context, size string, threads int, m mode) (*child, error) {
	return begin(m.String()+" at "+size, b.python3(ctx, threads, m, "--size", size))
}

// python3 is the command that runs the peer's script.
func (b *bench) python3(ctx context.Context, threads int, m mode, args ...string) *exec.Cmd {
	args = append([]string{"-c", peerScript, "--threads", strconv.Itoa(threads), "--mode", m.Mode, "--attention", m.Attention, "--precision", b.Precision}, args...)
	cmd := exec.CommandContext(ctx, b.python, args...)
	cmd.Env = plain()
	if m.Tuned {
		cmd.Env = b.tuning.env(threads)
	}
	cmd.Env = append(cmd.Env, "TMPDIR="+b.dir, "TORCHINDUCTOR_CACHE_DIR="+filepath.Join(b.dir, "inductor"))
	return cmd
}
