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
type settings struct {
	Results   string
	Jobs      int // 0: as many as the machine holds
	Threads   int // 0: one where runs are enough for the cores, else a share of them
	Retries   int
	Device    string
	LogFormat string

	log *slog.Logger // messages and progress, on standard error
}

var (
	settingNames = []string{"device", "jobs", "log-format", "results", "retries", "threads"}
	logFormats   = []string{"json", "text"}
)

func (s *settings) flags(f *pflag.FlagSet) {
	f.String("results", "results", "folder of the database, the runs and the figures")
	f.String("jobs", "auto", "runs at once; auto for as many as cores and memory hold")
	f.String("threads", "auto", "threads a run, at most its train.slices; auto for one, and for the cores that would be idle")
	f.Int("retries", 2, "how often a run is begun again whose worker was killed, ran out of memory or could not read or write")
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
	s.log = newLog(s.LogFormat, stderr)
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
