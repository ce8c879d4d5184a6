package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"al.essio.dev/pkg/shellescape"
	"github.com/cheggaaa/pb/v3"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/outcrop-lab/outcrop/experiments"
	"github.com/outcrop-lab/outcrop/report"
	"github.com/outcrop-lab/outcrop/store"
	"github.com/outcrop-lab/outcrop/trainer"
)

// runRow is one run of a sweep after its execution, as printed.
type runRow struct {
	Run    string `json:"run"`
	Arm    string `json:"arm"`
	Seed   uint64 `json:"seed"`
	Status string `json:"status"`
	Step   int    `json:"step"`
	Steps  int    `json:"steps"`
	Error  string `json:"error"`
}

// runDocument is what run --json prints.
type runDocument struct {
	Sweep    string   `json:"sweep"`
	Runs     []runRow `json:"runs"`
	Fits     []fitRow `json:"fits"`
	Report   string   `json:"report"`
	Figures  []string `json:"figures"`
	Database string   `json:"database"`
}

func runCommand(s *settings) *cobra.Command {
	asJSON, sets := false, []string(nil)
	cmd := &cobra.Command{
		Use:   "run FILE|NAME",
		Short: "Train a sweep, fit its curves, draw its figures and write its report",
		Args:  arguments(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			sweep, err := loadSweep(args[0], sets...)
			if err != nil {
				return err
			}
			return execute(cmd, s, sweep, args[0], nil, asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	setFlag(cmd, &sets)
	return cmd
}

// execute trains a sweep, or of its runs those with the ids of only, and writes what follows from it. name is what the verb
// was called with.
func execute(cmd *cobra.Command, s *settings, sweep *experiments.Sweep, name string, only []string, asJSON bool) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	planned, err := sweep.Plan(s.Device)
	if err != nil {
		return err
	}
	show := newProgress(cmd.ErrOrStderr(), s, planned)
	summary, err := experiments.Execute(cmd.Context(), sweep, experiments.Options{
		Results: s.Results, Jobs: s.Jobs, Threads: s.Threads, Retries: s.Retries, Device: s.Device, Only: only,
		Worker: func(dir string) *exec.Cmd { return exec.Command(self, "worker", dir) },
		Events: show.event,
	})
	show.close()
	if errors.Is(err, context.Canceled) {
		s.log.Warn("interrupted: what was measured is kept; go on with: " + commandLine(cmd, name))
		return errInterrupted
	}
	if err != nil {
		return err
	}
	db, err := store.OpenReadOnly(s.database())
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	document, err := results(db, s, sweep.Name)
	if err != nil {
		return err
	}
	if summary.Done+summary.Diverged > 0 {
		if document.Figures, err = draw(db, s, sweep.Name, nil); err != nil {
			return err
		}
		document.Report = s.reportPath(sweep.Name)
		if err := report.Write(db, sweep.Name, document.Report); err != nil {
			return err
		}
	}
	out := cmd.OutOrStdout()
	if asJSON {
		err = json.NewEncoder(out).Encode(document)
	} else if document.Report != "" {
		err = printFits(out, document.Fits)
		_, _ = fmt.Fprintf(out, "\nreport    %s\nfigures   %s\ndatabase  %s\n", document.Report, s.figuresDir(sweep.Name)+string(filepath.Separator), document.Database)
	}
	if err != nil {
		return err
	}
	s.log.Info(fmt.Sprintf("%d done (%d of them before), %d diverged, %d failed", summary.Done, summary.Kept, summary.Diverged, summary.Failed))
	if summary.Conflicts > 0 {
		s.log.Warn(fmt.Sprintf("%d values came out otherwise than before under the same provenance: the runs are not deterministic; outcrop query \"SELECT * FROM conflicts\" lists them", summary.Conflicts))
	}
	if summary.Failed > 0 {
		return fmt.Errorf("%d of the sweep's runs failed:\n%s", summary.Failed, strings.Join(summary.Errors, "\n"))
	}
	if summary.Stopped > 0 {
		s.log.Warn(fmt.Sprintf("%d runs were stopped as somebody asked: go on with outcrop resume %s", summary.Stopped, sweep.Name))
		return errInterrupted
	}
	return nil
}

// results lists a sweep's runs and fits.
func results(db *store.DB, s *settings, sweep string) (runDocument, error) {
	document := runDocument{Sweep: sweep, Runs: []runRow{}, Figures: []string{}, Database: s.database()}
	members, err := db.RunsOf(sweep)
	if err != nil {
		return document, err
	}
	for _, m := range members {
		document.Runs = append(document.Runs, runRow{m.Run.ID, m.Member.Arm, m.Member.Seed, m.Run.Status, m.Run.Step, m.Run.Steps, m.Run.Error})
	}
	document.Fits, err = fitRows(db, sweep)
	return document, err
}

// commandLine is this call again, as a shell takes it.
func commandLine(cmd *cobra.Command, name string) string {
	words := []string{cmd.CommandPath(), shellescape.Quote(name)}
	cmd.Flags().Visit(func(f *pflag.Flag) {
		values := []string{f.Value.String()}
		if list, ok := f.Value.(pflag.SliceValue); ok {
			values = list.GetSlice()
		}
		for _, value := range values {
			words = append(words, "--"+f.Name+"="+shellescape.Quote(value))
		}
	})
	return strings.Join(words, " ")
}

// progress shows how runs go: a bar each on a terminal, plain lines otherwise.
type progress struct {
	log   *slog.Logger
	names map[string]string
	bars  map[string]*pb.ProgressBar
	pool  *pb.Pool
	last  map[string]time.Time
}

func newProgress(out io.Writer, s *settings, planned []experiments.Planned) *progress {
	p := &progress{log: s.log, names: map[string]string{}, bars: map[string]*pb.ProgressBar{}, last: map[string]time.Time{}}
	for _, r := range planned {
		if _, twice := p.names[r.ID]; !twice {
			p.names[r.ID] = fmt.Sprintf("%s, seed %d", r.Arm, r.Seed)
		}
	}
	if f, ok := out.(*os.File); ok && s.LogFormat == "text" && term.IsTerminal(int(f.Fd())) {
		if p.pool = pb.NewPool(); p.pool.Start() != nil {
			p.pool = nil
		}
	}
	return p
}

// bar is a run's bar, which appears when the run starts, so that its ETA counts from there; nil without a terminal.
func (p *progress) bar(e experiments.Event) *pb.ProgressBar {
	if p.pool == nil || p.bars[e.Run] != nil {
		return p.bars[e.Run]
	}
	bar := pb.ProgressBarTemplate(`{{string . "name"}} {{counters . }} {{bar . }} {{percent . }} {{rtime . "ETA %s" "%.0sdone" ""}}`).New(e.Steps)
	bar.Set("name", fmt.Sprintf("%-28.28s", p.names[e.Run]))
	p.bars[e.Run] = bar
	p.pool.Add(bar)
	return bar
}

func (p *progress) event(e experiments.Event) {
	if e.Run == "" || e.Status == "elsewhere" || e.Status == "retried" {
		p.say(e)
		return
	}
	if bar := p.bar(e); bar != nil {
		bar.SetCurrent(int64(e.Step))
		switch e.Status {
		case string(trainer.Done), string(trainer.Diverged), string(trainer.Stopped), experiments.Failed:
			bar.Finish()
		}
		return
	}
	if now := time.Now(); e.Status != "running" || now.Sub(p.last[e.Run]) > 10*time.Second {
		p.last[e.Run] = now
		p.log.Info(fmt.Sprintf("%s: %s, step %d of %d", p.names[e.Run], e.Status, e.Step, e.Steps),
			"run", e.Run, "status", e.Status, "step", e.Step, "steps", e.Steps, "loss", e.Loss)
	}
}

// say tells of the sweep as a whole, or of a run without a worker.
func (p *progress) say(e experiments.Event) {
	text := e.Status + ": " + e.Message
	if name := p.names[e.Run]; name != "" {
		text = name + ": " + text
	}
	p.log.Warn(text, "run", e.Run, "status", e.Status)
}

func (p *progress) close() {
	if p.pool != nil {
		_ = p.pool.Stop()
	}
}
