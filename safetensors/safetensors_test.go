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
		{{"a\xff", []int{1}, []float32{1}}},
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
		"another case":       file(`{"a":{"DType":"F32","SHAPE":[6],"Data_Offsets":[0,24]}}`, 24),
		"a field twice":      file(`{"a":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, 4),
		"no shape":           file(`{"a":{"dtype":"F32","data_offsets":[0,4]}}`, 4),
		"a null shape":       file(strings.Replace("{"+a+"}", "[1]", "null", 1), 4),
		"a null dimension":   file(`{"a":{"dtype":"F32","shape":[null],"data_offsets":[0,0]}}`, 0),
		"a dimension of 1.0": file(strings.Replace("{"+a+"}", "[1]", "[1.0]", 1), 4),
		"no type":            file(`{"a":{"shape":[1],"data_offsets":[0,4]}}`, 4),
		"a null type":        file(`{"a":{"dtype":null,"shape":[1],"data_offsets":[0,4]}}`, 4),
		"no offsets":         file(`{"a":{"dtype":"F32","shape":[0]}}`, 0),
		"one offset":         file(`{"a":{"dtype":"F32","shape":[0],"data_offsets":[0]}}`, 0),
		"three offsets":      file(`{"a":{"dtype":"F32","shape":[6],"data_offsets":[0,24,48]}}`, 24),
		"backward offsets":   file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}`, 4),
		"an offset of -0":    file(`{"a":{"dtype":"F32","shape":[0],"data_offsets":[-0,0]}}`, 0),
		"an empty one within": file(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},`+
			`"e":{"dtype":"F32","shape":[0],"data_offsets":[4,4]}}`, 8),
		"a name not UTF-8":      file(strings.Replace("{"+a+"}", "a", "a\xff", 1), 4),
		"metadata not UTF-8":    file("{\"__metadata__\":{\"k\":\"\xff\"},"+a+"}", 4),
		"half a surrogate pair": file(strings.Replace("{"+a+"}", "a", `a\ud83d`, 1), 4),
		"a null in metadata":    file(`{"__metadata__":{"k":null},`+a+"}", 4),
		"a number in metadata":  file(`{"__metadata__":{"k":1},`+a+"}", 4),
		"a list as an entry":    file(`{"a":["F32",[1],[0,4]]}`, 4),
		"zero bytes after it":   file("{"+a+"}\x00", 4),
		"a header of over 100 MB": append(binary.LittleEndian.AppendUint64(nil, 100_000_001),
			append([]byte("{}"), bytes.Repeat([]byte(" "), 99_999_999)...)...),
		"not an object":       file("null", 0),
		"a length past int64": bytes.Repeat([]byte{255}, 16),
	} {
		if x, _, err := parse(raw); err == nil {
			t.Errorf("%s: read as %v", name, x)
		}
	}
}

// What the format's own library reads is read.
func TestReadsWhatTheReferenceReads(t *testing.T) {
	const a = `"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}`
	for name, raw := range map[string][]byte{
		"another field":     file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"x":1}}`, 4),
		"space around":      file("\t {"+a+"}\n ", 4),
		"no tensor":         file("{}", 0),
		"null metadata":     file(`{"__metadata__":null,`+a+"}", 4),
		"a surrogate pair":  file(strings.Replace("{"+a+"}", "a", `a\ud83d\ude00\\ud83d`, 1), 4),
		"escapes in a type": file(strings.Replace("{"+a+"}", "F32", `F3\u0032`, 1), 4),
		"an empty name":     file(strings.Replace("{"+a+"}", `"a"`, `""`, 1), 4),
		"empty tensors": file(`{"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},`+
			`"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, 4),
		"a header of 100 MB": append(binary.LittleEndian.AppendUint64(nil, 100_000_000),
			append([]byte("{}"), bytes.Repeat([]byte(" "), 99_999_998)...)...),
	} {
		if _, _, err := parse(raw); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// If the file cannot take its place, nothing is left of it.
func TestWriteToAFolder(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x")
	if err := os.Mkdir(path, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := Write(path, []Tensor{{"a", []int{1}, []float32{1}}}, nil); err == nil {
		t.Error("written over a folder")
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Errorf("left behind: %v", left)
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
