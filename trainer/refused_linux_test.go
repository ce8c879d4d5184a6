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

// refusing names the environment variable by which the test binary becomes the process whose memory is limited.
const refusing = "OUTCROP_TEST_REFUSING"

// TestMemoryRefused: a process whose address space ends, wherever in a run that is, gets compute.ErrMemory and no
// panic, and gives back what it took: with as much as was enough before, the run goes through again. The same is true
// of measuring again and of absorbing.
func TestMemoryRefused(t *testing.T) {
	if os.Getenv(refusing) != "" {
		refuse(t)
		return
	}
	if testing.Short() {
		t.Skip("some hundred runs")
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

// refuse is the process. Its first run takes of Go's memory and of threads what the later ones need, so that the limit
// strikes devices alone.
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
	_ = append([]byte(nil), make([]byte, 256<<20)...) // addresses that Go has, it need not ask for
	runtime.GC()
	var threads sync.WaitGroup // nor threads
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
		before := addressSpace(t) + 3<<20 // less than a device takes at once: it is for what Go maps beside its heap
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
		const slack = 8 // MiB: Go's own, and what lies between the mappings
		for range 10 {
			if err := within(t, before+enough/8*4<<20, work); !errors.Is(err, compute.ErrMemory) {
				t.Errorf("%s in %d MiB: %v", name, enough/8*4, err)
			}
		}
		if err := within(t, before+(enough+slack)<<20, work); err != nil {
			t.Errorf("%s: %d MiB were enough, and are no more: %v", name, enough, err)
		}
		t.Logf("%s: %d budgets below %d MiB struck in %d ways", name, enough/4, enough, len(struck))
	}
}

// addressSpace is what the process has mapped, bytes.
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

// within does work while the process may map so many bytes.
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

// nothing is a recorder that keeps nothing.
type nothing struct{}

func (nothing) Record(int, []probes.Value) error { return nil }

func (nothing) Timing(int, string, float64) error { return nil }
