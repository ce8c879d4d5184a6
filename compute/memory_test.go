package compute

import (
	"errors"
	"testing"
)

// TestMemoryRefused: an allocation that does not fit returns an error that says how much was asked for, takes nothing
// and leaves the device as it was. After Free there is room again.
func TestMemoryRefused(t *testing.T) {
	dev, err := NewCPU("", Float32)
	if err != nil {
		t.Fatal(err)
	}
	defer dev.Free()
	dev.Limit = dev.Bytes() + 5<<20
	first, err := dev.Alloc(1 << 20)
	if err != nil {
		t.Fatal(err)
	}
	before, scratch := dev.Bytes(), dev.Scratch()
	attention := Attention{B: 1, T: 1 << 15, H: 4, KV: 4, E: 128, Rope: true, Theta: 1e4, Turn: 128, ALiBi: true}
	for want, take := range map[string]func() error{
		"compute: 2 MiB of memory: cannot allocate memory": func() error {
			_, err := dev.Alloc(2<<18 - 1)
			return err
		},
		"compute: 3 MiB of memory: cannot allocate memory": func() error {
			_, err := dev.AllocInts(2<<18 + 1)
			return err
		},
		"compute: 16 MiB of memory: cannot allocate memory": func() error { return dev.Prepare(attention) },
		"compute: 1099511627776 MiB of memory: cannot allocate memory": func() error {
			_, err := dev.Alloc(1 << 58)
			return err
		},
	} {
		if err := take(); !errors.Is(err, ErrMemory) || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	if dev.Bytes() != before || dev.Scratch() != scratch {
		t.Errorf("%d bytes, %d of them scratch, after refusals; want %d and %d", dev.Bytes(), dev.Scratch(), before, scratch)
	}
	dev.Scale(first, 2)
	dev.Free()
	if _, err := dev.Alloc(1 << 20); err != nil {
		t.Error(err)
	}

	endless, err := NewCPU("", Float32)
	if err != nil {
		t.Fatal(err)
	}
	defer endless.Free()
	if _, err := endless.Alloc(1 << 58); !errors.Is(err, ErrMemory) {
		t.Errorf("the system gives 2^60 bytes: %v", err)
	}
}
