package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/pflag"
	"github.com/spf13/viper"

	"github.com/outcrop-lab/outcrop/variant"
)

// settings say where and how to work, never what to train. They come from flags, OUTCROP_* in the environment,
// outcrop.yaml in the current folder, and defaults, in this order.
type settings struct {
	Results   string
	Jobs      int
	Threads   int
	Device    string
	LogFormat string

	log *slog.Logger // messages and progress, on standard error
}

var (
	settingNames = []string{"device", "jobs", "log-format", "results", "threads"}
	logFormats   = []string{"json", "text"}
)

func (s *settings) flags(f *pflag.FlagSet) {
	f.String("results", "results", "folder of the database, the runs and the figures")
	f.Int("jobs", 0, "runs at once; 0 for one a core")
	f.Int("threads", 1, "threads a run, at most its train.slices")
	f.String("device", "auto", "device: auto or cpu")
	f.String("log-format", "text", "messages on standard error: text, or json, an object a line")
}

// load reads the settings. A wrong one is a fault of the command line that names its place.
func (s *settings) load(f *pflag.FlagSet, stderr io.Writer) error {
	v := viper.New()
	v.SetConfigFile("outcrop.yaml") // by its full name: the program is called outcrop too
	v.SetEnvPrefix("outcrop")
	v.SetEnvKeyReplacer(strings.NewReplacer("-", "_"))
	v.AutomaticEnv()
	for _, name := range settingNames {
		if err := v.BindPFlag(name, f.Lookup(name)); err != nil {
			return err
		}
	}
	if err := v.ReadInConfig(); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return usageError{fmt.Errorf("outcrop.yaml: %w", err)}
	}
	for _, key := range v.AllKeys() {
		if !slices.Contains(settingNames, key) {
			return usageError{fmt.Errorf("outcrop.yaml: %w", variant.Unknown("setting", key, settingNames))}
		}
	}
	read := setting{v, f}
	jobs, err := read.count("jobs", 0)
	if err != nil {
		return err
	}
	threads, err := read.count("threads", 1)
	if err != nil {
		return err
	}
	s.Results, s.Jobs, s.Threads, s.Device, s.LogFormat = v.GetString("results"), jobs, threads, v.GetString("device"), v.GetString("log-format")
	if !slices.Contains(logFormats, s.LogFormat) {
		return usageError{fmt.Errorf("%s: %w", read.place("log-format"), variant.Unknown("format", s.LogFormat, logFormats))}
	}
	s.log = newLog(s.LogFormat, stderr)
	if s.Jobs == 0 {
		s.Jobs = max(1, runtime.NumCPU()/s.Threads)
	}
	if strings.TrimSpace(s.Results) == "" {
		return usageError{fmt.Errorf("%s: the folder has no name", read.place("results"))}
	}
	return nil
}

// setting reads one setting out of the layers, and knows which of them it came from.
type setting struct {
	layers *viper.Viper
	flags  *pflag.FlagSet
}

// count is a whole number of at least that much.
func (r setting) count(name string, least int) (int, error) {
	text := fmt.Sprint(r.layers.Get(name))
	n, err := strconv.Atoi(text)
	if err != nil || n < least {
		return 0, usageError{fmt.Errorf("%s: wants a whole number of at least %d, got %q", r.place(name), least, text)}
	}
	return n, nil
}

// place names the layer that a setting came from.
func (r setting) place(name string) string {
	if r.flags.Changed(name) {
		return "--" + name
	}
	variable := "OUTCROP_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
	if _, set := os.LookupEnv(variable); set {
		return variable
	}
	return "outcrop.yaml: " + name
}

func (s *settings) database() string { return filepath.Join(s.Results, "outcrop.db") }
