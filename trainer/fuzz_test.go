package trainer

import (
	"bytes"
	"encoding/json"
	"testing"
)

// Whatever a checkpoint's state.json holds, reading it gives an error, or a state that reads back as itself after
// sealing.
func FuzzState(f *testing.F) {
	s := state{Version: Version, Run: "own", Seed: 3, Step: 24, Updates: 24,
		SHA256: map[string]string{modelFile: "a", optimizerFile: "b"}}
	old, err := s.text()
	if err != nil {
		f.Fatal(err)
	}
	if err := s.seal(); err != nil {
		f.Fatal(err)
	}
	sealed, err := s.text()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(old)
	f.Add(sealed)
	f.Add([]byte(`{"step": -1}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := readState(text)
		if err != nil {
			return
		}
		if s.Step < 0 || s.Updates < 0 {
			t.Fatalf("%+v", s)
		}
		if err := s.seal(); err != nil {
			t.Fatal(err)
		}
		own, err := s.text()
		if err != nil {
			t.Fatal(err)
		}
		again, err := readState(own)
		if err != nil {
			t.Fatalf("%v: %s", err, own)
		}
		if twice, err := again.text(); err != nil || !bytes.Equal(twice, own) {
			t.Fatalf("%s, then %s, %v", own, twice, err)
		}
	})
}

// Whatever an index of snapshots holds, reading it gives an error, or entries that can be read and written back.
func FuzzSnapshotIndex(f *testing.F) {
	f.Add([]byte(`[{"step":8,"site":"resid_post","layer":0,"file":"snapshots/step-00000008.resid_post.safetensors",` +
		`"tensor":"resid_post.0","shape":[1,16,16],"sha256":"a","bytes":1200}]`))
	f.Add([]byte(`[]`))
	f.Add([]byte(`[{"shape":[]}]`))
	f.Fuzz(func(t *testing.T, text []byte) {
		all, err := parseSnapshots(text)
		if err != nil {
			return
		}
		want := Snapshots{Steps: []int{8}, Site: "resid_post", Sequences: 1}
		for _, s := range all {
			values := int64(1)
			for _, n := range s.Shape {
				values *= int64(n)
			}
			if values < 1 || values > s.Bytes/4 {
				t.Fatalf("shape %v in %d bytes", s.Shape, s.Bytes)
			}
			want.taken(all, s.Step, 2)
		}
		written, err := json.Marshal(all)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := parseSnapshots(written); err != nil || len(again) != len(all) {
			t.Fatalf("%d entries, then %d: %v", len(all), len(again), err)
		}
	})
}
