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

// StatusFile is the name of a file in a run's folder. It holds the worker's /proc/self/status, copied when the worker
// has finished. The worker's memory is read from this file, because getrusage would also count the memory that the
// parent had when it forked.
const StatusFile = "status"

// Work trains the run of the folder dir in this process, as a worker, and then writes StatusFile into dir.
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

// HighWater returns, in MiB, the largest resident memory of a process so far. It reads the field VmHWM of the process's
// status, and returns 0 if the status does not have this field.
func HighWater(status []byte) float64 {
	_, after, _ := strings.Cut(string(status), "VmHWM:")
	line, _, _ := strings.Cut(after, " kB")
	kib, _ := strconv.ParseFloat(strings.TrimSpace(line), 64)
	return kib / 1024
}
