package todo

import (
	"slices"
	"strings"

	"github.com/outcrop-lab/outcrop/experiments/folder"
	"github.com/outcrop-lab/outcrop/experiments/machine"
	"github.com/outcrop-lab/outcrop/experiments/plan"
	"github.com/outcrop-lab/outcrop/settings"
)

// Row is one run of a plan, as printed. Params, Tokens, FLOPs, Memory and Disk are for the whole run. The three fields
// of seconds are for what is left of the run; they are null if the machine's speed is not known.
type Row struct {
	Run         string   `json:"run"`
	Arm         string   `json:"arm"`
	Seed        uint64   `json:"seed"`
	Params      int      `json:"params"`
	Tokens      float64  `json:"tokens"`
	FLOPs       float64  `json:"flops"`
	Seconds     *float64 `json:"seconds"`
	SecondsLow  *float64 `json:"seconds_low"`
	SecondsHigh *float64 `json:"seconds_high"`
	Memory      float64  `json:"memory_bytes"`
	Disk        float64  `json:"disk_bytes"`
	Status      string   `json:"status"` // new, done, diverged, same, measure, again, running, stopped, lost or failed
	Task        string   `json:"state"`  // the status in words, from Task.String
	From        int      `json:"from_step"`
	Differs     string   `json:"differs"`
}

// Total sums up the runs of a sweep that are left to do.
type Total struct {
	Runs        int      `json:"runs"` // of the plan; a run that appears more than once counts once
	ToDo        int      `json:"to_do"`
	Tokens      float64  `json:"tokens"`
	FLOPs       float64  `json:"flops"`
	SecondsLow  *float64 `json:"seconds_low"` // elapsed time, with Jobs runs at a time
	SecondsHigh *float64 `json:"seconds_high"`
	Memory      float64  `json:"memory_bytes"` // of the Jobs largest runs together
	Disk        float64  `json:"disk_bytes"`
	Jobs        int      `json:"jobs"`
	Threads     int      `json:"threads"`
}

// Document is what `plan --json` prints.
type Document struct {
	Sweep string            `json:"sweep"`
	Data  []folder.DataFile `json:"data"` // every file that the runs' data is read from
	Runs  []Row             `json:"runs"`
	Total Total             `json:"total"`
}

// DocumentOf lists what each run takes, and sums up what is left of the sweep. jobs is the number of runs at a time,
// and threads is the number of threads of each. If jobs is 0, there are as many jobs as the cores can serve. speed is
// nil if the machine's speed is not known.
func DocumentOf(name string, planned []plan.Planned, tasks []Task, speed *plan.Speed, jobs, threads int) Document {
	cores := machine.Here().Cores
	threads = max(1, threads)
	if jobs == 0 {
		jobs = max(1, cores/threads)
	}
	d := Document{Sweep: name, Data: dataOf(planned), Runs: make([]Row, len(planned)),
		Total: Total{Jobs: jobs, Threads: threads}}
	var seconds []float64
	var memory []float64
	for i, p := range planned {
		cost, task := plan.CostOf(p), tasks[i]
		r := Row{Run: p.ID, Arm: p.Arm, Seed: p.Seed, Params: p.Params, Tokens: cost.Tokens, FLOPs: cost.FLOPs,
			Memory: cost.Memory, Disk: cost.Disk, Status: task.Word(), Task: task.String(), From: task.From,
			Differs: differs(p.Differs)}
		if speed != nil {
			f := speed.Of(p, task.Left(), threads)
			r.Seconds, r.SecondsLow, r.SecondsHigh = &f.Seconds, &f.Low, &f.High
		}
		d.Runs[i] = r
		if task.Same != "" {
			continue
		}
		d.Total.Runs++
		if task.Settled != "" || task.Waits > 0 {
			continue
		}
		d.Total.ToDo++
		d.Total.Tokens += r.Tokens
		d.Total.FLOPs += r.FLOPs
		d.Total.Disk += r.Disk
		memory = append(memory, r.Memory)
		if speed != nil {
			seconds = append(seconds, *r.Seconds)
		}
	}
	slices.Sort(memory)
	for _, m := range memory[max(0, len(memory)-jobs):] {
		d.Total.Memory += m
	}
	if speed != nil {
		crowded := max(1, float64(min(jobs, max(1, len(seconds)))*threads)/float64(cores))
		total := plan.Forecast{Seconds: crowded * plan.Makespan(seconds, jobs)}.Bounded()
		d.Total.SecondsLow, d.Total.SecondsHigh = &total.Low, &total.High
	}
	return d
}

// dataOf lists the files that the runs' data is read from, each once.
func dataOf(planned []plan.Planned) []folder.DataFile {
	all, seen := []folder.DataFile{}, map[string]bool{}
	for _, p := range planned {
		for i, f := range p.Data.Files {
			if !seen[f.Path] {
				seen[f.Path] = true
				all = append(all, p.DataFiles[i])
			}
		}
	}
	return all
}

func differs(list []settings.Setting) string {
	parts := make([]string, len(list))
	for i, s := range list {
		parts[i] = s.String()
	}
	return strings.Join(parts, ", ")
}
