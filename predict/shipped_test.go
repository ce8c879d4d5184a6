package predict

import (
	"bytes"
	"math"
	"strings"
	"testing"

	"github.com/outcrop-lab/outcrop/configs"
)

// The shipped predictor reproduces the example of its card to 1e-6; another machine may round differently.
func TestShippedExample(t *testing.T) {
	p, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	first := p.table.Archs[0]
	predicted, err := p.Predict(first.Arch, false)
	if err != nil || predicted.LeftOut != first.Name {
		t.Fatalf("left out %q, want %q (%v)", predicted.LeftOut, first.Name, err)
	}
	if len(predicted.Layers) != len(p.Card.Example) || first.Layers() != len(p.Card.Example) {
		t.Fatalf("%d layers, the card has %d", len(predicted.Layers), len(p.Card.Example))
	}
	for l, layer := range predicted.Layers {
		for i, v := range layer.values() {
			if want := p.Card.Example[l][i]; math.Abs(v-want) > 1e-6*math.Abs(want) {
				t.Errorf("layer %d, %s: %g, want the card's %g", l, p.Card.Targets[i].Name, v, want)
			}
		}
	}
}

// The shipped table has at least 40 architectures of 2 to 8 layers and widths of 32 to 128, with two seeds each, from
// the embedded sweep. card.md is the text of card.json.
func TestShippedTable(t *testing.T) {
	p, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := configs.Sweep(p.Card.Sweep); !ok {
		t.Errorf("the sweep %q is not embedded", p.Card.Sweep)
	}
	d := p.domain
	if len(p.table.Archs) < 40 || d.low["arch.layers"] != 2 || d.high["arch.layers"] != 8 || d.low["arch.width"] != 32 ||
		d.high["arch.width"] != 128 {
		t.Errorf("%d architectures, layers %g to %g, width %g to %g", len(p.table.Archs), d.low["arch.layers"],
			d.high["arch.layers"], d.low["arch.width"], d.high["arch.width"])
	}
	seen := map[[3]int]bool{}
	for _, r := range p.table.Rows {
		seen[[3]int{r.Arm, r.Layer, int(r.Seed)}] = true
	}
	for i, a := range p.table.Archs {
		for l := range a.Layers() {
			for seed := range 2 {
				if !seen[[3]int{i, l, seed}] {
					t.Errorf("%s, layer %d, seed %d has no fit", a.Name, l, seed)
				}
			}
		}
	}
	var text bytes.Buffer
	if err := p.Card.Print(&text); err != nil || text.String() != CardText() {
		t.Errorf("card.md is not the text of card.json (%v)", err)
	}
	for _, c := range p.Card.Targets {
		if c.Coverage < .8 || c.Coverage > .98 { // the nominal coverage is .9
			t.Errorf("%s: %.2f of the series left out lie within the 90 %% interval", c.Name, c.Coverage)
		}
	}
}

// Load refuses a card that was made from another table.
func TestLoadRefusesAnotherTable(t *testing.T) {
	before := fitsCSV
	defer func() { fitsCSV = before }()
	fitsCSV = bytes.Replace(before, []byte(",800\n"), []byte(",801\n"), 1)
	if _, err := Load(); err == nil || !strings.Contains(err.Error(), "run make predictor") {
		t.Errorf("error %v", err)
	}
}
