package trainer

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/outcrop-lab/outcrop/compute"
	"github.com/outcrop-lab/outcrop/probes"
)

// refusing is the environment variable that makes the test binary the process with limited memory.
const refusing = "OUTCROP_TEST_REFUSING"

// TestMemoryRefused limits a process's address space at every point of a run. The process gets compute.ErrMemory and no
// panic, and frees what it took: with as much memory as was enough before, the run succeeds again. The same holds for
// measuring again and for absorbing.
func TestMemoryRefused(t *testing.T) {
	if os.Getenv(refusing) != "" {
		refuse(t)
		return
	}
	if testing.Short() {
		t.Skip("needs the time of some hundred runs: run without -short")
	}
	self := exec.Command(os.Args[0], "-test.run=^TestMemoryRefused$", "-test.v")
	self.Env = append(os.Environ(), refusing+"=1")
	out, err := self.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, "budgets") {
			t.Log(strings.TrimSpace(line))
		}
	}
}

// refuse is the process. Its first run takes the Go memory and the threads that the later ones need, so that the limit
// affects devices only.
//
//nolint:funlen // one scenario, step by step
func refuse(t *testing.T) {
	c := small()
	c.Arch.Layers, c.Arch.Width, c.Arch.Context, c.Arch.EmbedProj = 4, 128, 64, true
	c.Train.Steps, c.Train.Batch, c.Probe.HeldOut = 2, 16, 16
	if err := c.Optim.Choose("muon"); err != nil {
		t.Fatal(err)
	}
	kept := t.TempDir()
	trained := func() error {
		dir, err := os.MkdirTemp(kept, "run")
		if err != nil {
			return err
		}
		_, err = Run(t.Context(), c, Options{Dir: dir, Threads: 2, Recorder: nothing{}})
		return errors.Join(err, os.RemoveAll(dir))
	}
	if _, err := Run(t.Context(), c, Options{Dir: kept, Threads: 2, Recorder: nothing{}}); err != nil {
		t.Fatal(err)
	}
	measured := func() error {
		return Measure(t.Context(), c, Options{Dir: kept, Threads: 2, Recorder: nothing{}}, []int{2})
	}
	absorbed := func() error {
		_, err := Absorb(c, Options{Dir: kept, Threads: 2}, filepath.Join(kept, "absorbed.safetensors"))
		return err
	}
	paired := func() error { _, err := Pairs(c); return err }
	_ = append([]byte(nil), make([]byte, 256<<20)...) // Go then has these addresses and need not ask for them
	runtime.GC()
	var threads sync.WaitGroup // nor for threads
	for range 32 {
		threads.Go(func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			_ = unix.Nanosleep(&unix.Timespec{Nsec: 3e8}, nil)
		})
	}
	threads.Wait()
	works := map[string]func() error{
		"a run": trained, "measuring again": measured, "absorbing": absorbed, "the pairs": paired,
	}
	for name, work := range works {
		if err := work(); err != nil {
			t.Fatal(err)
		}
		struck := map[string]int{}
		enough := 0
		before := addressSpace(t) + 3<<20 // less than a device takes at once: for what Go maps beside its heap
		for mib := 0; enough == 0; mib += 4 {
			if mib > 1024 {
				t.Fatalf("%s: %d MiB are not enough", name, mib)
			}
			err := within(t, before+mib<<20, work)
			switch {
			case err == nil:
				enough = mib
			case !errors.Is(err, compute.ErrMemory) || !strings.HasSuffix(err.Error(), "MiB of memory: cannot allocate memory"):
				t.Fatalf("%s in %d MiB: %v", name, mib, err)
			default:
				struck[err.Error()]++
			}
		}
		const slack = 8 // MiB, for Go itself and the gaps between the mappings
		for range 10 {
			if err := within(t, before+enough/8*4<<20, work); !errors.Is(err, compute.ErrMemory) {
				t.Errorf("%s in %d MiB: %v", name, enough/8*4, err)
			}
		}
		if err := within(t, before+(enough+slack)<<20, work); err != nil {
			t.Errorf("%s: %d MiB were enough before, and now are not: %v", name, enough, err)
		}
		t.Logf("%s: %d budgets below %d MiB struck in %d ways", name, enough/4, enough, len(struck))
	}
}

// addressSpace returns how many bytes the process has mapped.
func addressSpace(t *testing.T) int {
	t.Helper()
	status, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Fatal(err)
	}
	pages, err := strconv.Atoi(strings.Fields(string(status))[0])
	if err != nil {
		t.Fatal(err)
	}
	return pages * os.Getpagesize()
}

// within calls work while the process may map at most that many bytes.
func within(t *testing.T, bytes int, work func() error) error {
	t.Helper()
	var before unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_AS, &before); err != nil {
		t.Fatal(err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_AS, &unix.Rlimit{Cur: uint64(bytes), Max: before.Max}); err != nil {
		t.Fatal(err)
	}
	done := work()
	if err := unix.Setrlimit(unix.RLIMIT_AS, &before); err != nil {
		t.Fatal(err)
	}
	return done
}

// nothing is a Recorder that discards everything.
type nothing struct{}

func (nothing) Record(int, []probes.Value) error { return nil }

func (nothing) Timing(int, string, float64) error { return nil }

// Whatever was recorded is made durable before a checkpoint appears under its name, and no checkpoint appears if that
// fails.
func TestRowsAreDurableBeforeACheckpoint(t *testing.T) {
	c := small()
	c.Checkpoint.Every, c.Train.Steps = 2, 4
	dir, seen := t.TempDir(), 0
	durable := func() error {
		kept, err := Kept(dir)
		if err != nil || len(kept) != min(seen, c.Checkpoint.Keep) {
			t.Errorf("%v are there before number %d, %v", kept, seen, err)
		}
		seen++
		return nil
	}
	if _, err := Run(t.Context(), c, Options{Dir: dir, Recorder: nothing{}, Durable: durable}); err != nil || seen < 2 {
		t.Errorf("%d checkpoints, %v", seen, err)
	}
	dir = t.TempDir()
	failing := errors.New("no disk")
	_, err := Run(t.Context(), c, Options{Dir: dir, Recorder: nothing{}, Durable: func() error { return failing }})
	if kept, _ := Kept(dir); !errors.Is(err, failing) || len(kept) > 0 {
		t.Errorf("%v, with the checkpoints %v", err, kept)
	}
}
