package results

import (
	"math"
	"time"

	"github.com/outcrop-lab/outcrop/experiments/folder"
	"github.com/outcrop-lab/outcrop/settings"
	"github.com/outcrop-lab/outcrop/store"
)

// RunStatus is one run's status and progress.
type RunStatus struct {
	Run    string
	Sweep  string // "" for a run of no sweep
	Arm    string
	Seed   uint64
	Status string
	Error  string
	// Attempts is the number of times that a worker has started on the run.
	Attempts int
	Step     int
	Steps    int // 0 if only the plan is stored
	// Loss is the newest training loss, in nats per token. Rate is the speed of training, in steps a second. Each is
	// NaN if it is not known.
	Loss, Rate float64
	// Left is the time that a running run still takes, in seconds; NaN if it is not known.
	Left float64
	// Params is the number of parameters; 0 if it is not known yet.
	Params int
}

// Early reports whether the sweep's rule has stopped the run. The error of a stopped run is the rule's reason.
func (r RunStatus) Early() bool { return r.Status == store.Stopped && r.Error != "" }

// SweepStatus holds the statuses of a sweep's runs, in the order of its arms.
type SweepStatus struct {
	Sweep string
	Runs  []RunStatus
	// Counts maps each status to the number of runs that have it. A run that two arms share counts once.
	Counts map[string]int
	// Left is the time, in seconds, that the sweep's remaining work takes at the pace of the runs that train now; NaN
	// while no run trains. Progress is the fraction of the work that is done. The function Left defines the work.
	Left, Progress float64
}

// Statuses returns the status of the named sweep, or of every sweep if sweep is "". It reads one snapshot of the
// database, and the folders of runs that may be training. If sweep is "", the runs that belong to no sweep come last,
// as a sweep with the name "".
func Statuses(db *store.DB, results, sweep string) (all []SweepStatus, err error) {
	err = db.AtOnce(func(db *store.DB) error {
		all, err = statuses(db, results, sweep)
		return err
	})
	return all, err
}

func statuses(db *store.DB, results, sweep string) (all []SweepStatus, err error) {
	known, err := newestOf(db)
	if err != nil {
		return nil, err
	}
	sweeps, err := db.Sweeps()
	if err != nil {
		return nil, err
	}
	member := map[string]bool{}
	for _, s := range sweeps {
		runs, err := db.RunsOf(s.Name)
		if err != nil {
			return nil, err
		}
		for _, r := range runs {
			member[r.Run.ID] = true
		}
		if sweep != "" && s.Name != sweep {
			continue
		}
		status, err := statusOf(results, s.Name, runs, known)
		if err != nil {
			return nil, err
		}
		all = append(all, status)
	}
	if sweep != "" {
		return all, nil
	}
	runs, err := db.Runs()
	if err != nil {
		return nil, err
	}
	var alone []store.MemberRun
	for _, r := range runs {
		if !member[r.ID] {
			alone = append(alone, store.MemberRun{Member: store.Member{Seed: r.Seed, Run: r.ID}, Run: r})
		}
	}
	if alone == nil {
		return all, nil
	}
	status, err := statusOf(results, "", alone, known)
	return append(all, status), err
}

// newest is what the database has of each run besides the run's own row.
type newest struct {
	losses, rates map[string]store.Last
	leases        map[string]*store.Lease
	starts        map[string]int
}

func newestOf(db *store.DB) (k newest, err error) {
	k.losses, k.rates = map[string]store.Last{}, map[string]store.Last{}
	losses, err := db.LastMetrics("", "loss")
	if err != nil {
		return k, err
	}
	for _, l := range losses {
		k.losses[l.Run] = l
	}
	rates, err := db.LastTimings("", "tokens_per_second")
	if err != nil {
		return k, err
	}
	for _, l := range rates {
		k.rates[l.Run] = l
	}
	if k.leases, err = db.Leases(); err != nil {
		return k, err
	}
	k.starts, err = db.Starts()
	return k, err
}

func statusOf(results, sweep string, runs []store.MemberRun, known newest) (SweepStatus, error) {
	s := SweepStatus{Sweep: sweep, Runs: []RunStatus{}, Counts: map[string]int{}}
	counted := map[string]bool{}
	for _, m := range runs {
		r, err := runStatus(results, m, known)
		if err != nil {
			return s, err
		}
		s.Runs = append(s.Runs, r)
		if !counted[r.Run] { // two arms may share a run
			counted[r.Run] = true
			s.Counts[r.Status]++
		}
	}
	s.Left, s.Progress = Left(s.Runs)
	return s, nil
}

// tokensPerStep returns batch times context of a stored run; NaN if its configuration does not say.
func tokensPerStep(r store.Run) float64 {
	list, err := settings.Parse(r.Config)
	if err != nil {
		return math.NaN()
	}
	batch, one := settings.Number(list, "train.batch")
	context, two := settings.Number(list, "arch.context")
	if !one || !two {
		return math.NaN()
	}
	return batch * context
}

func runStatus(results string, m store.MemberRun, known newest) (RunStatus, error) {
	r := m.Run
	s := RunStatus{Run: r.ID, Sweep: m.Member.Sweep, Arm: m.Member.Arm, Seed: m.Member.Seed, Error: r.Error,
		Step: r.Step, Steps: r.Steps, Status: store.StatusOf(r.Status, known.leases[r.ID], time.Now()),
		Attempts: known.starts[r.ID], Loss: math.NaN(), Rate: math.NaN(), Left: math.NaN(), Params: r.Params}
	if l, ok := known.losses[r.ID]; ok {
		s.Loss, s.Step = l.Value, max(s.Step, l.Step)
	}
	if l, ok := known.rates[r.ID]; ok {
		s.Rate = l.Value / tokensPerStep(r)
	}
	if store.Settled(s.Status) {
		return s, nil
	}
	dir, err := folder.Of(results, r.ID)
	if err != nil {
		return s, err
	}
	live, err := folder.ReadLive(dir)
	if err != nil {
		return s, err
	}
	if s.Status = live.Status(s.Status); s.Status == store.Lost && s.Step == 0 {
		s.Step = live.Last.Step // nothing of it was merged
	}
	if s.Status != store.Running {
		return s, nil
	}
	if live.Last.Status == store.Running { // the database has later steps of a run that is being trained again
		s.Step, s.Loss = live.Last.Step, live.Last.Loss
	}
	if !math.IsNaN(live.Rate) {
		s.Rate = live.Rate
	}
	if s.Rate > 0 && s.Steps > 0 {
		s.Left = float64(s.Steps-s.Step) / s.Rate
		if live.Last.Status == store.Running {
			s.Left = max(0, s.Left-time.Since(live.Last.Time).Seconds())
		}
	}
	return s, nil
}

// Left estimates how many seconds a sweep still takes, and which fraction of its work is done. A run's work is its
// number of steps times its number of parameters; a run that will not go on by itself, because it has ended, failed or
// was stopped by a rule, has no further steps. If one of these numbers is not stored yet, Left uses its mean over the
// other runs.
func Left(runs []RunStatus) (seconds, progress float64) {
	var each []RunStatus
	var steps, params mean
	seen := map[string]bool{}
	for _, r := range runs {
		if !seen[r.Run] {
			seen[r.Run] = true
			each = append(each, r)
			steps.add(r.Steps)
			params.add(r.Params)
		}
	}
	var total, done, pace float64
	for _, r := range each {
		size, all := params.or(r.Params), steps.or(r.Steps)
		if store.Settled(r.Status) || r.Early() {
			all = float64(r.Step)
		}
		total += all * size
		done += float64(r.Step) * size
		if r.Status == store.Running && r.Rate > 0 {
			pace += r.Rate * size
		}
	}
	if total > 0 {
		progress = done / total
	}
	if pace == 0 {
		return math.NaN(), progress
	}
	return max(0, total-done) / pace, progress
}

// mean is the mean of the positive values that were added to it.
type mean struct {
	sum float64
	n   int
}

func (m *mean) add(x int) {
	if x > 0 {
		m.sum += float64(x)
		m.n++
	}
}

// or returns x, or the mean if x is not known; 1 if neither is.
func (m *mean) or(x int) float64 {
	switch {
	case x > 0:
		return float64(x)
	case m.n == 0:
		return 1
	}
	return m.sum / float64(m.n)
}
