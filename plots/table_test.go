package plots

import (
	"bytes"
	"encoding/json"
	"math"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/outcrop-lab/outcrop/fit"
	"github.com/outcrop-lab/outcrop/plots/plotstest"
)

// Every figure's table of the fixture equals its golden table, and so do the tables that do not come from the store.
// Numbers are compared to six significant digits, finer than any picture shows, because the last bits of a float64
// depend on the processor (fused multiply-add).
func TestGoldenTables(t *testing.T) {
	db := fixture(t)
	for _, name := range Names() {
		t.Run(name, func(t *testing.T) {
			table, err := Read(db, plotstest.Sweep, name)
			if err != nil {
				t.Fatal(err)
			}
			plotstest.Golden(t, filepath.Join("testdata", name+".json"), readable(t, table))
		})
	}
	others := map[string]Table{"columns": columnsFixture(t), "forecast": forecastFixture(true).table(),
		"growth": growthFixture().table()}
	for name, table := range others {
		t.Run(name, func(t *testing.T) { plotstest.Golden(t, filepath.Join("testdata", name+".json"), readable(t, table)) })
	}
	left, err := filepath.Glob("testdata/*.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range left {
		name := strings.TrimSuffix(filepath.Base(path), ".json")
		if _, ok := others[name]; !ok && !slices.Contains(Names(), name) {
			t.Errorf("%s belongs to no figure", path)
		}
	}
}

// columnsFixture returns two series, one with a NaN, and their fits. The emergence curve is not the best and comes
// last.
func columnsFixture(t *testing.T) Table {
	t.Helper()
	emergence := fit.Result{Family: "emergence", R2: .5,
		Params: map[string]float64{"A": 9, "lambda": .12, "gamma": .012, "t0": 1.01, "K": 5.4}}
	constant := fit.Result{Family: "constant", Params: map[string]float64{"K": 6}}
	steps := []float64{0, 10, 100, 1000}
	table, err := columnsTable("two columns", []Column{
		{"one", "step", steps, []float64{5, 6, math.NaN(), 12}, []fit.Result{emergence, constant}},
		{"two\n", "step", steps, []float64{1, 5, 20, 80}, []fit.Result{constant}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return table
}

var (
	numberList = regexp.MustCompile(`\[[-+.,\de\s]*\]`)
	longNumber = regexp.MustCompile(`-?\d+\.\d{6,}(e[-+]?\d+)?`)
)

// readable returns the table as indented JSON with each list of numbers on one line.
func readable(t *testing.T, table Table) []byte {
	t.Helper()
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	if err := e.Encode(table); err != nil {
		t.Fatal(err)
	}
	text := numberList.ReplaceAllFunc(out.Bytes(), func(list []byte) []byte { return bytes.Join(bytes.Fields(list), nil) })
	return longNumber.ReplaceAllFunc(text, func(number []byte) []byte {
		v, err := strconv.ParseFloat(string(number), 64)
		if err != nil {
			t.Fatal(err)
		}
		return strconv.AppendFloat(nil, v, 'g', 6, 64)
	})
}

// The drawing depends on the table alone: a table written as JSON and read again gives the same bytes.
func TestDrawnFromTable(t *testing.T) {
	db := fixture(t)
	for _, name := range Names() {
		table, err := Read(db, plotstest.Sweep, name)
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(table)
		if err != nil {
			t.Fatal(err)
		}
		var again Table
		if err := json.Unmarshal(text, &again); err != nil {
			t.Fatal(err)
		}
		first, err := table.drawing().svg()
		if err != nil {
			t.Fatal(err)
		}
		second, err := again.drawing().svg()
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(first, second) {
			t.Errorf("%s: the drawing shows what the table does not hold", name)
		}
	}
}

func TestColor(t *testing.T) {
	for _, bad := range []string{"", "#123", "123456789", "#1234567g"} {
		if err := new(Color).UnmarshalText([]byte(bad)); err == nil {
			t.Errorf("%q is a color", bad)
		}
	}
}
