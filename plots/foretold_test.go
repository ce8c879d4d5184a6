package plots

import (
	"bytes"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func forecastFixture(measured bool) Forecast {
	f := Forecast{Name: "mine <b>\x01", Source: "The predictor has not seen it."}
	for layer := range 3 {
		l := Foretold{Layer: layer}
		for step := 0.; step <= 800; step += 50 {
			l.Steps = append(l.Steps, step)
			l.Value, l.Low, l.High = append(l.Value, 5+step/50), append(l.Low, 4+step/100), append(l.High, 6+step/20)
		}
		if measured {
			l.Measured = []Measured{{Run: "0123456789abcdef", Seed: 3, Steps: []float64{0, 400}, Values: []float64{5.5, 11}}}
		}
		f.Layers = append(f.Layers, l)
	}
	return f
}

// A forecast has the same bytes when it is drawn again, in both formats. It names the runs whose measurements it shows,
// and shows its warning.
func TestForecast(t *testing.T) {
	for _, extension := range []string{".svg", ".png"} {
		first, second := filepath.Join(t.TempDir(), "a"+extension), filepath.Join(t.TempDir(), "b"+extension)
		drawn, err := DrawForecast(first, forecastFixture(true))
		if err != nil {
			t.Fatal(err)
		}
		caption := drawn.Caption
		if _, err := DrawForecast(second, forecastFixture(true)); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(content(t, first), content(t, second)) {
			t.Errorf("%s differs when drawn again", extension)
		}
		if !strings.Contains(caption, "of mine <b>·") || !strings.Contains(caption, "the runs 01234567 (seed 3).") ||
			!strings.Contains(caption, "has not seen it") {
			t.Errorf("caption %q", caption)
		}
		if extension == ".png" {
			if _, err := png.Decode(bytes.NewReader(content(t, first))); err != nil {
				t.Error(err)
			}
			continue
		}
		validXML(t, content(t, first))
		for _, label := range []string{"block 2", "predicted", "90 % interval", "measured", stepLabel, ratioLabel} {
			if !bytes.Contains(content(t, first), []byte(label)) {
				t.Errorf("the SVG lacks the text %q", label)
			}
		}
	}
	bare := forecastFixture(false)
	bare.Warning = "EXTRAPOLATED: layers"
	path := filepath.Join(t.TempDir(), "c.svg")
	drawn, err := DrawForecast(path, bare)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(drawn.Caption, "EXTRAPOLATED: layers") ||
		!strings.Contains(drawn.Caption, "No run of this architecture") ||
		!bytes.Contains(content(t, path), []byte("EXTRAPOLATED: layers")) ||
		bytes.Contains(content(t, path), []byte("measured")) {
		t.Errorf("caption %q", drawn.Caption)
	}
	wrong := filepath.Join(t.TempDir(), "d.pdf")
	if _, err := DrawForecast(wrong, bare); err == nil {
		t.Error("a .pdf was drawn")
	}
	if _, err := os.Stat(wrong); err == nil {
		t.Error("a file was written")
	}
}
