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

// preferences are the settings that say where and how to work, never what to train. A flag overrides an OUTCROP_*
// environment variable, which overrides outcrop.yaml in the current folder, which overrides the default.
type preferences struct {
	Results   string
	Jobs      int // 0: as many as cores and memory allow
	Threads   int // 0: one if there are enough runs to use all cores, else a share of the cores
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
	f.String("results", "results", "folder for the database, the runs and the figures")
	f.String("jobs", "auto", "number of runs at once; auto: as many as cores and memory allow")
	f.String("threads", "auto", "threads per run, at most its train.slices; auto: one, or more if cores would be idle")
	f.Int("retries", 2,
		"how often to restart a run whose worker was killed, ran out of memory or could not read or write")
	f.String("device", "auto", "device: auto or cpu")
	f.String("log-format", "text", "format of messages and events on standard error: text, or json, one object per line")
	f.String("notify", "",
		"shell command to run when a sweep has ended; OUTCROP_SWEEP, OUTCROP_STATUS … hold the outcome")
	f.BoolP("quiet", "q", false, "print only warnings and errors on standard error")
	f.BoolP("verbose", "v", false, "also print where settings come from, what is written and how long each part takes")
}

// load reads the settings. If a setting is wrong, load returns a usage error that says where it was set.
func (s *preferences) load(f *pflag.FlagSet, stderr io.Writer) error {
	v := viper.New()
	v.SetConfigFile("outcrop.yaml") // the full name, because the program itself is called outcrop
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
	if said := f.Changed("quiet"); said != f.Changed("verbose") { // a flag overrides the other layers
		s.Quiet, s.Verbose = s.Quiet && said, s.Verbose && !said
	}
	if s.Quiet && s.Verbose {
		return usageError{fmt.Errorf("%s and %s exclude each other: choose one", read.place("quiet"), read.place("verbose"))}
	}
	s.Notify = v.GetString("notify")
	s.log = newLog(s.LogFormat, s.level(), stderr)
	for _, name := range settingNames {
		s.log.Debug(fmt.Sprintf("setting %s: %v (%s)", name, v.Get(name), read.origin(name)))
	}
	if strings.TrimSpace(s.Results) == "" {
		return usageError{fmt.Errorf("%s: wants a folder, got an empty name", read.place("results"))}
	}
	return nil
}

// setting reads a single setting and determines where it was set.
type setting struct {
	layers *viper.Viper
	flags  *pflag.FlagSet
}

// count returns the value of a setting that is a whole number. It returns 0 if the value is "auto".
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

// truth returns the value of a setting that is a boolean.
func (r setting) truth(name string) (bool, error) {
	text := fmt.Sprint(r.layers.Get(name))
	b, err := strconv.ParseBool(text)
	if err != nil {
		return false, usageError{fmt.Errorf("%s: wants true or false, got %q", r.place(name), text)}
	}
	return b, nil
}

// place returns the name under which a setting was given: that of its flag or its environment variable, or else its key
// in outcrop.yaml.
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

// origin returns the same as place, or "default" if the setting was not given.
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
