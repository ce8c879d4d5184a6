package optim

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/outcrop-lab/outcrop/compute"
	"github.com/outcrop-lab/outcrop/variant"
)

// everyMethod returns each optimizer of the registry, and some with settings that may change what they keep.
func everyMethod(t *testing.T) map[string]Config {
	all := map[string]Config{}
	for name := range optimizers {
		c := Default()
		c.Slot = variant.New("optimizer", optimizers, name)
		all[name] = c
	}
	for name, change := range map[string]func(m *Muon){
		"muon, embeddings":             func(m *Muon) { m.Embeddings = "muon" },
		"muon, vectors":                func(m *Muon) { m.Vectors = "normalised" },
		"muon, embeddings and vectors": func(m *Muon) { m.Embeddings, m.Vectors = "muon", "normalised" },
	} {
		c := Default()
		c.Slot = variant.New("optimizer", optimizers, "muon")
		change(c.Value.(*Muon))
		all[name] = c
	}
	c := Default()
	c.Slot = variant.New("optimizer", optimizers, "sgd")
	c.Value.(*SGD).Momentum = 0
	all["sgd without momentum"] = c
	for name, c := range all {
		if err := c.Validate(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	return all
}

// Moments agrees with the State of each method, for parameters of every kind.
func TestMoments(t *testing.T) {
	for name, c := range everyMethod(t) {
		on := team(t, 1)
		params, _ := batch(on.Devices[0])
		state := must(c.New(on, params)).State()
		for _, p := range params {
			kept := 0
			for i, of := range state.Names {
				if strings.HasPrefix(of, p.Name+".") {
					kept += state.Buffers[i].Len()
				}
			}
			if want := c.Value.Moments(p.Kind) * p.Value.Len(); kept != want {
				t.Errorf("%s: keeps %d numbers for a %s of %d, but reports %d", name, kept, p.Kind, p.Value.Len(), want)
			}
		}
	}
}

// The forecasts of memory and disk, for 3 elements of matrices and 100 of embeddings and the head, counted by hand.
func TestConfigMoments(t *testing.T) {
	all := everyMethod(t)
	for name, want := range map[string]float64{
		"adam": 206, "adamw": 206, "lion": 103, "sgd": 103, "sgd without momentum": 103, "muon": 203, "muon, embeddings": 103,
	} {
		if got := all[name].Moments(3, 100); got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}

// If the memory of a thread's device runs out at any point while an optimizer is made, that is an error.
func TestMemoryRefused(t *testing.T) {
	for _, name := range slices.Sorted(maps.Keys(optimizers)) {
		c := Default()
		c.Slot = variant.New("optimizer", optimizers, name)
		for refuser := range 2 {
			refusals := 0
			for limit := 64; ; limit += 4096 {
				on := team(t, 2)
				params, _ := batch(on.Devices[0])
				dev := on.Devices[refuser].(*compute.CPU)
				dev.Limit = dev.Bytes() + limit
				_, err := c.New(on, params)
				if err == nil {
					break
				}
				refusals++
				if !errors.Is(err, compute.ErrMemory) || !strings.HasPrefix(err.Error(), "optim: compute: ") {
					t.Errorf("%s with %d bytes: %v", name, limit, err)
				}
			}
			keeps := c.Value.Moments(Matrix) > 0 && refuser == 0 || name == "muon" // muon has scratch on each device
			if refusals == 0 && keeps {
				t.Errorf("%s allocates nothing on device %d", name, refuser)
			}
		}
	}
}
