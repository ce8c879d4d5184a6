// Package export writes what a database holds for other programs to read: every row of every table, one at a time,
// never sampled. NaN, which the database keeps as NULL, is missing in a table (an empty field of CSV, null in JSON
// lines and Parquet) and NaN in an event file; infinities stay infinite.
package export

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/outcrop-lab/outcrop/store"
	"github.com/outcrop-lab/outcrop/variant"
)

// formats write a whole database each.
var formats = map[string]func(ctx context.Context, db *store.DB, s *stage) error{
	"csv":         eachTable("csv", newCSV),
	"jsonl":       eachTable("jsonl", newJSONL),
	"parquet":     eachTable("parquet", newParquet),
	"tensorboard": writeEvents,
}

// Formats lists the names of the formats.
func Formats() []string { return slices.Sorted(maps.Keys(formats)) }

// Write writes the database into a folder, which it makes if need be, and returns the paths of the files: one a table,
// named after it, or one event file a run, in the folder SWEEP/ARM/seed-N of each of its sweeps. Files of an earlier
// export are replaced. All files take their names by rename once all are whole: whatever goes wrong before that, a
// cancelled ctx included, the folder is as it was. All tables show one state of the database, and the handle is Write's
// alone until it returns. An unknown format and a dir that cannot be a folder are a *variant.Error.
func Write(ctx context.Context, db *store.DB, format, dir string) ([]string, error) {
	write, ok := formats[format]
	if !ok {
		return nil, variant.Errorf("format", "%v", variant.Unknown("format", format, Formats()))
	}
	s, err := newStage(dir)
	if errors.Is(err, syscall.ENOTDIR) {
		return nil, variant.Errorf("out", "%s cannot be a folder: there is a file of that name on the way; name another", dir)
	}
	if err != nil {
		return nil, fault(dir, err)
	}
	defer s.discard()
	if err := db.AtOnce(func(db *store.DB) error { return write(ctx, db, s) }); err != nil {
		return nil, fault(dir, err)
	}
	paths, err := s.commit()
	return paths, fault(dir, err)
}

// fault says what was being done and, of a full disk, what helps.
func fault(dir string, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, syscall.ENOSPC) {
		return fmt.Errorf("export: writing into %s: the disk is full (%w); nothing was left there: free some space and try again", dir, err)
	}
	return fmt.Errorf("export: writing into %s: %w", dir, err)
}

// encoder writes the rows of one table into a file. row must not keep its values.
type encoder interface {
	row(values []any) error
	close() error
}

// eachTable writes a file a table.
func eachTable(extension string, open func(w io.Writer, t store.Table) (encoder, error)) func(ctx context.Context, db *store.DB, s *stage) error {
	return func(ctx context.Context, db *store.DB, s *stage) error {
		for _, t := range store.Tables {
			err := s.write(t.Name+"."+extension, func(w io.Writer) error {
				to, err := open(w, t)
				if err != nil {
					return err
				}
				if err := db.Scan(ctx, t, to.row); err != nil {
					return err
				}
				return to.close()
			})
			if err != nil {
				return err
			}
		}
		return nil
	}
}

// stage holds the files of an export until all are whole, in a hidden folder within dir: on one file system with it.
type stage struct {
	dir, hidden string
	made        []string // folders that were not there, the outermost first
	names       []string // files within hidden, and then within dir
}

func newStage(dir string) (*stage, error) {
	s := &stage{dir: dir}
	for at := filepath.Clean(dir); ; at = filepath.Dir(at) {
		if _, err := os.Stat(at); !errors.Is(err, os.ErrNotExist) {
			break
		}
		s.made = append([]string{at}, s.made...)
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		s.discard()
		return nil, err
	}
	hidden, err := os.MkdirTemp(dir, ".export-")
	if err != nil {
		s.discard()
		return nil, err
	}
	s.hidden = hidden
	return s, nil
}

// write makes one file; name may have folders.
func (s *stage) write(name string, content func(w io.Writer) error) (err error) {
	path := filepath.Join(s.hidden, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return err
	}
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	buffer := bufio.NewWriterSize(file, 1<<20)
	defer func() { err = errors.Join(err, file.Close()) }()
	s.names = append(s.names, name)
	if err := content(buffer); err != nil {
		return err
	}
	if err := buffer.Flush(); err != nil {
		return err
	}
	return file.Sync()
}

// commit gives every file its name.
func (s *stage) commit() (paths []string, err error) {
	for _, name := range s.names {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(s.dir, name)), 0o777); err != nil {
			return nil, err
		}
	}
	for _, name := range s.names {
		path := filepath.Join(s.dir, name)
		if err := os.Rename(filepath.Join(s.hidden, name), path); err != nil {
			return nil, err
		}
		paths = append(paths, path)
	}
	return paths, nil
}

// discard removes what is not wanted: the hidden folder and, if nothing came into them, the folders that it made.
func (s *stage) discard() {
	if s.hidden != "" {
		_ = os.RemoveAll(s.hidden)
	}
	for _, dir := range slices.Backward(s.made) {
		_ = os.Remove(dir) // fails where there is something in it
	}
}
