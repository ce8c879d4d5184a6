package trainer

import (
	"testing"

	"github.com/outcrop-lab/outcrop/compute"
)

// The parts add up to what the devices gave, and each is what it is by hand. A slice has R rows of D channels: at the end of its
// forward pass lie there the embedded tokens, and of each of L blocks two norms, qkv (3 D), attention's output, the stream
// after each sub-layer, and the MLP before and after its activation (4 D each); the last norm; the logits, where their
// gradient comes to lie. The backward pass adds two D, one of 3 D and one of 4 D, which its ops pass on to each other, and uses what it has read. The held-out graph has
// statistics of its own and nothing else.
func TestMemory(t *testing.T) {
	c := small()
	c.Arch.Width, c.Train.Batch, c.Train.Slices = 32, 16, 2
	r, err := newTraining(c, Options{Threads: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer r.close()
	for range 2 { // the second takes nothing more
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
		if got.Total() != sum {
			t.Errorf("the parts are %d bytes, the devices gave %d", got.Total(), sum)
		}
		const V, D, L, H, R = 65, 32, 2, 2, 8 * 16
		params := 4 * (2*V*D + L*(12*D*D+2*D) + D)
		statistics := (2*L + 1) + L*H + 1 + 2 // of norms, attention and loss, tokens and targets
		activations := 2 * 4 * R * (D*(5*L+2+2) + 3*D*(L+1) + 4*D*(2*L+1) + V + 2*statistics)
		const op = 64 // bytes by which a value is known, or to which memory is rounded
		for _, part := range []struct {
			name      string
			got, want int
			ops       int
		}{
			{"parameters", got.Params, params, 0},
			{"gradients", got.Gradients, params + 4*(V*D+(2*L+1)*D), 0}, // the second slice adds its matrices' to the first's
			{"optimizer", got.Optimizer, 2 * params, 100},
			{"activations", got.Activations, activations, 2 * 150},
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
