package main

import (
	"fmt"
	"io"
	"log/slog"
	"math"
	"os"
	"strings"
	"time"

	"github.com/cheggaaa/pb/v3"
	"golang.org/x/term"

	"github.com/outcrop-lab/outcrop/count"
	"github.com/outcrop-lab/outcrop/experiments/folder"
	"github.com/outcrop-lab/outcrop/experiments/plan"
	"github.com/outcrop-lab/outcrop/experiments/results"
	"github.com/outcrop-lab/outcrop/store"
)

// progress shows the progress of each run and of the whole sweep, as bars on a terminal and otherwise as messages.
type progress struct {
	log     *slog.Logger
	sweep   string
	every   time.Duration // least time between two messages about the progress of the same run
	runs    []results.RunStatus
	at      map[string]int // index of each run in runs, by the run's id
	begun   map[string]mark
	told    map[string]time.Time
	pool    *pb.Pool
	bars    map[string]*pb.ProgressBar
	all     *pb.ProgressBar
	clean   bool            // remove a bar when its run ends, because the terminal is too small for all
	notice  *pb.ProgressBar // the newest notice, cut to the width of the terminal
	notices []string        // all notices in full, to be logged when the bars end
}

// mark is the step that a run had reached at a certain time.
type mark struct {
	step int
	time time.Time
}

// barName is the format of the name on a bar. It cuts or pads the name to 28 characters.
const barName = "%-28.28s"

func newProgress(out io.Writer, s *preferences, sweep string, planned []plan.Planned) *progress {
	p := &progress{log: s.log, sweep: sweep, every: 10 * time.Second, at: map[string]int{},
		begun: map[string]mark{}, told: map[string]time.Time{}, bars: map[string]*pb.ProgressBar{}}
	if s.LogFormat == "json" {
		p.every = time.Second
	}
	before := stored(s)
	for _, r := range planned {
		if _, twice := p.at[r.ID]; twice {
			continue
		}
		p.at[r.ID] = len(p.runs)
		status, old := store.Planned, before[r.ID]
		if store.Ended(old.Status) || old.Status == store.Stopped {
			status = old.Status
		}
		p.runs = append(p.runs, results.RunStatus{Run: r.ID, Sweep: sweep, Arm: r.Arm, Seed: r.Seed, Status: status,
			Error: old.Error, Step: old.Step, Steps: r.Config.Train.Steps, Params: r.Params,
			Loss: math.NaN(), Rate: math.NaN(), Left: math.NaN()})
	}
	if screen, is := terminal(out); is && s.LogFormat == "text" && !s.Quiet {
		p.draw(screen)
	}
	return p
}

// stored returns the runs in the database, by the run's id. What they have done is no part of the sweep's remaining
// work. If the database cannot be read, stored returns an empty map.
func stored(s *preferences) map[string]store.Run {
	all := map[string]store.Run{}
	_ = s.reading(func(db *store.DB) error {
		runs, err := db.Runs()
		for _, r := range runs {
			all[r.ID] = r
		}
		return err
	})
	return all
}

// draw starts the display of bars with the bar of the whole sweep. Each run's bar is added at the run's first event. If
// the terminal cannot be used for bars, progress is shown by messages instead.
func (p *progress) draw(out *os.File) {
	pool := pb.NewPool()
	pool.Output = out
	if pool.Start() != nil {
		return
	}
	_, rows, err := term.GetSize(int(out.Fd()))
	p.clean = err != nil || len(p.runs)+2 > rows
	p.pool = pool
	p.all = p.newBar("sweep "+p.sweep, 10000,
		`{{string . "name"}} {{string . "runs"}} {{bar . }} {{percent . }} {{string . "left"}}`)
	p.showAll()
}

func (p *progress) newBar(name string, total int, template string) *pb.ProgressBar {
	bar := pb.ProgressBarTemplate(template).New(total)
	bar.Set("name", fmt.Sprintf(barName, name)).Set(pb.CleanOnFinish, p.clean)
	p.pool.Add(bar)
	return bar
}

// goesOn reports whether a worker reports this status repeatedly while it works.
func goesOn(status string) bool { return status == store.Running || status == folder.Measuring }

// ended reports whether this is a status that a run has after its worker has ended.
func ended(status string) bool {
	return store.Settled(status) || status == store.Stopped
}

func (p *progress) event(e folder.Event) {
	i, known := p.at[e.Run]
	if known && e.Status == "retried" { // it neither trains nor has an end, until it starts again
		r := &p.runs[i]
		r.Status, r.Rate, r.Left = store.Lost, math.NaN(), math.NaN()
	}
	if !known || e.Status == "elsewhere" || e.Status == "retried" || strings.Contains(e.Status, " ") {
		p.say(e)
		return
	}
	r, now := &p.runs[i], time.Now()
	switch {
	case e.Status == folder.Started:
		r.Status, r.Step, r.Loss = store.Running, e.Step, math.NaN()
		delete(p.begun, e.Run)
	case e.Status == store.Running:
		r.Status, r.Step, r.Loss = e.Status, e.Step, orUnknown(e.Loss)
		if first, begun := p.begun[e.Run]; !begun || e.Step < first.step {
			p.begun[e.Run] = mark{e.Step, now}
		} else if took := now.Sub(first.time).Seconds(); took > 0 && e.Step > first.step {
			r.Rate = float64(e.Step-first.step) / took
			r.Left = float64(r.Steps-r.Step) / r.Rate
		}
	case ended(e.Status):
		r.Status, r.Step, r.Loss, r.Left, r.Error = e.Status, e.Step, orUnknown(e.Loss), math.NaN(), ""
		if e.Early {
			r.Error = e.Message
		}
		delete(p.begun, e.Run)
	}
	if p.pool != nil {
		p.show(r, e)
		return
	}
	if !goesOn(e.Status) || now.Sub(p.told[e.Run]) > p.every {
		p.told[e.Run] = now
		p.tell(r, e)
	}
}

// orUnknown returns the loss of an event, or NaN if it is not known.
func orUnknown(loss float64) float64 {
	if loss == 0 {
		return math.NaN()
	}
	return loss
}

// say shows an event that does not give the status of one of this sweep's runs: an event of the whole sweep, a retry, a
// failed merge, or a run on which another coordinator works.
func (p *progress) say(e folder.Event) {
	text := e.Status
	if e.Message != "" {
		text += ": " + e.Message
	}
	if i, known := p.at[e.Run]; known {
		text = fmt.Sprintf("%s, seed %d: %s", p.runs[i].Arm, p.runs[i].Seed, text)
	}
	if p.pool != nil {
		p.notices = append(p.notices, text)
		if p.notice == nil {
			p.notice = pb.ProgressBarTemplate(`{{string . "text"}}`).New(1)
			p.pool.Add(p.notice)
		}
		p.notice.Set("text", oneLine(new(printable).escape(text)))
		return
	}
	p.log.Warn(text, "event", "notice", "sweep", p.sweep, "run", e.Run, "status", e.Status)
}

// show updates the bars after an event.
func (p *progress) show(r *results.RunStatus, e folder.Event) {
	bar := p.bars[e.Run]
	if bar == nil {
		bar = p.newBar(fmt.Sprintf("%s, seed %d", r.Arm, r.Seed), r.Steps,
			`{{string . "name"}} {{counters . }} {{bar . }} {{percent . }} {{string . "left"}}`)
		p.bars[e.Run] = bar
	}
	bar.SetCurrent(int64(e.Step))
	switch {
	case ended(e.Status):
		bar.Set("left", e.Status)
		bar.Finish()
		if e.Message != "" {
			p.notices = append(p.notices, fmt.Sprintf("%s, seed %d: %s: %s", r.Arm, r.Seed, e.Status, e.Message))
		}
	case e.Status == store.Running:
		bar.Set("left", lasting(r.Left)+" left")
		if bar.IsFinished() { // the run is tried again
			bar.Start()
		}
	default:
		bar.Set("left", e.Status)
	}
	p.showAll()
}

func (p *progress) showAll() {
	left, done := results.Left(p.runs)
	p.all.SetCurrent(int64(10000 * done))
	p.all.Set("runs", fmt.Sprintf("%d of %s", p.over(), count.Of(len(p.runs), "run")))
	p.all.Set("left", lasting(left)+" left")
}

// over returns how many runs are done, diverged or failed, or were stopped by the sweep's rule. It does not count runs
// that can go on.
func (p *progress) over() (n int) {
	for _, r := range p.runs {
		if store.Settled(r.Status) || r.Early() {
			n++
		}
	}
	return n
}

// tell logs the progress of a run. It also logs the progress of the sweep if the run has ended, or if the log is in
// JSON.
func (p *progress) tell(r *results.RunStatus, e folder.Event) {
	status := e.Status
	text := fmt.Sprintf("%s, seed %d: %s, step %d of %d", r.Arm, r.Seed, status, r.Step, r.Steps)
	if e.Message != "" {
		text += ": " + e.Message
	}
	if r.Left > 0 {
		text += fmt.Sprintf(", %s left", lasting(r.Left))
	}
	p.log.Info(text, "event", "run", "sweep", p.sweep, "run", r.Run, "arm", r.Arm, "seed", r.Seed,
		"status", status, "step", r.Step, "steps", r.Steps,
		"loss", results.Number(r.Loss), "steps_per_second", results.Number(r.Rate), "seconds_left", results.Number(r.Left))
	if !ended(status) && p.every > time.Second { // a person is told of the sweep only when a run ends
		return
	}
	left, done := results.Left(p.runs)
	text = fmt.Sprintf("sweep %s: %d of %s ended, %s of the work done",
		p.sweep, p.over(), count.Of(len(p.runs), "run"), percent(done))
	if left > 0 {
		text += fmt.Sprintf(", %s left", lasting(left))
	}
	p.log.Info(text, "event", "sweep", "sweep", p.sweep, "ended", p.over(), "runs", len(p.runs),
		"progress", results.Number(done), "seconds_left", results.Number(left))
}

func (p *progress) close() {
	if p.pool == nil {
		return
	}
	p.showAll()
	p.all.Set("left", "")
	_ = p.pool.Stop()
	for _, line := range p.notices {
		p.log.Warn(line)
	}
}
