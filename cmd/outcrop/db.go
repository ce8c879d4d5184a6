package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/outcrop-lab/outcrop/experiments/results"

	"github.com/spf13/cobra"

	"github.com/outcrop-lab/outcrop/store"
)

func dbCommand(s *preferences) *cobra.Command {
	cmd := &cobra.Command{Use: "db", Short: "Check, compact or copy the database", Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	cmd.AddCommand(dbCheck(s), dbVacuum(s), dbBackup(s))
	return cmd
}

func dbCheck(s *preferences) *cobra.Command {
	asJSON := false
	cmd := &cobra.Command{Use: "check", Short: "Read the whole database and all checkpoints and report what is wrong"}
	cmd.Args = arguments(cobra.NoArgs)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		faults, files := []string{}, []string{}
		err := s.reading(func(db *store.DB) error {
			found, err := db.Faults()
			faults = append(faults, found...)
			if err != nil || len(found) > 0 {
				return err
			}
			found, err = results.DamagedFiles(cmd.Context(), db, s.Results, damaged)
			files = append(files, found...)
			return err
		})
		if errors.Is(err, store.ErrCorrupt) { // too damaged to be opened, or to be read to its end
			faults, err = append(faults, err.Error()), nil
		}
		if err != nil {
			return err
		}
		out, path := cmd.OutOrStdout(), s.database()
		switch {
		case asJSON:
			err = json.NewEncoder(out).Encode(results.Checked{Database: path, Sound: len(faults) == 0, Faults: faults,
				Damaged: files})
		case len(faults) == 0:
			_, err = fmt.Fprintln(out, strings.Join(append([]string{path + ": sound"}, files...), "\n"))
		default:
			_, err = fmt.Fprintln(out, strings.Join(faults, "\n"))
		}
		if err == nil && len(faults) > 0 {
			err = fmt.Errorf("%s is not sound: keep a copy, move the file away and run the sweep again, "+
				"which merges its runs' own databases into a new file", path)
		}
		if err == nil && len(files) > 0 {
			err = errors.New("files of runs are damaged: merge a folder that has sound ones, or remove them; " +
				"a run goes on from the last sound checkpoint")
		}
		return err
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	return cmd
}

func dbVacuum(s *preferences) *cobra.Command {
	cmd := &cobra.Command{Use: "vacuum", Short: "Rewrite the database without its free space"}
	cmd.Args = arguments(cobra.NoArgs)
	cmd.RunE = func(*cobra.Command, []string) error {
		db, err := store.OpenExisting(s.database())
		if err != nil {
			return err
		}
		return errors.Join(db.Vacuum(), db.Close())
	}
	return cmd
}

func dbBackup(s *preferences) *cobra.Command {
	cmd := &cobra.Command{Use: "backup FILE", Short: "Copy the database to a file, even while a sweep writes to it"}
	cmd.Args = arguments(cobra.ExactArgs(1))
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return s.reading(func(db *store.DB) error {
			err := db.Backup(cmd.Context(), args[0])
			if errors.Is(err, fs.ErrExist) || errors.Is(err, fs.ErrNotExist) {
				return usageError{err}
			}
			return err
		})
	}
	return cmd
}

// reading opens the database for reading only, calls work with it, and closes it.
func (s *preferences) reading(work func(db *store.DB) error) (err error) {
	db, err := store.OpenReadOnly(s.database())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return work(db)
}
