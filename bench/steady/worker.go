package steady

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/outcrop-lab/outcrop/compute"
	"github.com/outcrop-lab/outcrop/experiments/worker"
)

// StatusFile is the name of the file in a run's folder with the worker's /proc/self/status at its end. Memory is read
// from it, because getrusage would count what the parent had when it forked.
const StatusFile = "status"

// Work trains the run of a folder as a worker process, and then writes StatusFile there.
func Work(dir string) error {
	compute.Quiet()
	if err := worker.Work(context.Background(), dir, os.Stdin, os.Stdout); err != nil {
		return err
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, StatusFile), status, 0o666)
}

// HighWater returns VmHWM of a process's status, its largest resident memory so far, MiB. It is 0 if the status has
// none.
func HighWater(status []byte) float64 {
	_, after, _ := strings.Cut(string(status), "VmHWM:")
	line, _, _ := strings.Cut(after, " kB")
	kib, _ := strconv.ParseFloat(strings.TrimSpace(line), 64)
	return kib / 1024
}
