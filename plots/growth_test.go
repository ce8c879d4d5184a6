package plots

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

func growthFixture() Growth {
	return Growth{Title: "Growth", Setting: "one <thread>", Panels: []GrowthPanel{
		{Name: "width", Unit: "channels", At: []float64{1, 2, 4}, Cost: []float64{1, 3, 12}, Low: []float64{1, 2, 11},
			High: []float64{2, 4, 13},
			Work: []float64{10, 40, 160}, Base: 1, Slope: 2, Theory: 1.75},
		{Name: "context", Unit: "tokens", At: []float64{512, 1024}, Cost: []float64{3, 6}, Low: []float64{3, 6},
			High: []float64{3, 6}, Work: []float64{40, 80}, Slope: 1, Theory: 1},
	}}
}

// The figure has the same bytes when it is drawn again, in both formats, and shows slopes, numbers and units. The
// theoretical line passes through the base and has the ratios of the operations.
func TestGrowth(t *testing.T) {
	for _, extension := range []string{".svg", ".png"} {
		first, second := filepath.Join(t.TempDir(), "a"+extension), filepath.Join(t.TempDir(), "b"+extension)
		for _, path := range []string{first, second} {
			if err := DrawGrowth(path, growthFixture()); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(content(t, first), content(t, second)) {
			t.Errorf("%s differs when drawn again", extension)
		}
		if extension == ".png" {
			continue
		}
		validXML(t, content(t, first))
		for _, label := range []string{"width: slope 2.00, theory", "width (channels)", "context (tokens)", "1,024",
			"ms a step", "one &lt;thread&gt;"} {
			if !bytes.Contains(content(t, first), []byte(label)) {
				t.Errorf("the SVG lacks the text %q", label)
			}
		}
	}
	if got := growthFixture().Panels[0].scaled(); got[0] != .75 || got[1] != 3 || got[2] != 12 {
		t.Errorf("the theoretical line passes through %v, want .75, 3, 12", got)
	}
	wrong := filepath.Join(t.TempDir(), "c.pdf")
	if err := DrawGrowth(wrong, growthFixture()); err == nil {
		t.Error("a .pdf was drawn")
	}
	if _, err := os.Stat(wrong); err == nil {
		t.Error("a file was written")
	}
}
