package main

import (
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/term"
)

// printable is the writer that all output passes. A name or a message may come from anybody, so that printable escapes
// whatever could command a terminal or change the order of what is read on it: control characters except newline and
// tab, line and paragraph separators, bidirectional controls, and bytes that are not UTF-8. The escapes are those of
// JSON, such as \u001b, which mean the same in a JSON document; a byte is \xNN. Several goroutines may write.
type printable struct {
	out io.Writer
	// mark is a rune that stands for ESC in the program's own control sequences, or 0 if out has no colours. It differs
	// from process to process, so that no stored text can hold it.
	mark rune

	lock  sync.Mutex
	begun []byte // the beginning of a character whose end has not been written yet
}

func newPrintable(out io.Writer) *printable {
	p := &printable{out: out}
	if isTerminal(out) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" {
		p.mark = 0xF0000 + rand.Int32N(0xFFFE) // a private use plane
	}
	return p
}

// Write implements io.Writer. It writes all of text but the beginning of a character whose end is missing.
func (p *printable) Write(text []byte) (int, error) {
	p.lock.Lock()
	defer p.lock.Unlock()
	whole := append(p.begun, text...)
	end := len(whole)
	for back := 1; back < utf8.UTFMax && back <= end; back++ {
		if utf8.RuneStart(whole[end-back]) {
			if !utf8.FullRune(whole[end-back:]) {
				end -= back
			}
			break
		}
	}
	p.begun = append([]byte(nil), whole[end:]...)
	_, err := io.WriteString(p.out, p.escape(string(whole[:end])))
	return len(text), err
}

// Close writes the rest of a character that was never ended.
func (p *printable) Close() error {
	p.lock.Lock()
	defer p.lock.Unlock()
	_, err := io.WriteString(p.out, p.escape(string(p.begun)))
	p.begun = nil
	return err
}

// escape returns text as Write writes it.
func (p *printable) escape(text string) string {
	var b strings.Builder
	for i, r := range text {
		switch {
		case r == '\n' || r == '\t':
			b.WriteRune(r)
		case r == p.mark && r != 0:
			b.WriteByte('\x1b')
		case r == utf8.RuneError && !strings.HasPrefix(text[i:], "\uFFFD"):
			fmt.Fprintf(&b, `\x%02x`, text[i])
		case unicode.In(r, unicode.Cc, unicode.Zl, unicode.Zp, unicode.Bidi_Control):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// oneLine returns text with its line breaks and tabs escaped, for a cell of a table.
func oneLine(text string) string {
	return strings.NewReplacer("\n", `\n`, "\r", `\r`, "\t", `\t`, "\v", `\u000b`, "\f", `\u000c`).Replace(text)
}

// unescaped returns the writer that takes what out is given as it is: for the output of other programs, and for
// documents that other programs read.
func unescaped(out io.Writer) io.Writer {
	if p, ok := out.(*printable); ok {
		return p.out
	}
	return out
}

// terminal returns the terminal that out writes to, and reports whether it writes to one.
func terminal(out io.Writer) (*os.File, bool) {
	f, ok := unescaped(out).(*os.File)
	return f, ok && term.IsTerminal(int(f.Fd()))
}

func isTerminal(out io.Writer) bool {
	_, is := terminal(out)
	return is
}
