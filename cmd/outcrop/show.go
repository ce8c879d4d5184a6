package main

import (
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/outcrop-lab/outcrop/experiments/folder"
	"github.com/outcrop-lab/outcrop/experiments/results"
	"github.com/outcrop-lab/outcrop/experiments/run"
	"github.com/outcrop-lab/outcrop/experiments/sweep"
	"github.com/outcrop-lab/outcrop/settings"
	"github.com/outcrop-lab/outcrop/store"
)

// fileRow is a file, or a checkpoint as a whole, in a run's folder.
type fileRow struct {
	File  string `json:"file"`
	Bytes int64  `json:"bytes"`
}

// metricRow is where a metric of the run stands.
type metricRow struct {
	Metric string `json:"metric"`
	Step   int    `json:"step"`
	Value  number `json:"value"`
}

// historyRow is a moment of the run's life, as its coordinators saw it.
type historyRow struct {
	Time    time.Time `json:"time"`
	Status  string    `json:"status"`
	Step    int       `json:"step"`
	Message string    `json:"message"`
}

// memberRow is a place of a run in a sweep.
type memberRow struct {
	Sweep string `json:"sweep"`
	Arm   string `json:"arm"`
	Seed  uint64 `json:"seed"`
}

// differenceRow is a later provenance of a run, and how many values came out otherwise under it.
type differenceRow struct {
	Commit     string `json:"git_commit"`
	GoVersion  string `json:"go_version"`
	KernelPath string `json:"kernel_path"`
	CPU        string `json:"cpu"`
	Differing  int    `json:"differing"`
}

// runShown is what show --json prints.
type runShown struct {
	Run            string           `json:"run"`
	Members        []memberRow      `json:"members"`
	Status         string           `json:"status"`
	Error          string           `json:"error"`
	Step           int              `json:"step"`
	Steps          int              `json:"steps"`
	Params         int              `json:"params"`
	Device         string           `json:"device"`
	DataDigest     string           `json:"data_digest"`
	TrainerVersion int              `json:"trainer_version"`
	Config         json.RawMessage  `json:"config"`
	Overrides      []string         `json:"overrides"` // dotted keys that differ from the default
	Commit         string           `json:"git_commit"`
	GoVersion      string           `json:"go_version"`
	KernelPath     string           `json:"kernel_path"`
	CPU            string           `json:"cpu"`
	Sessions       []folder.Session `json:"sessions"`
	History        []historyRow     `json:"history"`
	Folder         string           `json:"folder"`
	Bytes          int64            `json:"bytes"`
	Files          []fileRow        `json:"files"`
	Checkpoints    []fileRow        `json:"checkpoints"`
	Metrics        []metricRow      `json:"metrics"`
	Fits           []fitRow         `json:"fits"`
	Differences    []differenceRow  `json:"differences"`
	Conflicts      int              `json:"conflicts"`

	settings []settings.Setting
}

func showCommand(s *preferences) *cobra.Command {
	asJSON := false
	cmd := &cobra.Command{Use: "show RUN", Short: "Say all of one run: configuration, provenance, files, metrics, fits",
		Long: `Say all of one run. RUN is a run's id, the beginning of it, or SWEEP/ARM/SEED. In the configuration a * marks what differs
from the defaults.`,
		Args: arguments(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.reading(func(db *store.DB) error {
				shown, err := gather(db, s, args[0])
				if err != nil {
					return err
				}
				if asJSON {
					return json.NewEncoder(cmd.OutOrStdout()).Encode(shown)
				}
				return printRun(cmd.OutOrStdout(), shown)
			})
		}}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	return cmd
}

func gather(db *store.DB, s *preferences, name string) (shown runShown, err error) {
	found, err := results.FindRun(db, name)
	if err != nil {
		return shown, err
	}
	r := found.Run
	dir := filepath.Join(s.Results, "runs", r.ID)
	shown = runShown{Run: r.ID, Members: []memberRow{}, Status: r.Status, Error: r.Error, Step: r.Step, Steps: r.Steps, Params: r.Params, Device: r.Device,
		DataDigest: r.DataDigest, TrainerVersion: r.TrainerVersion, Config: json.RawMessage("null"), Overrides: []string{}, Commit: r.Commit,
		GoVersion: r.GoVersion, KernelPath: r.KernelPath, CPU: r.CPU, Sessions: []folder.Session{}, History: []historyRow{}, Folder: dir, Files: []fileRow{},
		Checkpoints: []fileRow{}, Metrics: []metricRow{}, Fits: []fitRow{}, Differences: []differenceRow{}}
	all, err := results.Statuses(db, s.Results, "")
	if err != nil {
		return shown, err
	}
	for _, sweep := range all {
		for _, standing := range sweep.Runs {
			if standing.Run != r.ID {
				continue
			}
			shown.Status, shown.Step = standing.Status, standing.Step
			if standing.Sweep != "" {
				shown.Members = append(shown.Members, memberRow{standing.Sweep, standing.Arm, standing.Seed})
			}
		}
	}
	if r.Config != "" {
		shown.Config = json.RawMessage(r.Config)
		config, err := run.ConfigOf(r)
		if err != nil {
			s.log.Warn(fmt.Sprintf("what differs from the defaults is not marked, for this outcrop cannot read the configuration: %v", err))
		} else {
			shown.settings = settings.Of(&config)
			for _, o := range sweep.Overridden(config) {
				shown.Overrides = append(shown.Overrides, o.Key)
			}
		}
	}
	told, err := folder.ReadProvenance(dir)
	if err != nil {
		s.log.Warn(err.Error())
	}
	shown.Sessions = append(shown.Sessions, told.Sessions...)
	if err := shown.list(dir); err != nil {
		return shown, err
	}
	return shown, shown.measured(db)
}

// list tells of the files in a run's folder; a checkpoint counts as one.
func (shown *runShown) list(dir string) error {
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		shown.Bytes += info.Size()
		parts := strings.Split(filepath.ToSlash(name), "/")
		if len(parts) < 3 || parts[0] != "checkpoints" {
			shown.Files = append(shown.Files, fileRow{filepath.ToSlash(name), info.Size()})
			return nil
		}
		last := len(shown.Checkpoints) - 1
		if last < 0 || shown.Checkpoints[last].File != parts[1] {
			shown.Checkpoints = append(shown.Checkpoints, fileRow{File: parts[1]})
			last++
		}
		shown.Checkpoints[last].Bytes += info.Size()
		return nil
	})
	if os.IsNotExist(err) { // no folder yet, or a file that went meanwhile
		return nil
	}
	return err
}

// measured adds what the database has of the run beside its own row.
func (shown *runShown) measured(db *store.DB) error {
	metrics, err := db.LastMetrics(shown.Run)
	if err != nil {
		return err
	}
	for _, m := range metrics {
		shown.Metrics = append(shown.Metrics, metricRow{m.Statistic, m.Step, number(m.Value)})
	}
	fits, err := db.Fits(store.Select{Run: shown.Run})
	if err != nil {
		return err
	}
	for _, f := range fits {
		row := fitRowOf(f)
		row.Run, row.Series = f.Run, f.Site+"/"+f.Statistic
		if len(shown.Members) > 0 {
			row.Arm, row.Seed = shown.Members[0].Arm, shown.Members[0].Seed
		}
		shown.Fits = append(shown.Fits, row)
	}
	events, err := db.Events(shown.Run)
	if err != nil {
		return err
	}
	for _, e := range events {
		shown.History = append(shown.History, historyRow{e.At.UTC(), e.Status, e.Step, e.Message})
	}
	differences, err := db.Differences()
	if err != nil {
		return err
	}
	for _, d := range differences {
		if d.Run == shown.Run {
			shown.Differences = append(shown.Differences, differenceRow{d.Commit, d.GoVersion, d.KernelPath, d.CPU, d.Rows})
		}
	}
	conflicts, err := db.Conflicts()
	for _, c := range conflicts {
		if c.Run == shown.Run {
			shown.Conflicts++
		}
	}
	return err
}

func printRun(out io.Writer, r runShown) error {
	paint := painterFor(out)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	line := func(name, format string, args ...any) {
		_, _ = fmt.Fprintf(w, "%s\t%s\n", name, fmt.Sprintf(format, args...))
	}
	line("run", "%s", r.Run)
	for _, m := range r.Members {
		line("name", "%s/%s/%d", m.Sweep, m.Arm, m.Seed)
	}
	if r.settings == nil && string(r.Config) == "null" {
		line("state", "%s, not trained yet", paint.state(r.Status))
		return w.Flush()
	}
	line("state", "%s, step %d of %d", paint.state(r.Status), r.Step, r.Steps)
	if r.Error != "" {
		line("error", "%s", strings.ReplaceAll(r.Error, "\n", "\n\t"))
	}
	line("parameters", "%d", r.Params)
	line("device", "%s", r.Device)
	line("data", "%s", r.DataDigest)
	line("trainer", "version %d", r.TrainerVersion)
	line("provenance", "commit %s, %s, %s kernels, %s", r.Commit, r.GoVersion, r.KernelPath, r.CPU)
	for _, d := range r.Differences {
		line("", "then commit %s, %s, %s kernels, %s: %s came out otherwise", d.Commit, d.GoVersion, d.KernelPath, d.CPU, counted(d.Differing, "row"))
	}
	for i, session := range r.Sessions {
		name := ""
		if i == 0 {
			name = "worked on"
		}
		line(name, "%s on %s (%s, %d cores, %s) by `%s`", session.Started.Local().Format("2006-01-02 15:04:05"), session.Host, session.OS, session.Cores,
			counted(session.Threads, "thread"), session.Command)
	}
	for i, h := range r.History {
		name, message := "", ""
		if i == 0 {
			name = "history"
		}
		if h.Message != "" {
			message = ": " + strings.ReplaceAll(h.Message, "\n", "\n\t")
		}
		line(name, "%s %s at step %d%s", h.Time.Local().Format("2006-01-02 15:04:05"), h.Status, h.Step, message)
	}
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
	if err := w.Flush(); err != nil {
		return err
	}
	printConfig(out, r)
	if len(r.Fits) == 0 {
		return nil
	}
	_, _ = fmt.Fprintln(out)
	return printFits(out, r.Fits)
}

// printConfig prints each key of the configuration, and a star at those that differ from the default.
func printConfig(out io.Writer, r runShown) {
	if r.settings == nil {
		_, _ = fmt.Fprintf(out, "\nconfig  %s\n", r.Config)
		return
	}
	_, _ = fmt.Fprintln(out, "\nconfig, * where it differs from the default")
	for _, s := range r.settings {
		mark := " "
		if slices.Contains(r.Overrides, s.Key) {
			mark = "*"
		}
		_, _ = fmt.Fprintf(out, "%s %s\n", mark, s)
	}
}
