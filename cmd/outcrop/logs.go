package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/outcrop-lab/outcrop/experiments/folder"
	"github.com/outcrop-lab/outcrop/experiments/results"
	"github.com/outcrop-lab/outcrop/store"
)

// followEvery is how long --follow waits before it reads a log again.
const followEvery = 200 * time.Millisecond

func logsCommand(s *preferences) *cobra.Command {
	asJSON, follow := false, false
	cmd := &cobra.Command{Use: "logs RUN", Short: "Print the log of a run",
		Long: `Print the log of a run: when its worker started, its progress every two seconds,
and how it ended. RUN is a run's id, the beginning of one, or SWEEP/ARM/SEED.`,
		Args: arguments(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			var id string
			if err := s.reading(func(db *store.DB) error {
				found, err := results.FindRun(db, args[0])
				id = found.Run.ID
				return err
			}); err != nil {
				return err
			}
			line := func(out io.Writer, text string) { _, _ = fmt.Fprintln(out, readable(text)) }
			if asJSON {
				line = func(out io.Writer, text string) { _, _ = fmt.Fprintln(out, text) }
			}
			dir := filepath.Join(s.Results, "runs", id)
			err := printLog(cmd.Context(), dir, follow, func(text string) { line(cmd.OutOrStdout(), text) })
			if errors.Is(err, fs.ErrNotExist) {
				return usageError{fmt.Errorf("run %.12s has no log: it has not been trained yet", id)}
			}
			return err
		}}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the lines as stored: one JSON object per line")
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "wait for new lines until no process works on the run")
	return cmd
}

// printLog calls print with each complete line of a run's log. If follow is true, it goes on until no process works on
// the run.
func printLog(ctx context.Context, dir string, follow bool, print func(line string)) error {
	f, err := os.Open(filepath.Join(dir, "log.jsonl"))
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	lines, rest := bufio.NewReader(f), ""
	for {
		live, err := folder.ReadLive(dir) // before reading, so that its last lines are read too
		if err != nil {
			return err
		}
		for {
			part, err := lines.ReadString('\n')
			rest += part
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return err
			}
			print(strings.TrimSuffix(rest, "\n"))
			rest = ""
		}
		if !follow || !live.Held {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(followEvery):
		}
	}
}

// readable formats a line of a log for a person. It returns a line unchanged if the line is not a JSON object with a
// status.
func readable(line string) string {
	var fields map[string]any
	if json.Unmarshal([]byte(line), &fields) != nil {
		return line
	}
	var note folder.Note
	if json.Unmarshal([]byte(line), &note) != nil || note.Status == "" {
		return line
	}
	text := fmt.Sprintf("%s  %-8s  step %d", note.Time.Local().Format("2006-01-02 15:04:05"), note.Status, note.Step)
	if note.Loss != 0 {
		text += fmt.Sprintf("  loss %.4f", note.Loss)
	}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		switch name {
		case "time", "status", "step", "loss":
		default:
			text += fmt.Sprintf("  %s %v", name, fields[name])
		}
	}
	return text
}
