package experiments

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"reflect"
	"runtime"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/klauspost/cpuid/v2"

	"github.com/outcrop-lab/outcrop/compute"
	"github.com/outcrop-lab/outcrop/probes"
	"github.com/outcrop-lab/outcrop/store"
	"github.com/outcrop-lab/outcrop/trainer"
)

// Files of a run's folder, beside the trainer's checkpoints/.
const (
	configFile = "config.yaml"
	shardFile  = "run.db"
	logFile    = "log.jsonl"
)

// assignment is what config.yaml holds: the run, resolved. It is written as JSON, which is YAML.
type assignment struct {
	ID         string `json:"id"`
	DataDigest string `json:"data_digest"`
	Device     string `json:"device"`
	Threads    int    `json:"threads"`
	Config     any    `json:"config"`
	// Stopping is the sweep's, where it has one.
	Stopping *Stopping `json:"stopping,omitempty"`
	Until    int       `json:"until,omitempty"`
}

// Event is what a worker says of its run, one JSON line each.
type Event struct {
	Run    string  `json:"run"`
	Step   int     `json:"step"`
	Steps  int     `json:"steps"`
	Loss   float64 `json:"loss"`
	Status string  `json:"status"`
	// Message says more than the status, where there is more to say.
	Message string `json:"message,omitempty"`
	// Cause is what a worker's failure comes from; for the coordinator alone.
	Cause string `json:"cause,omitempty"`
}

// assign writes a run's config.yaml, by rename.
func assign(dir string, p Planned, threads int) error {
	text, err := json.MarshalIndent(assignment{p.ID, p.DataDigest, p.Device, threads, nested(reflect.ValueOf(&p.Config).Elem()), p.Stopping, p.Until}, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	path := filepath.Join(dir, configFile)
	if err := os.WriteFile(path+".partial", append(text, '\n'), 0o666); err != nil {
		return err
	}
	return os.Rename(path+".partial", path)
}

// assigned reads a run's config.yaml.
func assigned(dir string) (Planned, int, error) {
	path := filepath.Join(dir, configFile)
	src, err := os.ReadFile(path)
	if err != nil {
		return Planned{}, 0, inputError([]Fault{{File: path, Message: "reading the run: " + err.Error()}})
	}
	c, err := decodeConfig(path, src)
	if err != nil {
		return Planned{}, 0, err
	}
	var a assignment
	if err := json.Unmarshal(src, &a); err != nil {
		return Planned{}, 0, inputError([]Fault{{File: path, Message: err.Error()}})
	}
	return Planned{ID: a.ID, Config: c, DataDigest: a.DataDigest, Device: a.Device, Seed: c.Seed, Stopping: a.Stopping, Until: a.Until}, a.Threads, nil
}

// decodeConfig reads the key `config` of a document, a run's resolved configuration.
func decodeConfig(file string, src []byte) (trainer.Config, error) {
	c, standard := trainer.Default(), trainer.Default()
	root, err := parse(file, src)
	if err != nil {
		return c, err
	}
	d := &decoder{origin: origin{file: file}, prefix: "config."}
	if n := find(root, "config"); n != nil {
		d.merge(n, &c, &standard)
	}
	return c, inputError(d.faults)
}

// Work is the body of a worker process: it trains the run of a folder to the end, or until ctx is cancelled or its standard
// input, in, closes, as it does when the coordinator ends, however it ends. It writes into that folder only, and says on out how
// it goes. A run that is cut short is no error: its status is stopped.
func Work(ctx context.Context, dir string, in io.Reader, out io.Writer) (err error) {
	ctx, leave := context.WithCancel(ctx)
	defer leave()
	go func() {
		_, _ = io.Copy(io.Discard, in)
		leave()
	}()
	defer func() {
		if cause := causeOf(err); err != nil && cause != "" {
			_ = json.NewEncoder(out).Encode(Event{Status: store.Failed, Cause: cause})
		}
	}()
	p, threads, err := assigned(dir)
	if err != nil {
		return err
	}
	signal.Ignore(syscall.SIGPIPE) // a coordinator that is gone must not keep the worker from its last checkpoint
	db, release, err := hold(dir, p)
	if err != nil {
		return err
	}
	defer func() {
		if releasing := release(); err == nil {
			err = releasing
		}
	}()
	log, err := os.OpenFile(filepath.Join(dir, logFile), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o666)
	if err != nil {
		return fmt.Errorf("experiments: %w", err)
	}
	defer func() { _ = log.Close() }()
	run, err := storedRun(p)
	if err != nil {
		return err
	}
	run.Status = store.Running
	if err := introduce(dir, p, run, threads); err != nil {
		return err
	}
	if err := db.PutRun(run); err != nil {
		return err
	}
	w := worker{run: run, db: db, log: json.NewEncoder(log), out: json.NewEncoder(out)}
	if p.Stopping != nil {
		own, stop := context.WithCancel(ctx)
		defer stop()
		ctx, w.watch = own, &watch{rule: p.Stopping, until: p.Until, stop: stop}
		if kept, err := trainer.Kept(dir); err != nil {
			return err
		} else if p.Until > 0 && len(kept) > 0 && kept[len(kept)-1] >= p.Until {
			stop() // it is there already
		}
		if w.watch.steps, w.watch.values, err = p.Stopping.measured(db, p.ID); err != nil {
			return err
		}
	}
	w.say("started", 0, 0)
	w.note("started", 0, 0)
	result, err := trainer.Run(ctx, p.Config, trainer.Options{Dir: dir, Run: p.ID, Threads: threads, Recorder: &w, Progress: w.progress, Refused: w.refused})
	run.Step, run.Params, run.Status = result.Step, result.Params, string(result.Status)
	if err != nil {
		run.Status, run.Error = store.Failed, err.Error()
	} else if w.watch != nil && run.Status == store.Stopped {
		run.Error = w.watch.reason
	}
	if indexing := indexSnapshots(db, dir, p.ID); err == nil {
		err = indexing
	}
	if putting := db.PutRun(run); err == nil {
		err = putting
	}
	w.note(run.Status, run.Step, result.Loss)
	return err
}

// hold makes this process the only one that works in the folder of a run, which must still be the one that was planned, and
// opens its shard. release closes the shard and lets go of the folder.
func hold(dir string, p Planned) (shard *store.DB, release func() error, err error) {
	held, err := lock(dir)
	if err != nil {
		return nil, nil, err
	}
	if err = unchanged(dir, p); err == nil {
		shard, err = store.Open(filepath.Join(dir, shardFile))
	}
	if err != nil {
		_ = held.Close()
		return nil, nil, err
	}
	return shard, func() error { return errors.Join(shard.Close(), held.Close()) }, nil
}

// indexSnapshots puts into a run's shard where the snapshots in its folder are, one entry a sequence.
func indexSnapshots(db *store.DB, dir, run string) error {
	all, err := trainer.ReadSnapshots(dir)
	if err != nil || len(all) == 0 {
		return err
	}
	var files []store.SnapshotFile
	for _, s := range all {
		for sequence := range s.Shape[0] {
			files = append(files, store.SnapshotFile{Step: s.Step, Layer: s.Layer, Site: s.Site, Sequence: sequence, File: s.File, Tensor: s.Tensor})
		}
	}
	return db.PutSnapshots(run, files)
}

// storedRun is a planned run as the store keeps it, with this process's provenance.
func storedRun(p Planned) (store.Run, error) {
	text, err := canonical(nested(reflect.ValueOf(&p.Config).Elem()))
	if err != nil {
		return store.Run{}, err
	}
	r := store.Run{ID: p.ID, Config: string(text), DataDigest: p.DataDigest, TrainerVersion: trainer.Version, Seed: p.Seed,
		Device: p.Device, Precision: p.Config.Train.Precision, Slices: p.Config.Train.Slices, Steps: p.Config.Train.Steps,
		Params: p.Params, Commit: "unknown", GoVersion: runtime.Version(), KernelPath: compute.Paths()[0], CPU: cpuid.CPU.BrandName}
	if info, ok := debug.ReadBuildInfo(); ok {
		built := map[string]string{}
		for _, s := range info.Settings {
			built[s.Key] = s.Value
		}
		if commit := built["vcs.revision"]; commit != "" {
			r.Commit = commit
		}
		if built["vcs.modified"] == "true" {
			r.Commit += "+modified"
		}
	}
	return r, nil
}

// worker adapts a run's shard to what the trainer records into.
type worker struct {
	run   store.Run
	db    *store.DB
	log   *json.Encoder
	out   *json.Encoder
	last  time.Time // that it told of a step
	kept  time.Time // that it put the step into its shard and its log
	watch *watch    // nil where nothing ends the run early
}

// Record implements trainer.Recorder.
func (w *worker) Record(step int, values []probes.Value) error {
	rows := make([]store.Row, len(values))
	for i, v := range values {
		rows[i] = store.Row{Site: v.Site, Statistic: v.Statistic, Layer: v.Layer, Head: v.Head, Idx: v.Idx, Value: v.Value}
	}
	if err := w.db.PutRows(w.run.ID, step, rows); err != nil {
		return err
	}
	if w.watch != nil {
		w.watch.see(step, values)
	}
	return nil
}

// Timing implements trainer.Recorder.
func (w *worker) Timing(step int, name string, value float64) error {
	return w.db.PutTiming(w.run.ID, step, name, value)
}

// progress tells of a step, at most five times a second, and keeps it in the log and, as often as that is merged, in the shard.
func (w *worker) progress(step int, loss float64) {
	if w.watch != nil && step == w.watch.until {
		w.watch.stop()
	}
	now := time.Now()
	if now.Sub(w.last) > time.Second/5 {
		w.last = now
		w.say(store.Running, step, loss)
	}
	if now.Sub(w.kept) > mergeEvery {
		w.kept = now
		w.note(store.Running, step, loss)
		_ = w.db.SetStatus(w.run.ID, store.Running, step, "") // the last word is said at the end
	}
}

func (w *worker) say(status string, step int, loss float64) {
	_ = w.out.Encode(Event{Run: w.run.ID, Step: step, Steps: w.run.Steps, Loss: plainOrZero(loss), Status: status})
}

// refused tells of a checkpoint that was passed over, in the log and to the coordinator.
func (w *worker) refused(r trainer.Refusal, from int) {
	text := fmt.Sprintf("refused the %v; going on from step %d", r, from)
	w.say(text, from, 0)
	w.note(text, from, 0)
}

// note writes into the run's log. How the run ended the coordinator tells, once its rows are merged.
func (w *worker) note(status string, step int, loss float64) {
	_ = w.log.Encode(map[string]any{"time": time.Now().UTC().Format("2006-01-02T15:04:05.000Z07:00"), "status": status, "step": step, "loss": plainOrZero(loss)})
}

// plainOrZero keeps NaN and infinities out of JSON.
func plainOrZero(x float64) float64 {
	if x-x != 0 {
		return 0
	}
	return x
}
