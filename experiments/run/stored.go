package run

import (
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/klauspost/cpuid/v2"
	"golang.org/x/sys/unix"

	"github.com/outcrop-lab/outcrop/atomicfile"
	"github.com/outcrop-lab/outcrop/compute"
	"github.com/outcrop-lab/outcrop/experiments/folder"
	"github.com/outcrop-lab/outcrop/experiments/sweep"
	"github.com/outcrop-lab/outcrop/settings"
	"github.com/outcrop-lab/outcrop/store"
	"github.com/outcrop-lab/outcrop/trainer"
)

// ConfigOf returns the configuration of a stored run. The run's Config must not be empty.
func ConfigOf(r store.Run) (trainer.Config, error) {
	return sweep.DecodeConfig("run "+store.Short(r.ID), []byte(`{"config":`+r.Config+`}`))
}

// Stored returns the run in the store's form, with the provenance of this process and without a status.
func (r Run) Stored() (store.Run, error) {
	text, err := settings.Stored(&r.Config)
	if err != nil {
		return store.Run{}, err
	}
	train := r.Config.Train
	return store.Run{ID: r.ID, Config: string(text), DataDigest: r.DataDigest, TrainerVersion: trainer.Version,
		Seed: r.Seed, Device: r.Device, Precision: train.Precision, Slices: train.Slices, Steps: train.Steps,
		Params: r.Params, Commit: commit(), GoVersion: runtime.Version(), KernelPath: compute.Paths()[0],
		CPU: cpuid.CPU.BrandName}, nil
}

// commit returns the revision that this program was built from; "unknown" if the build does not say.
func commit() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	built := map[string]string{}
	for _, s := range info.Settings {
		built[s.Key] = s.Value
	}
	from := built["vcs.revision"]
	if from == "" {
		from = "unknown"
	}
	if built["vcs.modified"] == "true" {
		from += "+modified"
	}
	return from
}

// Introduce writes overrides.yaml into the run's folder, and adds this process to provenance.json as a session with the
// given number of threads, and the files of the data. as is the run that Stored returned.
func (r Run) Introduce(dir string, as store.Run, threads int) error {
	text, err := sweep.Overrides(r.Config)
	if err != nil {
		return err
	}
	if err := atomicfile.Write(filepath.Join(dir, folder.Overrides), text); err != nil {
		return err
	}
	return folder.AddSession(dir, r.ID, r.DataFiles, session(as, threads))
}

// session describes this process.
func session(as store.Run, threads int) folder.Session {
	s := folder.Session{Started: time.Now().UTC().Truncate(time.Second), Command: os.Getenv(folder.CommandVariable),
		Outcrop: "unknown", TrainerVersion: trainer.Version, Commit: as.Commit, GoVersion: as.GoVersion,
		KernelPath: as.KernelPath, CPU: as.CPU, Cores: runtime.NumCPU(), Threads: threads,
		OS: runtime.GOOS + "/" + runtime.GOARCH}
	if info, ok := debug.ReadBuildInfo(); ok {
		s.Outcrop = info.Main.Version
	}
	var system unix.Utsname
	if unix.Uname(&system) == nil {
		s.OS += " " + unix.ByteSliceToString(system.Release[:])
	}
	s.Host, _ = os.Hostname() // "" if the system does not say
	return s
}
