package folder

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/outcrop-lab/outcrop/atomicfile"
	"github.com/outcrop-lab/outcrop/plain"
)

// CommandVariable is the environment variable in which a coordinator passes its own command line to its workers.
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

// DataFile is a file of which a run's tokens are read. It has no folder: a digest stands for the content.
type DataFile struct {
	File   string `json:"file"`
	Tokens int    `json:"tokens"`
	Vocab  int    `json:"vocab"` // the largest token plus one; for the bytes of a text, 256
}

// Provenance is the content of provenance.json in a run's folder: the files of the run's data, and every process that
// worked on the run, the earliest first.
type Provenance struct {
	Run      string     `json:"run"`
	Data     []DataFile `json:"data,omitempty"`
	Sessions []Session  `json:"sessions"`
}

// ReadProvenance reads a run's provenance.json; a folder without one has no sessions.
func ReadProvenance(dir string) (p Provenance, err error) {
	path := filepath.Join(dir, provenance)
	text, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return p, nil
	}
	if err == nil {
		if err = plain.JSON(text, json.Unmarshal(text, &p)); err == nil {
			return p, nil
		}
		err = fmt.Errorf("%w; the next process that works on the run replaces the file", err)
	}
	return p, fmt.Errorf("folder: %s: %w", path, err)
}

// AddSession adds a process, and the files of the data if they are known, to the provenance file of a run. It replaces
// the file if it is damaged.
func AddSession(dir, run string, data []DataFile, s Session) error {
	p, err := ReadProvenance(dir)
	if err != nil {
		p = Provenance{}
	}
	p.Run = run
	if data != nil {
		p.Data = data
	}
	p.Sessions = append(p.Sessions, s)
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false) // keeps a command line readable
	e.SetIndent("", "  ")
	if err := e.Encode(p); err != nil {
		return fmt.Errorf("folder: provenance: %w", err)
	}
	return atomicfile.Write(filepath.Join(dir, provenance), text.Bytes())
}
