package safetensors

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

func TestRoundTrip(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.safetensors")
	want := []Tensor{{"b", []int{2, 3}, []float32{1, 2, 3, 4, 5, 6}}, {"a", []int{}, []float32{-7}}, {"none", []int{0, 4}, []float32{}}}
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
	for n := range whole { // every truncation is noticed
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
	} {
		if err := Write(filepath.Join(dir, "x"), bad, nil); err == nil {
			t.Errorf("%v was written", bad)
		}
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("\x10\x00\x00\x00\x00\x00\x00\x00{}              "))
	f.Add([]byte("\x40\x00\x00\x00\x00\x00\x00\x00{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}          \x00\x00\x80\x3f"))
	f.Fuzz(func(t *testing.T, content []byte) {
		tensors, _, err := parse(content)
		if err != nil {
			return
		}
		total := 0
		for _, x := range tensors {
			total += 4 * len(x.Data)
		}
		if total > len(content) {
			t.Errorf("%d bytes of data out of %d", total, len(content))
		}
	})
}
