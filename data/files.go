package data

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/outcrop-lab/outcrop/regularfile"
	"github.com/outcrop-lab/outcrop/variant"
)

// files returns the files that a path or glob names, sorted. An existing file of exactly that name takes precedence
// over the glob. key is the parameter that holds the path.
func files(key string, of variant.Path) ([]string, error) {
	path := of.Place()
	if info, err := os.Stat(path); err == nil {
		if info.IsDir() {
			return nil, variant.Errorf(key, "%s: is a folder: name a file, or a pattern such as %s",
				path, filepath.Join(path, "*.txt"))
		}
		return []string{path}, nil
	}
	names, err := filepath.Glob(path)
	if err != nil {
		return nil, variant.Errorf(key, "%s: no such file, and not a pattern: %v", path, err)
	}
	if len(names) == 0 {
		return nil, variant.Errorf(key, "%s: no such file", path)
	}
	return names, nil
}

// origin is what the bytes of a file come from: a file on the disk, or a text that ships with the program.
type origin struct {
	name  string // a path, or the text's name
	ships bool
}

// origins returns files on the disk.
func origins(paths []string) []origin {
	all := make([]origin, len(paths))
	for i, path := range paths {
		all[i] = origin{name: path}
	}
	return all
}

// open returns the bytes and their number.
func (o origin) open() (io.ReadCloser, int64, error) {
	if o.ships {
		text, size, err := openText(o.name)
		return io.NopCloser(text), size, err
	}
	return regularfile.Open(o.name)
}

// named returns the names of files, for messages.
func named(all []origin) string {
	var names []string
	for _, o := range all {
		names = append(names, o.name)
	}
	return strings.Join(names, " ")
}

// piece is the largest number of bytes that are read at a time, a multiple of every width of tokens.
const piece = 1 << 20

// look is called with the pieces of a file in their order. size is that of the whole file.
type look func(part []byte, size int64) error

// walk reads files from their beginnings to their ends and holds one piece at a time. at is called with the index of
// each file and returns what looks at its pieces. walk returns the SHA-256 (hex) of kind, which spells the source's
// parameters, and of the files' own SHA-256 sums. An error is a *variant.Error at key.
func walk(ctx context.Context, key, kind string, from []origin, at func(i int) look) (digest string, err error) {
	all, buffer := sha256.New(), make([]byte, piece)
	_, _ = all.Write([]byte(kind))
	for i, o := range from {
		sum, see := sha256.New(), at(i)
		err := walkFile(ctx, o, buffer, func(part []byte, size int64) error {
			_, _ = sum.Write(part)
			return see(part, size)
		})
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		if err != nil {
			return "", variant.Errorf(key, "%s: %v", o.name, plain(err))
		}
		_, _ = all.Write(sum.Sum(nil))
	}
	return hex.EncodeToString(all.Sum(nil)), nil
}

// walkFile reads as many bytes of one file as it has when it is opened. An empty file is one empty piece.
func walkFile(ctx context.Context, o origin, buffer []byte, see look) error {
	f, size, err := o.open()
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	for left := size; ; {
		if err := ctx.Err(); err != nil {
			return err
		}
		part := buffer[:min(left, int64(len(buffer)))]
		if _, err := io.ReadFull(f, part); errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return errors.New("became shorter while it was read: is another program writing it?")
		} else if err != nil {
			return err
		}
		if err := see(part, size); err != nil {
			return err
		}
		if left -= int64(len(part)); left == 0 {
			return nil
		}
	}
}

// plain returns the cause of an error about a file, whose path the caller names.
func plain(err error) error {
	if at := (*fs.PathError)(nil); errors.As(err, &at) {
		return at.Err
	}
	return err
}
