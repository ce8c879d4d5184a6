package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/pflag"
	"github.com/spf13/viper"

	"github.com/outcrop-lab/outcrop/variant"
)

// settings say where and how to work, never what to train. They come from flags, OUTCROP_* in the environment,
// outcrop.yaml in the current folder, and defaults, in this order.
type preferences struct {
	Results   string
	Jobs      int // 0: as many as the machine holds
	Threads   int // 0: one where runs are enough for the cores, else a share of them
	Retries   int
	Device    string
	LogFormat string
	Notify    string
	Quiet     bool
	Verbose   bool

	log *slog.Logger // messages and progress, on standard error
}

var (
	settingNames = []string{"device", "jobs", "log-format", "notify", "quiet", "results", "retries", "threads", "verbose"}
	logFormats   = []string{"json", "text"}
)

func (s *preferences) flags(f *pflag.FlagSet) {
	f.String("results", "results", "folder of the database, the runs and the figures")
	f.String("jobs", "auto", "runs at once; auto for as many as cores and memory hold")
	f.String("threads", "auto", "threads a run, at most its train.slices; auto for one, and for the cores that would be idle")
	f.Int("retries", 2, "how often a run is begun again whose worker was killed, ran out of memory or could not read or write")
	f.String("device", "auto", "device: auto or cpu")
	f.String("log-format", "text", "messages and events on standard error: text, or json, an object a line")
	f.String("notify", "", "shell command to run when a sweep has ended; OUTCROP_SWEEP, OUTCROP_STATUS … tell it how")
	f.BoolP("quiet", "q", false, "warnings and errors alone on standard error")
	f.BoolP("verbose", "v", false, "also say where settings come from, what is written, and how long each part takes")
}

// load reads the settings. A wrong one is a fault of the command line that names its place.
func (s *preferences) load(f *pflag.FlagSet, stderr io.Writer) error {
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
	for _, number := range []struct {
		name string
		to   *int
	}{{"jobs", &s.Jobs}, {"threads", &s.Threads}, {"retries", &s.Retries}} {
		n, err := read.count(number.name)
		if err != nil {
			return err
		}
		*number.to = n
	}
	s.Results, s.Device, s.LogFormat = v.GetString("results"), v.GetString("device"), v.GetString("log-format")
	if !slices.Contains(logFormats, s.LogFormat) {
		return usageError{fmt.Errorf("%s: %w", read.place("log-format"), variant.Unknown("format", s.LogFormat, logFormats))}
	}
	var err error
	if s.Quiet, err = read.truth("quiet"); err != nil {
		return err
	}
	if s.Verbose, err = read.truth("verbose"); err != nil {
		return err
	}
	if said := f.Changed("quiet"); said != f.Changed("verbose") { // a flag comes before the other layers
		s.Quiet, s.Verbose = s.Quiet && said, s.Verbose && !said
	}
	if s.Quiet && s.Verbose {
		return usageError{fmt.Errorf("%s and %s exclude each other: name one", read.place("quiet"), read.place("verbose"))}
	}
	s.Notify = v.GetString("notify")
	s.log = newLog(s.LogFormat, s.level(), stderr)
	for _, name := range settingNames {
		s.log.Debug(fmt.Sprintf("setting %s: %v (%s)", name, v.Get(name), read.origin(name)))
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

// count is a whole number; "auto" is 0.
func (r setting) count(name string) (int, error) {
	text := fmt.Sprint(r.layers.Get(name))
	automatic := r.flags.Lookup(name).DefValue == "auto"
	if automatic && text == "auto" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err == nil && n >= 0 {
		return n, nil
	}
	wants := "a whole number"
	if automatic {
		wants = "auto or a whole number"
	}
	return 0, usageError{fmt.Errorf("%s: wants %s, got %q", r.place(name), wants, text)}
}

// truth is true or false.
func (r setting) truth(name string) (bool, error) {
	text := fmt.Sprint(r.layers.Get(name))
	b, err := strconv.ParseBool(text)
	if err != nil {
		return false, usageError{fmt.Errorf("%s: wants true or false, got %q", r.place(name), text)}
	}
	return b, nil
}

// place names the layer that a setting came from, which is not the default.
func (r setting) place(name string) string {
	if r.flags.Changed(name) {
		return "--" + name
	}
	variable := "OUTCROP_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
	if os.Getenv(variable) != "" {
		return variable
	}
	return "outcrop.yaml: " + name
}

// origin is place, or "default".
func (r setting) origin(name string) string {
	if place := r.place(name); !strings.HasPrefix(place, "outcrop.yaml") || r.layers.InConfig(name) {
		return place
	}
	return "default"
}

func (s *preferences) level() slog.Level {
	switch {
	case s.Quiet:
		return slog.LevelWarn
	case s.Verbose:
		return slog.LevelDebug
	}
	return slog.LevelInfo
}

func (s *preferences) database() string { return filepath.Join(s.Results, "outcrop.db") }
