package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/outcrop-lab/outcrop/count"
	"github.com/outcrop-lab/outcrop/experiments/results"
	"github.com/outcrop-lab/outcrop/experiments/run"
	"github.com/outcrop-lab/outcrop/experiments/sweep"
	"github.com/outcrop-lab/outcrop/settings"
	"github.com/outcrop-lab/outcrop/store"
)

func showCommand(s *preferences) *cobra.Command {
	asJSON := false
	cmd := &cobra.Command{Use: "show RUN", Short: "Show one run: configuration, provenance, files, metrics and fits",
		Long: `Show everything that is stored of one run. RUN is a run's id, the beginning of
one, or SWEEP/ARM/SEED. In the configuration, * marks a key that differs from
its default.`,
		Args: arguments(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.reading(func(db *store.DB) error {
				shown, unread, err := results.Show(db, s.Results, args[0])
				if err != nil {
					return err
				}
				if unread != nil {
					s.log.Warn(unread.Error())
				}
				list, err := override(&shown)
				if err != nil {
					s.log.Warn(fmt.Sprintf("this outcrop cannot read the run's configuration, "+
						"so it does not mark what differs from the defaults: %v", err))
				}
				if asJSON {
					return json.NewEncoder(cmd.OutOrStdout()).Encode(shown)
				}
				return printRun(cmd.OutOrStdout(), shown, list)
			})
		}}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	return cmd
}

// override returns the settings of a run in the order of the configuration. It adds the keys of the settings that
// differ from their default to shown.Overrides.
func override(shown *results.Shown) ([]settings.Setting, error) {
	if string(shown.Config) == "null" {
		return nil, nil
	}
	config, err := run.ConfigOf(store.Run{ID: shown.Run, Config: string(shown.Config)})
	if err != nil {
		return nil, err
	}
	for _, o := range sweep.Overridden(config) {
		shown.Overrides = append(shown.Overrides, o.Key)
	}
	return settings.Of(&config), nil
}

func printRun(out io.Writer, r results.Shown, list []settings.Setting) error {
	paint := painterFor(out)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	line := func(name, format string, args ...any) {
		_, _ = fmt.Fprintf(w, "%s\t%s\n", name, fmt.Sprintf(format, args...))
	}
	line("run", "%s", r.Run)
	for _, m := range r.Members {
		line("name", "%s/%s/%d", oneLine(m.Sweep), oneLine(m.Arm), m.Seed)
	}
	if string(r.Config) == "null" {
		line("state", "%s, not trained yet", paint.status(r.Status))
		return w.Flush()
	}
	line("state", "%s, step %d of %d", paint.status(r.Status), r.Step, r.Steps)
	if r.Error != "" {
		line("error", "%s", strings.ReplaceAll(r.Error, "\n", "\n\t"))
	}
	line("parameters", "%d", r.Params)
	line("device", "%s", r.Device)
	line("data", "%s", r.DataDigest)
	for _, f := range r.Data {
		line("", "%s", dataFile(f))
	}
	line("trainer", "version %d", r.TrainerVersion)
	printHistory(line, r)
	line("conflicts", "%d", r.Conflicts)
	line("folder", "%s, %s", r.Folder, sized(r.Bytes))
	for _, f := range r.Files {
		line("", "%s, %s", f.File, sized(f.Bytes))
	}
	for _, c := range r.Checkpoints {
		line("", "checkpoints/%s, %s", c.File, sized(c.Bytes))
	}
	for i, m := range r.Metrics {
		name := ""
		if i == 0 {
			name = "metrics"
		}
		line(name, "%s %.6g at step %d", m.Metric, float64(m.Value), m.Step)
	}
	printLargest(line, r.Largest)
	if err := w.Flush(); err != nil {
		return err
	}
	printConfig(out, r, list)
	if len(r.Fits) == 0 {
		return nil
	}
	_, _ = fmt.Fprintln(out)
	return printFits(out, r.Fits, "")
}

// printLargest prints at which token each block's largest activation lies.
func printLargest(line func(name, format string, args ...any), all []results.Largest) {
	for i, l := range all {
		name, token := "", fmt.Sprintf("token %d", l.Token)
		if i == 0 {
			name = "largest |h|"
		}
		if l.Label != "" {
			token = `"` + oneLine(l.Label) + `"`
		}
		line(name, "block %d: at %s in %.0f %% of sequences, at position %d in %.0f %%, at step %d", l.Layer, token,
			100*l.OfToken, l.Position, 100*l.OfPlace, l.Step)
	}
}

// printHistory prints with what program and processor a run was measured, which commands on which machines worked on
// it, and when its status changed.
func printHistory(line func(name, format string, args ...any), r results.Shown) {
	line("provenance", "commit %s, %s, %s kernels, %s", r.Commit, r.GoVersion, r.KernelPath, r.CPU)
	for _, d := range r.Differences {
		line("", "then commit %s, %s, %s kernels, %s: other values in %s",
			d.Commit, d.GoVersion, d.KernelPath, d.CPU, count.Of(d.Differing, "row"))
	}
	first := func(i int, name string) string {
		if i > 0 {
			return ""
		}
		return name
	}
	for i, s := range r.Sessions {
		line(first(i, "worked on"), "%s on %s (%s, %s, %s) by `%s`", s.Started.Local().Format(time.DateTime),
			s.Host, s.OS, count.Of(s.Cores, "core"), count.Of(s.Threads, "thread"), s.Command)
	}
	for i, h := range r.History {
		message := ""
		if h.Message != "" {
			message = ": " + strings.ReplaceAll(h.Message, "\n", "\n\t")
		}
		line(first(i, "history"), "%s %s at step %d%s", h.Time.Local().Format(time.DateTime), h.Status, h.Step, message)
	}
}

// printConfig prints each setting of the configuration, with a star if its value differs from the default.
func printConfig(out io.Writer, r results.Shown, list []settings.Setting) {
	if list == nil {
		_, _ = fmt.Fprintf(out, "\nconfig  %s\n", r.Config)
		return
	}
	_, _ = fmt.Fprintln(out, "\nconfig, * if it differs from the default")
	for _, s := range list {
		mark := " "
		if slices.Contains(r.Overrides, s.Key) {
			mark = "*"
		}
		_, _ = fmt.Fprintf(out, "%s %s\n", mark, s)
	}
}
