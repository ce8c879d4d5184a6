package results

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/outcrop-lab/outcrop/derive"
	"github.com/outcrop-lab/outcrop/experiments/folder"
	"github.com/outcrop-lab/outcrop/store"
)

// File is a file or a whole checkpoint in a run's folder, with its size.
type File struct {
	File  string `json:"file"`
	Bytes int64  `json:"bytes"`
}

// Metric is the last value of one of the run's metrics.
type Metric struct {
	Metric string `json:"metric"`
	Step   int    `json:"step"`
	Value  Number `json:"value"`
}

// Largest says at which token a block's largest activation lies, at the last step at which that was measured: the token
// and the position that are so in most sequences of the probe batch. If several are equally common, it is the smallest.
type Largest struct {
	Layer    int     `json:"layer"`
	Step     int     `json:"step"`
	Token    int     `json:"token"`
	Label    string  `json:"label"`    // what the token stands for, escaped; "" if nothing is known of it
	OfToken  float64 `json:"of_token"` // share of the sequences with this token
	Position int     `json:"position"`
	OfPlace  float64 `json:"of_position"` // share of the sequences with this position
}

// Moment is one entry of the run's history, which its coordinators recorded.
type Moment struct {
	Time    time.Time `json:"time"`
	Status  string    `json:"status"`
	Step    int       `json:"step"`
	Message string    `json:"message"`
}

// Member says where in a sweep a run belongs.
type Member struct {
	Sweep string `json:"sweep"`
	Arm   string `json:"arm"`
	Seed  uint64 `json:"seed"`
}

// Difference is a later provenance under which the run was measured again. Differing is the number of its values that
// differ from those stored first.
type Difference struct {
	Commit     string `json:"git_commit"`
	GoVersion  string `json:"go_version"`
	KernelPath string `json:"kernel_path"`
	CPU        string `json:"cpu"`
	Differing  int    `json:"differing"`
}

// Shown is what `show --json` prints.
type Shown struct {
	Run            string            `json:"run"`
	Members        []Member          `json:"members"`
	Status         string            `json:"status"`
	Error          string            `json:"error"`
	Step           int               `json:"step"`
	Steps          int               `json:"steps"`
	Params         int               `json:"params"`
	Device         string            `json:"device"`
	DataDigest     string            `json:"data_digest"`
	Data           []folder.DataFile `json:"data"` // the files that the data was read from
	TrainerVersion int               `json:"trainer_version"`
	Config         json.RawMessage   `json:"config"`
	Overrides      []string          `json:"overrides"` // the dotted keys of settings that differ from the defaults
	Commit         string            `json:"git_commit"`
	GoVersion      string            `json:"go_version"`
	KernelPath     string            `json:"kernel_path"`
	CPU            string            `json:"cpu"`
	Sessions       []folder.Session  `json:"sessions"`
	History        []Moment          `json:"history"`
	Folder         string            `json:"folder"`
	Bytes          int64             `json:"bytes"`
	Files          []File            `json:"files"`
	Checkpoints    []File            `json:"checkpoints"`
	Metrics        []Metric          `json:"metrics"`
	Largest        []Largest         `json:"largest"`
	Fits           []FitRow          `json:"fits"`
	Differences    []Difference      `json:"differences"`
	Conflicts      int               `json:"conflicts"`
}

// Show returns what `show` prints about the named run. It reads the database, and the run's folder in the results
// folder dir. If the run's provenance file cannot be read, Show leaves out the sessions, and unread says why.
func Show(db *store.DB, dir, name string) (shown Shown, unread, err error) {
	found, err := FindRun(db, name)
	if err != nil {
		return shown, nil, err
	}
	r := found.Run
	at, err := folder.Of(dir, r.ID)
	if err != nil {
		return shown, nil, err
	}
	shown = Shown{Run: r.ID, Members: []Member{}, Status: r.Status, Error: r.Error, Step: r.Step, Steps: r.Steps,
		Params: r.Params, Device: r.Device, DataDigest: r.DataDigest, TrainerVersion: r.TrainerVersion,
		Config: json.RawMessage("null"), Overrides: []string{}, Commit: r.Commit, GoVersion: r.GoVersion,
		KernelPath: r.KernelPath, CPU: r.CPU, Sessions: []folder.Session{}, Data: []folder.DataFile{},
		History: []Moment{}, Folder: at, Files: []File{}, Checkpoints: []File{}, Metrics: []Metric{}, Largest: []Largest{},
		Fits: []FitRow{}, Differences: []Difference{}}
	all, err := Statuses(db, dir, "")
	if err != nil {
		return shown, nil, err
	}
	for _, s := range all {
		for _, one := range s.Runs {
			if one.Run != r.ID {
				continue
			}
			shown.Status, shown.Step = one.Status, one.Step
			if one.Sweep != "" {
				shown.Members = append(shown.Members, Member{one.Sweep, one.Arm, one.Seed})
			}
		}
	}
	if r.Config != "" {
		shown.Config = json.RawMessage(r.Config)
	}
	provenance, unread := folder.ReadProvenance(at)
	shown.Sessions = append(shown.Sessions, provenance.Sessions...)
	shown.Data = append(shown.Data, provenance.Data...)
	if err := shown.list(at); err != nil {
		return shown, unread, err
	}
	return shown, unread, shown.measured(db)
}

// list lists the files in a run's folder; a checkpoint counts as one.
func (shown *Shown) list(dir string) error {
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
			shown.Files = append(shown.Files, File{filepath.ToSlash(name), info.Size()})
			return nil
		}
		last := len(shown.Checkpoints) - 1
		if last < 0 || shown.Checkpoints[last].File != parts[1] {
			shown.Checkpoints = append(shown.Checkpoints, File{File: parts[1]})
			last++
		}
		shown.Checkpoints[last].Bytes += info.Size()
		return nil
	})
	if os.IsNotExist(err) { // there is no folder yet, or a file was deleted meanwhile
		return nil
	}
	return err
}

// measured adds what the database has of the run besides the run's own row.
func (shown *Shown) measured(db *store.DB) error {
	metrics, err := db.LastMetrics(shown.Run)
	if err != nil {
		return err
	}
	for _, m := range metrics {
		shown.Metrics = append(shown.Metrics, Metric{m.Statistic, m.Step, Number(m.Value)})
	}
	if err := shown.largest(db); err != nil {
		return err
	}
	fits, err := db.Fits(store.Select{Run: shown.Run})
	if err != nil {
		return err
	}
	for _, f := range fits {
		row := FitRowOf(f)
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
		shown.History = append(shown.History, Moment{e.At.UTC(), e.Status, e.Step, e.Message})
	}
	differences, err := db.Differences()
	if err != nil {
		return err
	}
	for _, d := range differences {
		if d.Run == shown.Run {
			shown.Differences = append(shown.Differences, Difference{d.Commit, d.GoVersion, d.KernelPath, d.CPU, d.Rows})
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

// largest adds where the largest activations lie.
func (shown *Shown) largest(db *store.DB) error {
	const site, token, position = "resid_post", "top1_token", "top1_position"
	rows, _, err := derive.Rows(db, shown.Run, derive.Need{Site: site, Statistic: token},
		derive.Need{Site: site, Statistic: position})
	if err != nil {
		return err
	}
	labels, err := db.Tokens(shown.Run)
	if err != nil {
		return err
	}
	tokens := derive.Places(rows, site, token)
	for _, p := range tokens {
		if p.Step < tokens[len(tokens)-1].Step {
			continue
		}
		shown.Largest = append(shown.Largest, Largest{Layer: p.Layer, Step: p.Step, Token: p.Place,
			Label: labels[p.Place], OfToken: p.Agreeing})
	}
	for _, p := range derive.Places(rows, site, position) {
		for i := range shown.Largest {
			if l := &shown.Largest[i]; l.Layer == p.Layer && l.Step == p.Step {
				l.Position, l.OfPlace = p.Place, p.Agreeing
			}
		}
	}
	return nil
}
