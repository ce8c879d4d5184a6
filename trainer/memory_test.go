package trainer

import (
	"testing"

	"github.com/outcrop-lab/outcrop/compute"
)

// The parts add up to what the devices allocated, and each equals its size computed by hand. A slice has R rows of D
// channels. After its forward pass it holds the embedded tokens; for each of L blocks two norms, qkv (3 D), attention's
// output, the stream after each sub-layer, and the MLP before and after its activation (4 D each); the last norm; and
// the logits, whose gradient takes their place. The backward pass adds two D, one of 3 D and one of 4 D, which its ops
// pass to each other, and reuses the buffers that it has read. The held-out graph has only statistics of its own.
func TestMemory(t *testing.T) {
	c := small()
	c.Arch.Width, c.Train.Batch, c.Train.Slices = 32, 16, 2
	r, err := newTraining(c, Options{Threads: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer r.close()
	for range 2 { // the second run allocates nothing more
		if err := r.gradient(0); err != nil {
			t.Fatal(err)
		}
		if _, err := r.measure(0); err != nil {
			t.Fatal(err)
		}
		devices := []*compute.CPU{r.device, r.measuring.device, r.slices[0].device, r.slices[1].device, r.beside[0]}
		sum := 0
		for _, d := range devices {
			sum += d.Bytes()
		}
		got := r.memory()
		if int(got.Total()) != sum {
			t.Errorf("the parts are %.0f bytes, the devices allocated %d", got.Total(), sum)
		}
		const V, D, L, H, R = 65, 32, 2, 2, 8 * 16
		params := 4 * (2*V*D + L*(12*D*D+2*D) + D)
		statistics := (2*L + 1) + L*H + 1 + 2 // of norms, attention and loss; tokens and targets
		activations := 2 * 4 * R * (D*(5*L+2+2) + 3*D*(L+1) + 4*D*(2*L+1) + V + 2*statistics)
		const op = 64 // bytes per descriptor of a value, or of rounding
		for _, part := range []struct {
			name      string
			got, want int
			ops       int
		}{
			{"parameters", int(got.Params), params, 0},
			// the second slice accumulates its matrix gradients into the first's
			{"gradients", int(got.Gradients), params + 4*(V*D+(2*L+1)*D), 0},
			{"optimizer", int(got.Optimizer), 2 * params, 100},
			{"activations", int(got.Activations), activations, 2 * 150},
		} {
			if part.got < part.want || part.got > part.want+op*part.ops {
				t.Errorf("%s: %d bytes, want %d", part.name, part.got, part.want)
			}
		}
		if got.Measuring == 0 || got.Scratch == 0 {
			t.Errorf("%+v", got)
		}
	}
}
