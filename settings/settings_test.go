package settings

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/outcrop-lab/outcrop/variant"
)

// pen is a slot with a parameter, in a configuration made for the tests.
type pen interface{ stroke() }

type solid struct {
	Width float64 `json:"width" doc:"cm"`
}

func (*solid) stroke() {}

type dashed struct {
	Gaps []int `json:"gaps"`
}

func (*dashed) stroke() {}

var pens = variant.Registry[pen]{
	"solid":  {New: func() pen { return &solid{Width: 1} }},
	"dashed": {New: func() pen { return &dashed{Gaps: []int{1}} }},
	"plain":  {Alias: "solid", New: func() pen { return &solid{Width: 1} }},
}

type inner struct {
	On    bool   `json:"on"`
	Count int    `json:"count"`
	Seed  uint64 `json:"seed"`
	Label string `json:"label"`
}

type config struct {
	Rate float64           `json:"rate"`
	Pen  variant.Slot[pen] `json:"pen"`
	In   inner             `json:"in"`
}

func standard() config {
	return config{Rate: 0.5, Pen: variant.New("pen", pens, "solid"), In: inner{Count: 3, Label: "x"}}
}

func TestOf(t *testing.T) {
	c := standard()
	var got []string
	for _, s := range Of(&c) {
		got = append(got, s.String())
	}
	const want = "rate: 0.5, pen: solid, pen.width: 1, in.on: false, in.count: 3, in.seed: 0, in.label: x"
	if strings.Join(got, ", ") != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Every key of every variant comes once, in the order of declaration, and the configuration stays as it is.
func TestKeys(t *testing.T) {
	c := standard()
	want := "rate pen pen.gaps pen.width in.on in.count in.seed in.label" // dashed comes before solid
	if got := strings.Join(Keys(&c), " "); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if c.Pen.Chosen() != "solid" || c.Pen.Value.(*solid).Width != 1 {
		t.Error("the configuration has changed")
	}
	list := []Setting{{Key: "z"}, {Key: "in.on"}, {Key: "y"}, {Key: "rate"}}
	Arrange(list, Keys(&c))
	if list[0].Key != "rate" || list[1].Key != "in.on" || list[2].Key != "z" || list[3].Key != "y" {
		t.Errorf("arranged as %v", list)
	}
}

// A copy shares nothing with its original, not even the parameters of a slot.
func TestClone(t *testing.T) {
	c := standard()
	d := Clone(c)
	d.Pen.Value.(*solid).Width = 7
	if c.Pen.Value.(*solid).Width != 1 {
		t.Error("the clone wrote into its original")
	}
}

// A variant's parameter has that variant's default, whether or not the variant is the default one.
func TestOverridden(t *testing.T) {
	d := Defaults[config]{Standard: standard}
	c := standard()
	if own := d.Overridden(Of(&c), c); len(own) != 0 {
		t.Errorf("the default differs from itself in %v", own)
	}
	if err := c.Pen.Choose("dashed"); err != nil {
		t.Fatal(err)
	}
	c.Rate = 0.25
	if own := d.Overridden(Of(&c), c); len(own) != 2 || own[0].String() != "rate: 0.25" ||
		own[1].String() != "pen: dashed" {
		t.Errorf("got %v, want the rate and the pen", own)
	}
	c.Pen.Value.(*dashed).Gaps = []int{1, 2}
	if own := d.Overridden(Of(&c), c); len(own) != 3 || own[2].String() != "pen.gaps: [1 2]" {
		t.Errorf("got %v, want the gaps too", own)
	}
}

// What Stored writes, Parse reads: the same keys and values, sorted by key, a slot's name before its parameters.
func TestParseReadsWhatStoredWrites(t *testing.T) {
	for _, name := range []string{"solid", "dashed"} {
		c := standard()
		if err := c.Pen.Choose(name); err != nil {
			t.Fatal(err)
		}
		text, err := Stored(&c)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Parse(string(text))
		if err != nil {
			t.Fatal(err)
		}
		values := map[string]any{}
		at := map[string]int{}
		for i, s := range got {
			values[s.Key], at[s.Key] = s.Value, i
			if s.Choice != (s.Key == "pen") {
				t.Errorf("%s: choice is %v", s.Key, s.Choice)
			}
		}
		want := Of(&c)
		if len(got) != len(want) {
			t.Errorf("%d settings, want %d: %v", len(got), len(want), got)
		}
		for _, s := range want {
			// JSON has one kind of number: a whole float comes back as an integer.
			if fmt.Sprint(values[s.Key]) != fmt.Sprint(s.Value) {
				t.Errorf("%s: %v, want %v", s.Key, values[s.Key], s.Value)
			}
		}
		for key, i := range at {
			if strings.HasPrefix(key, "pen.") && i < at["pen"] {
				t.Errorf("%s comes before pen", key)
			}
		}
	}
}

func TestParseNumbers(t *testing.T) {
	got, err := Parse(`{"a": 1, "b": 18446744073709551615, "c": 1e-3, "d": -2.5, "e": [1, "x", true], "f": {"g": {}}}`)
	if err != nil {
		t.Fatal(err)
	}
	want := []Setting{{Key: "a", Value: int64(1)}, {Key: "b", Value: uint64(18446744073709551615)},
		{Key: "c", Value: 1e-3},
		{Key: "d", Value: -2.5}, {Key: "e", Value: []any{int64(1), "x", true}}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if x, ok := Number(got, "b"); !ok || x != 18446744073709551615 {
		t.Errorf("b is %v, %v", x, ok)
	}
	if _, ok := Number(got, "e"); ok || Value(got, "z") != nil {
		t.Error("a list is a number, or a key that is not there has a value")
	}
}

func TestParseFaults(t *testing.T) {
	for _, bad := range []string{"", "1", "[]", "{", `{"a": null}`, `{"a": [{}]}`, `{"a": [[1]]}`,
		`{"a": {"name": {"b": 1}}}`, `{"a": 1} {}`, `{"a": 1e999}`} {
		if got, err := Parse(bad); err == nil {
			t.Errorf("%q is read as %v", bad, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(`{"arch": {"norm": {"name": "dyt", "alpha": 0.5}}, "seed": 1}`)
	f.Add(`{"name": "x", "a": {"b": 1, "name": "y"}}`)
	f.Add(`{"a": [1, 2.5, "x"], "b": {}}`)
	f.Fuzz(func(t *testing.T, text string) {
		list, err := Parse(text)
		if err != nil {
			return
		}
		for _, s := range list {
			switch s.Value.(type) {
			case bool, string, int64, uint64, float64, []any:
			default:
				t.Fatalf("%s has a value of type %T", s.Key, s.Value)
			}
		}
	})
}

func TestRefuse(t *testing.T) {
	if err := Refuse(); err != nil {
		t.Errorf("no fault is %v", err)
	}
	twice := Fault{File: "b", Line: 1, Column: 2, Key: "k", Message: "is bad"}
	err := Refuse(twice, Fault{File: "a", Message: "is empty", Extended: ", extended by s.yaml:2:1"}, twice)
	var input *InputError
	if !errors.As(err, &input) || err.Error() != "a: is empty (extended by s.yaml:2:1)\nb:1:2: k: is bad" {
		t.Errorf("got %v", err)
	}
}

func TestIsName(t *testing.T) {
	for name, want := range map[string]bool{"a": true, "A-1_b.c": true, "": false, ".": false, "..": false, "../a": false,
		"a/b": false, "-a": false, "ä": false} {
		if IsName(name) != want {
			t.Errorf("%q: %v, want %v", name, !want, want)
		}
	}
}
