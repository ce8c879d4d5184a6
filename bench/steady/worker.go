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

// StatusFile is what the system says of a worker's process as it ends, in its run's folder: getrusage would count the memory that
// its parent had when it forked.
const StatusFile = "status"

// Work is the process of a worker: it trains the run of a folder. The last that it does is to leave StatusFile there.
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

// HighWater is VmHWM of a process's status, its largest resident memory so far, MiB; 0 where it does not stand there.
func HighWater(status []byte) float64 {
	_, after, _ := strings.Cut(string(status), "VmHWM:")
	line, _, _ := strings.Cut(after, " kB")
	kib, _ := strconv.ParseFloat(strings.TrimSpace(line), 64)
	return kib / 1024
}
