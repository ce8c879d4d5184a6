package safetensors

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestRoundTrip(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.safetensors")
	want := []Tensor{
		{"b", []int{2, 3}, []float32{1, 2, 3, 4, 5, 6}},
		{"a", []int{}, []float32{-7}},
		{"none", []int{0, 4}, []float32{}},
	}
	if err := Write(path, want, map[string]string{"step": "3"}); err != nil {
		t.Fatal(err)
	}
	got, metadata, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) || metadata["step"] != "3" {
		t.Errorf("%v %v, want %v", got, metadata, want)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for n := range whole { // every truncation is an error
		if _, _, err := parse(whole[:n]); err == nil {
			t.Fatalf("%d of %d bytes were read without an error", n, len(whole))
		}
	}
}

func TestRefusesWhatItCannotWrite(t *testing.T) {
	dir := t.TempDir()
	for _, bad := range [][]Tensor{
		{{"a", []int{2}, []float32{1}}},
		{{"a", []int{1}, []float32{1}}, {"a", []int{1}, []float32{1}}},
		{{"__metadata__", []int{1}, []float32{1}}},
	} {
		if err := Write(filepath.Join(dir, "x"), bad, nil); err == nil {
			t.Errorf("%v was written", bad)
		}
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// file returns a safetensors file: the header, then n zero bytes.
func file(header string, n int) []byte {
	raw := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(raw, header...), make([]byte, n)...)
}

func TestRefusesDamagedHeaders(t *testing.T) {
	const (
		a = `"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}`
		b = `"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}`
	)
	if x, _, err := parse(file("{"+b+","+a+"}", 8)); err != nil || len(x) != 2 || x[0].Name != "a" {
		t.Fatalf("the sound file from which the damaged ones are made: %v, %v", x, err)
	}
	for name, raw := range map[string][]byte{
		"one name twice":        file("{"+a+","+a+"}", 4),
		"overlap":               file("{"+a+","+strings.Replace(a, `"a"`, `"c"`, 1)+"}", 8),
		"a gap":                 file("{"+b+"}", 8),
		"trailing bytes":        file("{"+a+"}", 8),
		"bytes missing":         file("{"+a+","+b+"}", 7),
		"another type":          file("{"+strings.Replace(a, "F32", "F16", 1)+"}", 4),
		"shape and size differ": file("{"+strings.Replace(a, "[1]", "[2]", 1)+"}", 4),
		"negative dimensions":   file("{"+strings.Replace(a, "[1]", "[-1,-1]", 1)+"}", 4),
		"a shape that overflows": file("{"+strings.Replace(a, "[1]",
			"[4294967296,4294967296,4294967296,4294967297]", 1)+"}", 4),
		"not an object":       file("null", 0),
		"a length past int64": bytes.Repeat([]byte{255}, 16),
	} {
		if x, _, err := parse(raw); err == nil {
			t.Errorf("%s: read as %v", name, x)
		}
	}
}

func TestScalarWithoutShape(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	if err := Write(path, []Tensor{{Name: "a", Data: []float32{2}}}, nil); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(raw, []byte(`"shape":[]`)) {
		t.Errorf("the format requires a list of dimensions: %s", raw)
	}
}
