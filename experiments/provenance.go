package experiments

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"time"

	"golang.org/x/sys/unix"

	"github.com/outcrop-lab/outcrop/store"
	"github.com/outcrop-lab/outcrop/trainer"
)

// Files that explain a run's folder.
const (
	overridesFile  = "overrides.yaml"
	provenanceFile = "provenance.json"
)

// CommandVariable is the environment variable in which a coordinator tells its workers the command line that started it.
const CommandVariable = "OUTCROP_COMMAND"

// Session is one process that worked on a run: where it ran, and what it was built from.
type Session struct {
	Started        time.Time `json:"started"`
	Command        string    `json:"command"`
	Outcrop        string    `json:"outcrop"` // the version of the module
	TrainerVersion int       `json:"trainer_version"`
	Commit         string    `json:"git_commit"`
	GoVersion      string    `json:"go_version"`
	KernelPath     string    `json:"kernel_path"`
	CPU            string    `json:"cpu"`
	Cores          int       `json:"cores"`
	Threads        int       `json:"threads"`
	OS             string    `json:"os"` // system, architecture and the kernel's release
	Host           string    `json:"host"`
}

// Provenance is what provenance.json of a run's folder holds: every process that worked on the run, the first one first.
type Provenance struct {
	Run      string    `json:"run"`
	Sessions []Session `json:"sessions"`
}

// ReadProvenance reads a run's provenance.json; a folder without one has no sessions.
func ReadProvenance(dir string) (p Provenance, err error) {
	path := filepath.Join(dir, provenanceFile)
	text, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return p, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &p)
	}
	if err != nil {
		return p, fmt.Errorf("experiments: %s: %w", path, err)
	}
	return p, nil
}

// introduce writes overrides.yaml, and adds this process to provenance.json.
func introduce(dir string, p Planned, run store.Run, threads int) error {
	if err := explain(dir, p.Config); err != nil {
		return err
	}
	told, err := ReadProvenance(dir)
	if err != nil {
		told = Provenance{} // of a damaged file nothing is kept
	}
	told.Run = p.ID
	told.Sessions = append(told.Sessions, session(run, threads))
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false) // a command line is to be read
	e.SetIndent("", "  ")
	if err := e.Encode(told); err != nil {
		return fmt.Errorf("experiments: provenance: %w", err)
	}
	return replace(filepath.Join(dir, provenanceFile), text.Bytes())
}

func session(run store.Run, threads int) Session {
	s := Session{Started: time.Now().UTC().Truncate(time.Second), Command: os.Getenv(CommandVariable), Outcrop: "unknown",
		TrainerVersion: trainer.Version, Commit: run.Commit, GoVersion: run.GoVersion, KernelPath: run.KernelPath, CPU: run.CPU,
		Cores: runtime.NumCPU(), Threads: threads, OS: runtime.GOOS + "/" + runtime.GOARCH}
	if info, ok := debug.ReadBuildInfo(); ok {
		s.Outcrop = info.Main.Version
	}
	var system unix.Utsname
	if unix.Uname(&system) == nil {
		s.OS += " " + unix.ByteSliceToString(system.Release[:])
	}
	s.Host, _ = os.Hostname() // "" where the system does not say
	return s
}
