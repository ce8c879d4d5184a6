package variant

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
)

type shape interface{ area() float64 }

type square struct {
	Side float64 `json:"side" doc:"length, cm"`
	Pen  string  `json:"pen" doc:"how it is drawn" enum:"solid,dashed"`
}

func (s *square) area() float64 { return s.Side * s.Side }

type dot struct{}

func (*dot) area() float64 { return 0 }

var shapes = Registry[shape]{
	"square": {New: func() shape { return &square{Side: 2, Pen: "solid"} }, Formula: "side^2", Source: "Euclid"},
	"dot":    {New: func() shape { return &dot{} }},
}

func TestChooseStartsFromDefaults(t *testing.T) {
	s := New("shape", shapes, "square")
	s.Value.(*square).Side = 5
	if err := s.Choose("dot"); err != nil || s.Chosen() != "dot" || s.Value.area() != 0 {
		t.Fatalf("%v %v", s, err)
	}
	if err := s.Choose("square"); err != nil || s.Value.area() != 4 {
		t.Errorf("area %v, want that of the default side, %v", s.Value.area(), err)
	}
	other := New("shape", shapes, "square")
	other.Value.(*square).Side = 7
	if s.Value.area() != 4 {
		t.Error("two slots share their parameters")
	}
	if s.Params() != any(s.Value) {
		t.Error("Params is not the value that is used")
	}
}

func TestUnknownNamesTheNearest(t *testing.T) {
	s := New("shape", shapes, "dot")
	err := s.Choose("squrae")
	want := `unknown shape "squrae", did you mean "square"? (dot, square)`
	if err == nil || err.Error() != want || s.Chosen() != "dot" {
		t.Errorf("%v, slot %q; want %s and the slot as it was", err, s.Chosen(), want)
	}
	if err := s.Choose("hexagon"); err == nil || strings.Contains(err.Error(), "did you mean") {
		t.Errorf("%v: nothing is near", err)
	}
}

func TestNearest(t *testing.T) {
	for _, c := range []struct{ name, want string }{
		{"rmsnrom", "rmsnorm"}, {"RMSNorm", "rmsnorm"}, {"ssnor", "ssnorm"}, {"x", ""}, {"", ""}, {"batch", ""},
	} {
		if got, ok := Nearest(c.name, []string{"rmsnorm", "ssnorm"}); got != c.want || ok != (c.want != "") {
			t.Errorf("%q: %q %v, want %q", c.name, got, ok, c.want)
		}
	}
}

func TestJSON(t *testing.T) {
	for name, want := range map[string]string{"square": `{"name":"square","side":2,"pen":"solid"}`,
		"dot": `{"name":"dot"}`} {
		got, err := json.Marshal(New("shape", shapes, name))
		if err != nil || string(got) != want {
			t.Errorf("%s %v, want %s", got, err, want)
		}
	}
}

func TestNewPanicsOnAnUnknownDefault(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	New("shape", shapes, "round")
}

func TestWithin(t *testing.T) {
	if got := Within("optim", Errorf("lr", "is %d", -1)).Error(); got != "optim.lr: is -1" {
		t.Error(got)
	}
	if got := Within("data", errors.New("gone")).Error(); got != "data: gone" {
		t.Error(got)
	}
}

func TestListWalksAConfiguration(t *testing.T) {
	type inner struct {
		Slot[shape]
		Colour string      `json:"colour"`
		Shade  Slot[shape] `json:"shade"`
	}
	config := struct {
		N    int         `json:"n"`
		Near Slot[shape] `json:"near"`
		Deep struct {
			Far inner `json:"far"`
		} `json:"deep"`
	}{Near: New("shape", shapes, "dot")}
	shades := Registry[shape]{"dot": {Alias: "square", New: shapes["square"].New}, "square": shapes["square"]}
	config.Deep.Far.Slot, config.Deep.Far.Shade = New("shape", shapes, "square"), New("shade", shades, "square")
	square := []Param{{Name: "side", Default: 2.0, Doc: "length, cm"},
		{Name: "pen", Default: "solid", Doc: "how it is drawn", Enum: []string{"solid", "dashed"}}}
	want := []Listed{
		{Slot: "near", Name: "dot", Params: []Param{}},
		{Slot: "near", Name: "square", Formula: "side^2", Source: "Euclid", Params: square},
		{Slot: "deep.far", Name: "dot", Params: []Param{}},
		{Slot: "deep.far", Name: "square", Formula: "side^2", Source: "Euclid", Params: square},
		{Slot: "deep.far.shade", Name: "dot", Formula: "another name of square: side^2", Source: "Euclid", Params: square},
		{Slot: "deep.far.shade", Name: "square", Formula: "side^2", Source: "Euclid", Params: square},
	}
	if got := List(&config); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestCheckEnums(t *testing.T) {
	if err := CheckEnums(&square{Pen: "dashed"}); err != nil {
		t.Error(err)
	}
	want := `pen: unknown pen "dahsed", did you mean "dashed"? (solid, dashed)`
	if err := CheckEnums(&square{Pen: "dahsed"}); err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}
