// Package export writes a database in formats that other programs read. The formats csv, jsonl and parquet hold every
// row of every table. The format tensorboard holds every statistic and timing. Rows are read one at a time and are
// never sampled.
//
// NaN, which the database stores as NULL, is a missing value in a table: an empty field in CSV, and null in JSON lines
// and Parquet. In an event file it is NaN. Infinite values are exported as infinite in every format.
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

// writer writes a whole database in one format.
type writer func(ctx context.Context, db *store.DB, s *stage) error

var formats = map[string]writer{
	"csv":         eachTable("csv", newCSV),
	"jsonl":       eachTable("jsonl", newJSONL),
	"parquet":     eachTable("parquet", newParquet),
	"tensorboard": writeEvents,
}

// Formats lists the names of all formats, sorted.
func Formats() []string { return slices.Sorted(maps.Keys(formats)) }

// Write exports the database to files in the folder dir, which it creates if necessary, and returns the paths of the
// files. For a table format it writes one file per table, named after the table. For tensorboard it writes an event
// file for each run into the folder SWEEP/ARM/seed-N for each arm that the run belongs to, or into a folder named after
// the run's id if the run belongs to none. If several runs would share a folder, the name of each run's folder ends in
// the run's id.
//
// Write replaces files of the same name from an earlier export. It moves the files to their names only once all of them
// are complete. If it fails before that, or if ctx is cancelled, the folder stays as it was. All tables show the same
// state of the database. If db was opened for writing, nothing else may use it until Write returns. If the format is
// unknown or dir cannot be a folder, Write returns a *variant.Error.
func Write(ctx context.Context, db *store.DB, format, dir string) ([]string, error) {
	write, ok := formats[format]
	if !ok {
		return nil, variant.Errorf("format", "%v", variant.Unknown("format", format, Formats()))
	}
	s, err := newStage(dir)
	if errors.Is(err, syscall.ENOTDIR) {
		return nil, variant.Errorf("out", "%s cannot be a folder, because part of the path is a file: "+
			"name another folder", dir)
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

// fault adds to an error what was being done and, if the disk is full, what helps.
func fault(dir string, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, syscall.ENOSPC) {
		return fmt.Errorf("export: writing into %s: the disk is full (%w); no files were left there: "+
			"free some space and try again", dir, err)
	}
	return fmt.Errorf("export: writing into %s: %w", dir, err)
}

// encoder writes the rows of one table into a file. row must not retain its values.
type encoder interface {
	row(values []any) error
	close() error
}

// eachTable returns a function that writes one file per table.
func eachTable(extension string, open func(w io.Writer, t store.Table) (encoder, error)) writer {
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

// stage holds the files of an export until all are whole. They are in a hidden folder within dir, so on the same file
// system.
type stage struct {
	dir, hidden string
	made        []string // folders that it created, outermost first
	names       []string // files, first within hidden and then within dir
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

// write writes one file. Its name may contain folders.
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

// commit moves every file to its name in dir.
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

// discard removes the hidden folder and those folders that the stage created and that are still empty.
func (s *stage) discard() {
	if s.hidden != "" {
		_ = os.RemoveAll(s.hidden)
	}
	for _, dir := range slices.Backward(s.made) {
		_ = os.Remove(dir) // fails if the folder is not empty
	}
}
