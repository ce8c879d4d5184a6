package steady

import "testing"

func TestHighWater(t *testing.T) {
	if got := HighWater([]byte("VmPeak:\t 9 kB\nVmHWM:\t    2560 kB\nVmRSS:\t 1 kB\n")); got != 2.5 {
		t.Errorf("2,560 KiB: %v MiB, want 2.5", got)
	}
	if got := HighWater(nil); got != 0 {
		t.Errorf("an empty status: %v MiB, want 0", got)
	}
}
