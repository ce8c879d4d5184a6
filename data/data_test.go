package data

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/outcrop-lab/outcrop/variant"
)

// open validates s and opens it.
func open(t *testing.T, s Settings, context int) Source {
	t.Helper()
	if err := s.Validate(); err != nil {
		t.Fatal(err)
	}
	source, err := s.Open(context)
	if err != nil {
		t.Fatal(err)
	}
	return source
}

// write stores content in a temporary file and returns its path.
func write(t testing.TB, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.bin")
	if err := os.WriteFile(path, content, 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

// settings returns one configuration per source in the registry, on data that the test makes.
func settings(t *testing.T) map[string]Settings {
	raw := make([]byte, 4000)
	for i := range raw {
		raw[i] = byte(i * 7 % 251)
	}
	return map[string]Settings{
		"backcopy": sources["backcopy"].New(),
		"text":     &Text{Path: at(write(t, bytes.ReplaceAll(raw, []byte{0}, []byte{251}))), BOS: true},
		"bin":      &Bin{Path: at(write(t, raw))},
	}
}

// For every source, a batch is a pure function of seed and step, each target is the next token, held-out sequences do
// not depend on how many are asked for, and a batch with room allocates nothing.
func TestSources(t *testing.T) {
	all := settings(t)
	for name := range sources {
		s, ok := all[name]
		if !ok {
			t.Fatalf("no test data for source %s", name)
		}
		const context, n = 16, 8
		source := open(t, s, context)
		var a, b, other Batch
		source.Batch(&a, 3, 5, n)
		source.Batch(&other, 3, 6, n)
		open(t, s, context).Batch(&b, 3, 5, n)
		if !slices.Equal(a.Tokens, b.Tokens) || !slices.Equal(a.Targets, b.Targets) || slices.Equal(a.Tokens, other.Tokens) {
			t.Errorf("%s: the batch is not a function of seed and step", name)
		}
		for i, token := range a.Tokens {
			if token < 0 || int(token) >= source.Vocab() || a.Targets[i] < 0 || int(a.Targets[i]) >= source.Vocab() {
				t.Fatalf("%s: token %d, target %d of %d", name, token, a.Targets[i], source.Vocab())
			}
			if i%context > 0 && a.Targets[i-1] != token {
				t.Fatalf("%s: position %d holds %d, but the previous target is %d", name, i, token, a.Targets[i-1])
			}
		}
		source.HeldOut(&a, 4)
		source.HeldOut(&b, 8)
		if !slices.Equal(a.Tokens, b.Tokens[:len(a.Tokens)]) {
			t.Errorf("%s: held-out sequences depend on how many are asked for", name)
		}
		if allocs := testing.AllocsPerRun(20, func() { source.Batch(&b, 1, 2, n) }); allocs != 0 {
			t.Errorf("%s: %v allocations per batch", name, allocs)
		}
		x, err := s.Digest()
		if err != nil || len(x) != 64 {
			t.Errorf("%s: digest %q, %v", name, x, err)
		}
	}
}

// The generated chain has the known properties: an uncapped row's entropy is 3.3714 nats (-sum p ln p with p ~ 1/rank
// over 64 ranks), about 6 % of the positions are triggers, and every trigger is followed by a copy.
func TestBackcopyChain(t *testing.T) {
	source := open(t, sources["backcopy"].New(), 64)
	if source.Vocab() != 65 {
		t.Fatalf("vocab %d", source.Vocab())
	}
	var b Batch
	source.Batch(&b, 0, 0, 2000)
	triggers, hits, total := 0, map[[2]int32]int{}, map[int32]int{}
	for i, class := range b.Class {
		switch class {
		case Trigger:
			triggers++
			if b.Targets[i] != b.Tokens[i-1] {
				t.Fatal("a trigger is not followed by a copy of the token before it")
			}
			if b.Class[i-1] != Ordinary {
				t.Fatal("a trigger follows BOS or another trigger")
			}
		case BOS:
			if i%64 != 0 || b.Tokens[i] != 64 {
				t.Fatal("BOS out of place")
			}
		case Ordinary:
			hits[[2]int32{b.Tokens[i], b.Targets[i]}]++
			total[b.Tokens[i]]++
		}
	}
	if share := float64(triggers) / float64(len(b.Class)); share < .04 || share > .08 {
		t.Errorf("triggers are %.3f of the positions", share)
	}
	rows := 0
	for token := range int32(65) {
		p := source.Truth(token)
		if p == nil {
			continue
		}
		rows++
		h := 0.0
		for _, q := range p {
			if q > 0 {
				h -= q * math.Log(q)
			}
		}
		if math.Abs(h-3.3714) > 1e-4 {
			t.Errorf("row %d: entropy %v, want 3.3714", token, h)
		}
		for next, q := range p { // the counts agree within five standard errors
			n := float64(total[token])
			if got := float64(hits[[2]int32{token, int32(next)}]) / n; math.Abs(got-q) > 5*math.Sqrt(q*(1-q)/n)+1e-9 {
				t.Errorf("P(%d|%d): %v of %v draws, want %v", next, token, got, n, q)
			}
		}
	}
	if rows != 61 {
		t.Errorf("%d rows of truth, want 61: 64 characters less 3 triggers", rows)
	}
}

// A survey makes no chain: it foretells one that would take minutes at once. Beyond the limit, the message says why.
func TestChainForetold(t *testing.T) {
	for _, v := range []int{64, 2048, 4096, mostCharacters} {
		s := &Backcopy{Vocab: v, Triggers: 3}
		if err := s.Validate(); err != nil {
			t.Fatal(err)
		}
		allocated := testing.AllocsPerRun(1, func() {
			got, err := s.Survey(t.Context(), 16)
			if err != nil || got.Vocab != v+1 || !got.Truth || got.Memory < float64(16*v*v) || got.Seconds < 1e-7*float64(v*v) {
				t.Errorf("%d characters: %+v, %v", v, got, err)
			}
		})
		if allocated > 100 {
			t.Errorf("%d characters: %v allocations", v, allocated)
		}
	}
	for _, v := range []int{mostCharacters + 1, 50257, 60000, 2000000000, math.MaxInt} {
		err := (&Backcopy{Vocab: v, Triggers: 3}).Validate()
		if at := (*variant.Error)(nil); !errors.As(err, &at) || at.Key != "vocab" || !strings.Contains(at.Message, "GB") {
			t.Errorf("%d characters: error %v, want the limit and its reason", v, err)
		}
	}
}

// A character that always leads to one trigger must not absorb the chain.
func TestBackcopyFromText(t *testing.T) {
	path := write(t, []byte(strings.Repeat("ababababac de fg hi ", 50)))
	source := open(t, &Backcopy{Vocab: 64, Triggers: 2, File: at(path)}, 32)
	var b Batch
	source.Batch(&b, 0, 0, 100)
	seen := map[int32]bool{}
	for _, token := range b.Tokens {
		seen[token] = true
	}
	if len(seen) != source.Vocab() {
		t.Errorf("%d of %d tokens were visited", len(seen), source.Vocab())
	}
	for token := range int32(source.Vocab()) {
		sum := 0.0
		for _, q := range source.Truth(token) {
			sum += q
		}
		if source.Truth(token) != nil && math.Abs(sum-1) > 1e-9 {
			t.Errorf("row %d sums to %v", token, sum)
		}
	}
}

// Training windows end before the held-out tenth. Token i has value i, so that its value shows which part it is in.
func TestHeldOutNeverOverlaps(t *testing.T) {
	raw := make([]byte, 2*5000)
	for i := range 5000 {
		binary.LittleEndian.PutUint16(raw[2*i:], uint16(i))
	}
	source := open(t, &Bin{Path: at(write(t, raw))}, 32)
	var b Batch
	for step := range 50 {
		source.Batch(&b, 1, step, 16)
		if top := slices.Max(b.Targets); top >= 4500 {
			t.Fatalf("training saw token %d of the held-out part", top)
		}
	}
	source.HeldOut(&b, 100)
	if low := slices.Min(b.Tokens); low < 4500 {
		t.Errorf("held-out sequences hold token %d of the training part", low)
	}
}

// A sequence with a BOS and one without cover the same window; the BOS is a separate token and only ever comes first.
func TestBOSOrNone(t *testing.T) {
	raw := make([]byte, 4000)
	for i := range raw {
		raw[i] = byte(1 + i*7%200)
	}
	path := write(t, raw)
	for name, c := range map[string]struct{ with, no Settings }{
		"text": {&Text{Path: at(path), BOS: true}, &Text{Path: at(path)}},
		"bin":  {&Bin{Path: at(path), BOS: true}, &Bin{Path: at(path)}},
	} {
		const context = 16
		with, no := open(t, c.with, context), open(t, c.no, context)
		if with.Vocab() != no.Vocab()+1 {
			t.Errorf("%s: %d tokens with a BOS, %d without", name, with.Vocab(), no.Vocab())
		}
		var a, b Batch
		with.Batch(&a, 3, 5, 8)
		no.Batch(&b, 3, 5, 8)
		for i, token := range a.Tokens {
			first := i%context == 0
			if bos := token == int32(no.Vocab()); bos != first || (a.Class[i] == BOS) != first || b.Class[i] != Ordinary {
				t.Fatalf("%s: position %d holds %d, %d", name, i%context, token, b.Tokens[i])
			}
			if a.Targets[i] != b.Tokens[i] || !first && token != b.Tokens[i-1] {
				t.Fatalf("%s: position %d holds %d, then %d, from another window", name, i%context, token, a.Targets[i])
			}
		}
		x, err := c.with.Digest()
		if err != nil {
			t.Fatal(err)
		}
		if y, err := c.no.Digest(); err != nil || x == y {
			t.Errorf("%s: the digest does not depend on the BOS setting, %v", name, err)
		}
	}
}

// A text without a path is Newton's Opticks, under the digest that it had when the Go distribution had to carry it.
func TestOpticks(t *testing.T) {
	for _, written := range []string{"", "opticks"} {
		s := sources["text"].New().(*Text)
		s.Path.Written = written
		if source := open(t, s, 64); source.Vocab() != 257 || source.Label(256) != "BOS" || source.Label('\n') != `\n` {
			t.Errorf("vocab %d, want 256 bytes and BOS", source.Vocab())
		}
		const want = "1572c65479ae196dbedceb620b3d1b0fe55df86dc47faaedfa3a7cb88ef5f815"
		if digest, err := s.Digest(); err != nil || digest != want {
			t.Errorf("%q: digest %s, %v, want %s", written, digest, err, want)
		}
	}
}

// llmc returns an llm.c shard of zero tokens with the given version and count in its header.
func llmc(version, count uint32, tokens int) []byte {
	raw := make([]byte, llmcHeader+2*tokens)
	binary.LittleEndian.PutUint32(raw, llmcMagics[2])
	binary.LittleEndian.PutUint32(raw[4:], version)
	binary.LittleEndian.PutUint32(raw[8:], count)
	return raw
}

func TestShards(t *testing.T) {
	survey, err := (&Bin{Path: at(write(t, llmc(1, 700, 700)))}).Survey(t.Context(), 8)
	if err != nil || survey.Files[0].Tokens != 700 {
		t.Errorf("%+v, %v", survey, err)
	}
	for _, c := range []struct {
		content []byte
		want    string
	}{
		{nil, "is empty"},
		{[]byte{1, 2, 3}, "3 bytes are not a whole number of uint16 tokens"},
		{llmc(1, 700, 700)[:1000], "header takes 1024 bytes, the file has 1000"},
		{llmc(1, 700, 600), "its header says 700 tokens, the file holds 600"},
		{llmc(2, 700, 700), "version 2"},
		{binary.LittleEndian.AppendUint32(nil, 20240801), "uint32 tokens (magic 20240801): set data.dtype to uint32"},
	} {
		path := write(t, c.content)
		_, err := (&Bin{Path: at(path)}).Digest()
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) {
			t.Errorf("error %v, want %q and the path", err, c.want)
		}
	}
	const none = "nowhere/*.bin"
	if _, err := (&Bin{Path: at(none)}).Digest(); err == nil || !strings.Contains(err.Error(), none) {
		t.Errorf("error %v, want the path", err)
	}
}

func TestVocabOfShards(t *testing.T) {
	raw := make([]byte, 2*400)
	for i := range 400 {
		binary.LittleEndian.PutUint16(raw[2*i:], uint16(i%50))
	}
	path := write(t, raw)
	for given, want := range map[int]int{0: 50, 50: 50, 64: 64} {
		if got := open(t, &Bin{Path: at(path), Vocab: given}, 8).Vocab(); got != want {
			t.Errorf("vocab %d gives %d tokens, want %d", given, got, want)
		}
	}
	if _, err := (&Bin{Path: at(path), Vocab: 49}).Open(8); err == nil || !strings.Contains(err.Error(), "token 49") {
		t.Errorf("error %v, want the token that is too large", err)
	}
	if _, err := (&Bin{Path: at(path)}).Open(40); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("error %v, want the path: the held-out tenth is too short for the context", err)
	}
}

// A path that looks like a glob but names an existing file means that file.
func TestFileNamedLikeAPattern(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a[1].txt")
	if err := os.WriteFile(path, []byte("x"), 0o666); err != nil {
		t.Fatal(err)
	}
	if got, err := files("path", at(path)); err != nil || !slices.Equal(got, []string{path}) {
		t.Errorf("%v, %v", got, err)
	}
}

// A text that ends in "abab..." has almost all its stationary mass on the triggers a and b. Even so, x_1 is never a
// trigger, and BOS occurs only at the start.
func TestBackcopyFromTextThatEndsAmongTriggers(t *testing.T) {
	source := open(t, &Backcopy{Vocab: 64, Triggers: 2, File: at(write(t, []byte("xy"+strings.Repeat("ab", 500))))}, 16)
	var b Batch
	source.Batch(&b, 0, 0, 50)
	for i, token := range b.Tokens {
		if (token == 4) != (i%16 == 0) || i%16 == 1 && b.Class[i] != Ordinary {
			t.Fatalf("position %d holds %d as %d", i%16, token, b.Class[i])
		}
	}
}

// at is a path as a test writes it.
func at(path string) variant.Path { return variant.Path{Written: path} }
