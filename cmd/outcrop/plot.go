package main

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/outcrop-lab/outcrop/experiments/folder"
	"github.com/outcrop-lab/outcrop/plots"
	"github.com/outcrop-lab/outcrop/report"
	"github.com/outcrop-lab/outcrop/store"
	"github.com/outcrop-lab/outcrop/variant"
)

func plotCommand(s *preferences) *cobra.Command {
	sweep, out := "", ""
	cmd := &cobra.Command{Use: "plot [FIGURE…]", Short: "Draw figures from the database alone",
		Long: "Draw the named figures of each sweep, or all of them, from the database alone,\nas SVG and PNG:\n" +
			strings.Join(plots.Names(), ", ") + ".",
		Args: cobra.ArbitraryArgs}
	cmd.RunE = func(cmd *cobra.Command, figures []string) error {
		for _, figure := range figures {
			if !slices.Contains(plots.Names(), figure) {
				return usageError{variant.Unknown("figure", figure, plots.Names())}
			}
		}
		return eachSweep(s, sweep, func(db *store.DB, sweep string) error {
			written, err := draw(db, s, out, sweep, figures)
			for _, path := range written {
				_, _ = fmt.Fprintln(cmd.OutOrStdout(), path)
			}
			return orElsewhere(err)
		})
	}
	cmd.Flags().StringVar(&sweep, "sweep", "", "sweep to draw (default: all)")
	cmd.Flags().StringVar(&out, "out", "", "folder to write DIR/SWEEP/figures into (default: sweeps in the results)")
	return cmd
}

func reportCommand(s *preferences) *cobra.Command {
	sweep, out := "", ""
	cmd := &cobra.Command{Use: "report", Short: "Write a sweep's report from the database alone"}
	cmd.Args = arguments(cobra.NoArgs)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return eachSweep(s, sweep, func(db *store.DB, sweep string) error {
			path, err := s.reportPath(out, sweep)
			if err != nil {
				return err
			}
			if err := report.Write(db, sweep, path); err != nil {
				return orElsewhere(err)
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), path)
			return err
		})
	}
	cmd.Flags().StringVar(&sweep, "sweep", "", "sweep to report (default: all)")
	cmd.Flags().StringVar(&out, "out", "", "folder to write DIR/SWEEP/report.html into (default: sweeps in the results)")
	return cmd
}

// reportPath returns the path of a sweep's report below the folder out, or in the results if out is empty.
func (s *preferences) reportPath(out, sweep string) (string, error) {
	dir, err := s.sweepDir(out, sweep)
	return filepath.Join(dir, "report.html"), err
}

// figuresDir returns the folder of a sweep's figures below the folder out, or in the results if out is empty.
func (s *preferences) figuresDir(out, sweep string) (string, error) {
	dir, err := s.sweepDir(out, sweep)
	return filepath.Join(dir, "figures"), err
}

func (s *preferences) sweepDir(out, sweep string) (string, error) {
	dir, err := folder.OfSweep(s.Results, sweep)
	if out != "" && err == nil {
		dir = filepath.Join(out, sweep)
	}
	return dir, err
}

// orElsewhere adds to an error about a folder that cannot be written to that --out names another.
func orElsewhere(err error) error {
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, unix.EROFS) {
		return fmt.Errorf("%w; --out DIR writes elsewhere", err)
	}
	return err
}

// draw writes the named figures below the folder out, or in the results if out is empty. If figures is empty, it writes
// every figure for which the sweep has data.
func draw(db *store.DB, s *preferences, out, sweep string, figures []string) ([]string, error) {
	all := len(figures) == 0
	if all {
		figures = plots.Names()
	}
	dir, err := s.figuresDir(out, sweep)
	if err != nil {
		return nil, err
	}
	var written []string
	for _, figure := range figures {
		drawn, err := plots.Draw(db, sweep, figure, dir)
		if all && errors.Is(err, plots.ErrNothing) {
			s.log.Info(err.Error())
			continue
		}
		if err != nil {
			return written, err
		}
		written = append(written, drawn.Paths...)
		s.warn(figure, drawn.Warning)
	}
	return written, nil
}

// warn logs what is wrong with a figure, if anything is.
func (s *preferences) warn(figure, warning string) {
	if warning != "" {
		s.log.Warn(figure + ": " + warning)
	}
}

// eachSweep opens the database for reading and calls f for the named sweep, or for every sweep if the name is empty.
func eachSweep(s *preferences, sweep string, f func(db *store.DB, sweep string) error) error {
	return s.reading(func(db *store.DB) error {
		sweeps, err := db.Sweeps()
		if err != nil {
			return err
		}
		names := make([]string, len(sweeps))
		for i, s := range sweeps {
			names[i] = s.Name
		}
		if sweep != "" {
			if !slices.Contains(names, sweep) {
				return usageError{fmt.Errorf("--sweep: %w", variant.Unknown("sweep", sweep, names))}
			}
			names = []string{sweep}
		}
		for _, name := range names {
			if err := f(db, name); err != nil {
				return err
			}
		}
		return nil
	})
}
