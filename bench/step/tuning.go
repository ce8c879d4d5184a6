package main

import (
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/klauspost/cpuid/v2"
)

//go:embed peer/step.py
var peerScript string

//go:embed peer/intel.c
var intelSource string

// tuning is how the peer's processes are tuned through their environment.
type tuning struct {
	// Allocator is the path of jemalloc, or "glibc".
	Allocator string `json:"allocator"`
	// Intel reports whether MKL is told that the processor is an Intel one.
	Intel bool `json:"mkl_told_intel"`
	// Environment lists the variables that are set in addition to the numbers of threads.
	Environment []string `json:"environment"`
}

// preset has the prefixes of variables that tuning sets or that would interfere with it. If the environment has any, no
// peer gets them, tuned or not.
var preset = []string{"LD_PRELOAD", "MALLOC_", "OMP_", "MKL_", "KMP_", "GOMP_", "OPENBLAS_", "TORCH"}

// plain returns the environment without the variables in preset.
func plain() (env []string) {
	for _, v := range os.Environ() {
		if !slices.ContainsFunc(preset, func(p string) bool { return strings.HasPrefix(v, p) }) {
			env = append(env, v)
		}
	}
	return env
}

// tune returns the tuning for this machine, and builds what that needs in dir. jemalloc is the library to preload; if
// empty, tune asks the loader for one.
func tune(dir, jemalloc string) (t tuning, err error) {
	var preload []string
	if jemalloc == "" {
		jemalloc = known("libjemalloc.so")
	} else if _, err := os.Stat(jemalloc); err != nil {
		return t, err
	}
	if t.Allocator = jemalloc; jemalloc != "" {
		preload = append(preload, jemalloc)
		t.Environment = append(t.Environment, "MALLOC_CONF=dirty_decay_ms:-1,muzzy_decay_ms:-1")
	} else {
		// The same with glibc: freed memory stays with the process.
		t.Allocator = "glibc"
		t.Environment = append(t.Environment, "MALLOC_TRIM_THRESHOLD_=68719476736", "MALLOC_MMAP_MAX_=0",
			"MALLOC_TOP_PAD_=67108864")
	}
	if t.Intel = cpuid.CPU.VendorID != cpuid.Intel; t.Intel {
		file, err := build(dir)
		if err != nil {
			return t, err
		}
		preload = append(preload, file)
	}
	if len(preload) > 0 {
		t.Environment = append(t.Environment, "LD_PRELOAD="+strings.Join(preload, " "))
	}
	return t, nil
}

// env returns the environment of a tuned peer.
func (t tuning) env(threads int) []string {
	return append(append(plain(), t.Environment...), fmt.Sprintf("OMP_NUM_THREADS=%d", threads),
		fmt.Sprintf("MKL_NUM_THREADS=%d", threads))
}

// known returns the path of a shared library that the loader knows, or "".
func known(name string) string {
	list, _ := exec.Command("ldconfig", "-p").Output()
	for line := range strings.Lines(string(list)) {
		if before, path, found := strings.Cut(strings.TrimSpace(line), " => "); found && strings.HasPrefix(before, name) {
			return path
		}
	}
	return ""
}

// build compiles peer/intel.c in dir and returns the library's path.
func build(dir string) (string, error) {
	source, library := filepath.Join(dir, "intel.c"), filepath.Join(dir, "intel.so")
	if err := os.WriteFile(source, []byte(intelSource), 0o666); err != nil {
		return "", err
	}
	compiler := os.Getenv("CC")
	if compiler == "" {
		compiler = "cc"
	}
	if said, err := exec.Command(compiler, "-shared", "-fPIC", "-O2", "-o", library, source).CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the library for MKL (peer/intel.c): %w\n%s", err, said)
	}
	return library, nil
}
