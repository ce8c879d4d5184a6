package safetensors

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

// Parsing any file gives an error or tensors that fill its data, and writing these again gives a file that reads the
// same.
func FuzzParse(f *testing.F) {
	f.Add([]byte("\x10\x00\x00\x00\x00\x00\x00\x00{}              "))
	f.Add(file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, 4))
	f.Add(file(`{"a":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]},`+
		`"none":{"dtype":"F32","shape":[0],"data_offsets":[8,8]},"__metadata__":{"step":"3"}}`, 8))
	path := filepath.Join(f.TempDir(), "again.safetensors")
	f.Fuzz(func(t *testing.T, content []byte) {
		tensors, metadata, err := parse(content)
		if err != nil {
			return
		}
		total := 0
		for _, x := range tensors {
			total += 4 * len(x.Data)
		}
		if total > len(content)-8 {
			t.Fatalf("%d bytes of data out of %d", total, len(content))
		}
		if err := Write(path, tensors, metadata); err != nil {
			t.Fatalf("the tensors read cannot be written: %v", err)
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(raw[len(raw)-total:], content[len(content)-total:]) {
			t.Fatal("the data differ when written again")
		}
		again, metadataAgain, err := parse(raw)
		if err != nil || len(again) != len(tensors) ||
			len(metadata)+len(metadataAgain) > 0 && !reflect.DeepEqual(metadata, metadataAgain) {
			t.Fatalf("%v, %d tensors and %v, want %d and %v", err, len(again), metadataAgain, len(tensors), metadata)
		}
		for i, x := range tensors {
			if again[i].Name != x.Name ||
				!reflect.DeepEqual(append([]int{}, again[i].Shape...), append([]int{}, x.Shape...)) {
				t.Fatalf("%s %v, want %s %v", again[i].Name, again[i].Shape, x.Name, x.Shape)
			}
		}
	})
}
