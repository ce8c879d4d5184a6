package plan

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/outcrop-lab/outcrop/experiments/sweep"
)

// peak returns this process's resident memory, or with "VmHWM" the peak of it, in bytes.
func peak(t *testing.T, field string) (kB int) {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Skip("this system does not tell a process's memory")
	}
	_, after, _ := strings.Cut(string(status), field+":")
	if _, err := fmt.Sscan(after, &kB); err != nil {
		t.Fatal(err)
	}
	return kB << 10
}

// A plan over 64 MiB of data holds a small part of it, foretells it in the memory of each run, and says what each file
// holds.
func TestPlanHoldsNoData(t *testing.T) {
	const size = 64 << 20
	text, tokens := bytes.Repeat([]byte("a text. "), size/8), make([]byte, 0, size)
	for i := range uint32(size / 2) {
		tokens = binary.LittleEndian.AppendUint16(tokens, uint16(i*2654435761>>16)%50257)
	}
	for name, c := range map[string]struct {
		content       []byte
		tokens, vocab int
	}{"text": {text, size, 256}, "bin": {tokens, size / 2, 50257}} {
		path := filepath.Join(t.TempDir(), "data")
		if err := os.WriteFile(path, c.content, 0o666); err != nil {
			t.Fatal(err)
		}
		src := "name: x\nbase: {data: {name: %s, path: %q}, arch: {layers: 1, width: 16, heads: 2, context: 16}}\n"
		s, err := sweep.LoadBytes("s.yaml", fmt.Appendf(nil, src, name, path))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0); err != nil { // begin with a new peak
			t.Skip("this system cannot begin with a new peak:", err)
		}
		before := peak(t, "VmRSS")
		planned, err := Of(s, "cpu")
		if err != nil {
			t.Fatal(err)
		}
		if took := peak(t, "VmHWM") - before; took > size/4 {
			t.Errorf("%s: planning took %d MiB", name, took>>20)
		}
		p := planned[0]
		p.Data.Memory = 0
		if more := Memory(planned[0]) - Memory(p); more < size || more > size*5/4 {
			t.Errorf("%s: the data adds %d MiB to the forecast", name, int(more)>>20)
		}
		f := p.Data.Files
		if len(f) != 1 || f[0].Path != path || f[0].Tokens != c.tokens || f[0].Vocab != c.vocab {
			t.Errorf("%s: %+v, want %d tokens of %d", name, f, c.tokens, c.vocab)
		}
	}
}
