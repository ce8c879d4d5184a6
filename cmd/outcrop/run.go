package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/cheggaaa/pb/v3"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/outcrop-lab/outcrop/experiments"
	"github.com/outcrop-lab/outcrop/report"
	"github.com/outcrop-lab/outcrop/store"
)

func runCommand(s *settings) *cobra.Command {
	return &cobra.Command{
		Use:   "run FILE|NAME",
		Short: "Train a sweep, fit its curves, draw its figures and write its report",
		Args:  arguments(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			sweep, err := loadSweep(args[0])
			if err != nil {
				return err
			}
			return execute(cmd, s, sweep, args[0])
		},
	}
}

func execute(cmd *cobra.Command, s *settings, sweep *experiments.Sweep, name string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	planned, err := sweep.Plan(s.Device)
	if err != nil {
		return err
	}
	show := newProgress(cmd.ErrOrStderr(), planned)
	summary, err := experiments.Execute(cmd.Context(), sweep, experiments.Options{
		Results: s.Results, Jobs: s.Jobs, Threads: s.Threads, Device: s.Device,
		Worker: func(dir string) *exec.Cmd { return exec.Command(self, "worker", dir) },
		Events: show.event,
	})
	show.close()
	if errors.Is(err, context.Canceled) {
		_, _ = fmt.Fprintf(cmd.ErrOrStderr(), "interrupted: what was measured is kept; go on with: outcrop run %s --results %s\n", name, s.Results)
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
	if summary.Done+summary.Diverged > 0 {
		if _, err := draw(db, s, sweep.Name, nil); err != nil {
			return err
		}
		if err := report.Write(db, sweep.Name, s.reportPath(sweep.Name)); err != nil {
			return err
		}
		out := cmd.OutOrStdout()
		rows, err := fitRows(db, sweep.Name)
		if err != nil {
			return err
		}
		if err := printFits(out, rows); err != nil {
			return err
		}
		_, _ = fmt.Fprintf(out, "\nreport    %s\nfigures   %s\ndatabase  %s\n", s.reportPath(sweep.Name), s.figuresDir(sweep.Name)+string(filepath.Separator), s.database())
	}
	_, _ = fmt.Fprintf(cmd.ErrOrStderr(), "%d done (%d of them before), %d diverged, %d failed\n", summary.Done, summary.Kept, summary.Diverged, summary.Failed)
	if summary.Failed > 0 {
		return fmt.Errorf("%d of the sweep's runs failed:\n%s", summary.Failed, strings.Join(summary.Errors, "\n"))
	}
	return nil
}

// progress shows how runs go: a bar each on a terminal, plain lines otherwise.
type progress struct {
	out   io.Writer
	names map[string]string
	bars  map[string]*pb.ProgressBar
	pool  *pb.Pool
	last  map[string]time.Time
}

func newProgress(out io.Writer, planned []experiments.Planned) *progress {
	p := &progress{out: out, names: map[string]string{}, bars: map[string]*pb.ProgressBar{}, last: map[string]time.Time{}}
	terminal := false
	if f, ok := out.(*os.File); ok {
		terminal = term.IsTerminal(int(f.Fd()))
	}
	var bars []*pb.ProgressBar
	for _, r := range planned {
		name := fmt.Sprintf("%s, seed %d", r.Arm, r.Seed)
		if _, twice := p.names[r.ID]; twice {
			continue
		}
		p.names[r.ID] = name
		if terminal {
			bar := pb.ProgressBarTemplate(`{{string . "name"}} {{counters . }} {{bar . }} {{percent . }} {{rtime . "ETA %s"}}`).New(r.Config.Train.Steps)
			bar.Set("name", fmt.Sprintf("%-28.28s", name))
			p.bars[r.ID] = bar
			bars = append(bars, bar)
		}
	}
	if terminal {
		p.pool = pb.NewPool(bars...)
		if p.pool.Start() != nil {
			p.pool, p.bars = nil, nil
		}
	}
	return p
}

func (p *progress) event(e experiments.Event) {
	if bar := p.bars[e.Run]; bar != nil {
		bar.SetCurrent(int64(e.Step))
		if e.Status != "running" && e.Status != "started" {
			bar.Finish()
		}
		return
	}
	if now := time.Now(); e.Status != "running" || now.Sub(p.last[e.Run]) > 10*time.Second {
		p.last[e.Run] = now
		_, _ = fmt.Fprintf(p.out, "%s: %s, step %d of %d\n", p.names[e.Run], e.Status, e.Step, e.Steps)
	}
}

func (p *progress) close() {
	if p.pool != nil {
		_ = p.pool.Stop()
	}
}
