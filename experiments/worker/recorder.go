package worker

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/outcrop-lab/outcrop/experiments/folder"
	"github.com/outcrop-lab/outcrop/experiments/stopping"
	"github.com/outcrop-lab/outcrop/probes"
	"github.com/outcrop-lab/outcrop/store"
	"github.com/outcrop-lab/outcrop/trainer"
)

const (
	sayEvery  = time.Second / 5 // between two events about a run's progress
	keepEvery = 2 * time.Second // between two notes of the progress in the log and the shard
)

// recorder adapts a run's shard to trainer.Recorder, and reports the run's progress to the coordinator and the log.
type recorder struct {
	run      store.Run
	db       *store.DB
	log, out *json.Encoder
	said     time.Time       // when a step was last written to out
	kept     time.Time       // when a step was last written to the log and the shard
	watch    *stopping.Watch // nil if nothing ends the run early
}

// Record implements trainer.Recorder.
func (w *recorder) Record(step int, values []probes.Value) error {
	rows := make([]store.Row, len(values))
	for i, v := range values {
		rows[i] = store.Row{Site: v.Site, Statistic: v.Statistic, Layer: v.Layer, Head: v.Head, Idx: v.Idx, Value: v.Value}
	}
	if err := w.db.PutRows(w.run.ID, step, rows); err != nil {
		return err
	}
	if w.watch == nil {
		return nil
	}
	watched := func(v probes.Value) bool { return v.Site == "run" && v.Statistic == w.watch.Rule.Metric }
	if i := slices.IndexFunc(values, watched); i >= 0 {
		w.watch.See(step, values[i].Value)
	}
	return nil
}

// Timing implements trainer.Recorder.
func (w *recorder) Timing(step int, name string, value float64) error {
	return w.db.PutTiming(w.run.ID, step, name, value)
}

// tokens takes what the tokens of the probe batch stand for.
func (w *recorder) tokens(labels map[int]string) error { return w.db.PutTokens(w.run.ID, labels) }

// begun reports that training begins, at the given step.
func (w *recorder) begun(step int) {
	w.say(folder.Started, step, 0)
	w.note(folder.Started, step, 0)
}

// progress reports a step, and ends the run at its rung.
func (w *recorder) progress(step int, loss float64) {
	if w.watch != nil && step == w.watch.Until {
		w.watch.Stop()
	}
	now := time.Now()
	if now.Sub(w.said) > sayEvery {
		w.said = now
		w.say(store.Running, step, loss)
	}
	if now.Sub(w.kept) > keepEvery {
		w.kept = now
		w.note(store.Running, step, loss)
		_ = w.db.SetStatus(w.run.ID, store.Running, step, "") // a failure does no harm: train writes the status at the end
	}
}

// say sends an event to the coordinator.
func (w *recorder) say(status string, step int, loss float64) {
	_ = w.out.Encode(folder.Event{Run: w.run.ID, Step: step, Steps: w.run.Steps, Loss: plainOrZero(loss), Status: status})
}

// note adds a line to the run's log. The coordinator reports how the run ended, once it has merged the rows.
func (w *recorder) note(status string, step int, loss float64) {
	_ = w.log.Encode(map[string]any{"time": time.Now().UTC().Format("2006-01-02T15:04:05.000Z07:00"), "status": status,
		"step": step, "loss": plainOrZero(loss)})
}

// refused reports a checkpoint that was passed over to the coordinator and the log.
func (w *recorder) refused(r trainer.Refusal, from int) {
	text := fmt.Sprintf("refused the %v; going on from step %d", r, from)
	w.say(text, from, 0)
	w.note(text, from, 0)
}

// refusedShard reports a damaged shard that was set aside.
func (w *recorder) refusedShard(why error) {
	text := fmt.Sprintf("refused the rows measured so far, and set them aside as %s.refused: %v", folder.Shard, why)
	w.say(text, 0, 0)
	w.note(text, 0, 0)
}

// plainOrZero replaces NaN and infinities, which JSON lacks, by 0.
func plainOrZero(x float64) float64 {
	if x-x != 0 {
		return 0
	}
	return x
}
