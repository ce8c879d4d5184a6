package data

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"

	"golang.org/x/sys/unix"

	"github.com/outcrop-lab/outcrop/atomicfile"
	"github.com/outcrop-lab/outcrop/regularfile"
	"github.com/outcrop-lab/outcrop/tokenizer"
	"github.com/outcrop-lab/outcrop/variant"
)

// tokenFile is a file of tokens that the program made and mapped. All processes of a machine share its memory. It holds
// the tokens, then trailerLen bytes of JSON and blanks.
type tokenFile struct {
	trailer
	mapped    []byte // nil if there is none
	tokenizer *tokenizer.Tokenizer
}

func (f *tokenFile) text(token int32) []byte { return f.tokenizer.Token(int(token)) }

// trailer says what stands before it in a file of tokens.
type trailer struct {
	Width  int     `json:"width"`  // bytes of a token
	Tokens []int64 `json:"tokens"` // of each text
	SHA256 string  `json:"sha256"` // of the tokens
}

const trailerLen = 4096

// secondsPerToken is the processor time that it takes to check a token's digest and to touch its page.
const secondsPerToken = 4e-9

// encoded reads the texts once, for their digest, and returns their tokens. It encodes them if no file has their
// tokens.
func (c corpus) encoded(ctx context.Context, of variant.Path, sequence int) (s Survey, f *tokenFile, err error) {
	t, err := OpenTokenizer(of.Place())
	if err != nil {
		return s, nil, variant.Errorf("tokenizer", "%v", err)
	}
	c.kind += " tokenizer=" + t.Digest()
	if s, err = c.survey(ctx, 0, func([]byte) error { return nil }); err != nil {
		return s, nil, err
	}
	if f, err = c.tokens(ctx, t, s.Digest); err != nil {
		return s, nil, err
	}
	f.tokenizer = t
	s.Vocab, s.Memory = t.Vocab(), float64(len(f.mapped))
	total := int64(0)
	for i, n := range f.Tokens {
		s.Files[i].Tokens, s.Files[i].Vocab = int(n), t.Vocab()
		total += n
	}
	s.Seconds += secondsPerToken * float64(total)
	if c.bos {
		s.Vocab++
	}
	return s, f, enough(int(total), sequence, c.from)
}

// encodedSource returns a source of the texts' tokens, in the memory of their file.
func (c corpus) encodedSource(of variant.Path, sequence int) (Source, error) {
	s, f, err := c.encoded(context.Background(), of, sequence)
	if err != nil {
		f.close()
		return nil, err
	}
	w := &windows{tokens: tokens{f.mapped[:len(f.mapped)-trailerLen], f.Width}, bos: -1, context: sequence,
		vocab: s.Vocab, text: f.text, rand: heldOutStream(0).Rand()}
	runtime.AddCleanup(w, func(f *tokenFile) { f.close() }, f)
	w.train = trained(w.tokens.len())
	if c.bos {
		w.bos = int32(s.Vocab - 1)
	}
	return w, nil
}

// tokens returns the texts' tokens from the file that is kept under the digest. A file that is missing or damaged is
// made again. If the folder cannot be written, the tokens lie in a file without a name, for this process alone.
func (c corpus) tokens(ctx context.Context, t *tokenizer.Tokenizer, digest string) (*tokenFile, error) {
	dir, err := tokenFolder()
	path := filepath.Join(dir, digest+".tokens")
	if err == nil {
		if f, err := readTokens(path); err == nil {
			return f, nil
		}
		err = atomicfile.Stream(path, func(w io.Writer) error { return c.encode(ctx, t, digest, w) })
	}
	if err == nil {
		return readTokens(path)
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	var own *variant.Error
	if errors.As(err, &own) {
		return nil, err
	}
	alone, err := os.CreateTemp("", "outcrop-*.tokens")
	if err != nil {
		return nil, variant.Errorf("tokenizer", "no room for the tokens, which %s was to hold: %v: set XDG_CACHE_HOME or "+
			"TMPDIR to a folder that can be written", path, err)
	}
	defer func() { _ = alone.Close() }()
	if err := os.Remove(alone.Name()); err != nil {
		return nil, err
	}
	if err := c.encode(ctx, t, digest, alone); err != nil {
		return nil, err
	}
	return mapTokens(alone)
}

// tokenFolder returns the folder for files of tokens, which it makes if necessary.
func tokenFolder() (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir = filepath.Join(dir, "outcrop", "tokens")
	return dir, os.MkdirAll(dir, 0o777)
}

// encode writes the texts' tokens and the trailer. It returns an error if the texts no longer have the digest.
func (c corpus) encode(ctx context.Context, t *tokenizer.Tokenizer, digest string, w io.Writer) error {
	end, sum, all := trailer{Width: t.Width()}, sha256.New(), sha256.New()
	_, _ = all.Write([]byte(c.kind))
	for _, o := range c.from {
		text, _, err := o.open()
		if err != nil {
			return variant.Errorf("path", "%s: %v", o.name, plain(err))
		}
		read := sha256.New()
		n, err := t.Write(io.MultiWriter(w, sum), untilDone{ctx, io.TeeReader(text, read)}, t.Width())
		if err = errors.Join(err, text.Close()); err != nil {
			return fmt.Errorf("data: %s: %w", o.name, err)
		}
		_, _ = all.Write(read.Sum(nil))
		end.Tokens = append(end.Tokens, n)
	}
	if hex.EncodeToString(all.Sum(nil)) != digest {
		return variant.Errorf("path", "%s: changed while it was read: is another program writing it?", named(c.from))
	}
	end.SHA256 = hex.EncodeToString(sum.Sum(nil))
	content, err := json.Marshal(end)
	if err == nil && len(content) > trailerLen {
		err = variant.Errorf("path", "names too many texts for a tokenizer: join them")
	}
	if err == nil {
		_, err = w.Write(append(content, bytes.Repeat([]byte(" "), trailerLen-len(content))...))
	}
	return err
}

// untilDone reads until its context is cancelled.
type untilDone struct {
	ctx context.Context
	io.Reader
}

// Read implements io.Reader.
func (r untilDone) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}

// readTokens maps a file of tokens. It returns an error if the file is not whole.
func readTokens(path string) (*tokenFile, error) {
	file, _, err := regularfile.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	return mapTokens(file)
}

// mapTokens maps a file of tokens and checks its digest.
func mapTokens(file *os.File) (*tokenFile, error) {
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if info.Size() < trailerLen {
		return nil, errors.New("data: the file of tokens has no trailer")
	}
	f := &tokenFile{}
	if f.mapped, err = unix.Mmap(int(file.Fd()), 0, int(info.Size()), unix.PROT_READ, unix.MAP_SHARED); err != nil {
		return nil, err
	}
	at := len(f.mapped) - trailerLen
	total := int64(0)
	if err = json.Unmarshal(f.mapped[at:], &f.trailer); err == nil {
		for _, n := range f.Tokens {
			total += n
		}
		if sum := sha256.Sum256(f.mapped[:at]); int64(at) != total*int64(f.Width) || hex.EncodeToString(sum[:]) != f.SHA256 {
			err = errors.New("data: the file of tokens is damaged")
		}
	}
	if err != nil {
		f.close()
		return nil, err
	}
	return f, nil
}

// close gives the memory back. f may be nil.
func (f *tokenFile) close() {
	if f != nil && f.mapped != nil {
		_ = unix.Munmap(f.mapped)
		f.mapped = nil
	}
}
