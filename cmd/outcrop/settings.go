package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/pflag"
	"github.com/spf13/viper"

	"github.com/outcrop-lab/outcrop/regularfile"
	"github.com/outcrop-lab/outcrop/settings"
	"github.com/outcrop-lab/outcrop/settings/document"
	"github.com/outcrop-lab/outcrop/variant"
)

// preferences are the settings that say where and how to work, never what to train. A flag overrides an OUTCROP_*
// environment variable, which overrides outcrop.yaml in the current folder, which overrides the default. A setting that
// is a command stands in no file.
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

// settingsFile holds settings, in the current folder. A file of more bytes than settingsBytes is a mistake.
const (
	settingsFile  = "outcrop.yaml"
	settingsBytes = 1 << 20
)

// commandSettings are those whose value is run as a command.
var commandSettings = []string{"notify"}

var (
	settingNames = []string{"device", "jobs", "log-format", "notify", "quiet", "results", "retries", "threads", "verbose"}
	logFormats   = []string{"json", "text"}
)

func (s *preferences) flags(f *pflag.FlagSet) {
	f.String("results", "results", "folder for the database, the runs and the figures")
	f.String("jobs", "auto", "number of runs at once; auto: as many as cores and memory allow")
	f.String("threads", "auto", "threads per run, at most its train.slices; auto: one, or more if cores would be idle")
	f.String("retries", "2",
		"how often to restart a run whose worker was killed, ran out of memory or could not read or write")
	f.String("device", "auto", "device: auto or cpu")
	f.String("log-format", "text", "format of messages and events on standard error: text, or json, one object per line")
	f.String("notify", "",
		"shell command to run when a sweep has ended; OUTCROP_SWEEP, OUTCROP_STATUS … hold the outcome")
	f.BoolP("quiet", "q", false, "print only warnings and errors on standard error")
	f.BoolP("verbose", "v", false, "also print where settings come from, what is written and how long each part takes")
}

// load reads the settings. If a setting is wrong, load returns an error that says where it was set.
func (s *preferences) load(f *pflag.FlagSet, stderr io.Writer) error {
	read, err := layers(f)
	if err != nil {
		return err
	}
	for _, number := range []struct {
		name string
		to   *int
	}{{"jobs", &s.Jobs}, {"threads", &s.Threads}, {"retries", &s.Retries}} {
		if *number.to, err = read.count(number.name); err != nil {
			return err
		}
	}
	s.Results, s.Device, s.LogFormat = read.text("results"), read.text("device"), read.text("log-format")
	if !slices.Contains(logFormats, s.LogFormat) {
		return usageError{fmt.Errorf("%s: %w", read.place("log-format"), variant.Unknown("format", s.LogFormat, logFormats))}
	}
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
	s.Notify = read.text("notify")
	s.log = newLog(s.LogFormat, s.level(), stderr)
	for _, name := range settingNames {
		s.log.Debug(fmt.Sprintf("setting %s: %s (%s)", name, read.text(name), read.origin(name)))
	}
	if strings.TrimSpace(s.Results) == "" {
		return usageError{fmt.Errorf("%s: wants a folder, got an empty name", read.place("results"))}
	}
	return nil
}

// setting reads a single setting and determines where it was set. All layers hold text, and the type that is wanted
// decides what a text means, as in a sweep file.
type setting struct {
	layers *viper.Viper
	flags  *pflag.FlagSet
	file   map[string]string // the place in outcrop.yaml of each setting that stands there
}

// layers lays flags over the environment over outcrop.yaml over the defaults.
func layers(f *pflag.FlagSet) (setting, error) {
	v := viper.New()
	v.SetEnvPrefix("outcrop")
	v.SetEnvKeyReplacer(strings.NewReplacer("-", "_"))
	v.AutomaticEnv()
	for _, name := range settingNames {
		if err := v.BindPFlag(name, f.Lookup(name)); err != nil {
			return setting{}, err
		}
	}
	if err := misspeltVariable(os.Environ()); err != nil {
		return setting{}, err
	}
	src, err := regularfile.Read(settingsFile, settingsBytes)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return setting{}, usageError{fmt.Errorf("%s: %w", settingsFile, err)}
	}
	texts, places, err := readSettings(src)
	if err != nil {
		return setting{}, err
	}
	return setting{v, f, places}, v.MergeConfigMap(texts)
}

// readSettings reads the text of outcrop.yaml: the text of each setting, as written, and its place. A setting that is
// null has its default.
func readSettings(src []byte) (texts map[string]any, places map[string]string, err error) {
	root, err := document.Read(settingsFile, src)
	if err != nil || root == nil {
		return nil, nil, err
	}
	texts, places = map[string]any{}, map[string]string{}
	var faults []settings.Fault
	for i := 0; i < len(root.Content); i += 2 {
		key, value := root.Content[i], root.Content[i+1]
		switch {
		case !slices.Contains(settingNames, key.Value):
			faults = append(faults, settings.Fault{File: settingsFile, Line: key.Line, Column: key.Column,
				Message: variant.Unknown("setting", key.Value, settingNames).Error()})
		case slices.Contains(commandSettings, key.Value):
			faults = append(faults, settings.Fault{File: settingsFile, Line: key.Line, Column: key.Column, Key: key.Value,
				Message: fmt.Sprintf("is a command, which no file in a folder may give, because the folder may be somebody "+
					"else's: set %s in your own environment, or give --%s", variable(key.Value), key.Value)})
		case document.IsNull(value):
		default:
			at := settings.Fault{File: settingsFile, Line: value.Line, Column: value.Column, Key: key.Value}
			var text string
			if document.Scalar(value, reflect.ValueOf(&text).Elem()) != nil {
				at.Message = "wants a single value, got " + document.Describe(value)
				faults = append(faults, at)
				continue
			}
			texts[key.Value] = text
			places[key.Value] = fmt.Sprintf("%s:%d:%d: %s", settingsFile, value.Line, value.Column, key.Value)
		}
	}
	return texts, places, settings.Refuse(faults...)
}

// misspeltVariable refuses an environment variable that is almost that of a setting.
func misspeltVariable(environment []string) error {
	for _, one := range environment {
		given, _, _ := strings.Cut(one, "=")
		rest, ours := strings.CutPrefix(given, "OUTCROP_")
		name := strings.ToLower(strings.ReplaceAll(rest, "_", "-"))
		if !ours || slices.Contains(settingNames, name) {
			continue
		}
		if near, ok := variant.Nearest(name, settingNames); ok {
			return usageError{fmt.Errorf("the environment variable %s is no setting, did you mean %s?", given, variable(near))}
		}
	}
	return nil
}

// text returns the value of a setting as it was written.
func (r setting) text(name string) string { return r.layers.GetString(name) }

// count returns the value of a setting that is a whole number. It returns 0 if the value is "auto".
func (r setting) count(name string) (int, error) {
	text := r.text(name)
	automatic := r.flags.Lookup(name).DefValue == "auto"
	if automatic && text == "auto" {
		return 0, nil
	}
	var n int
	if err := document.Parse(text, reflect.ValueOf(&n).Elem()); err == nil && n >= 0 {
		return n, nil
	}
	wants := "a whole number"
	if automatic {
		wants = "auto or a whole number"
	}
	return 0, usageError{fmt.Errorf("%s: wants %s, got %q", r.place(name), wants, text)}
}

// truth returns the value of a setting that is a boolean. The environment may also hold 1 or 0, as a flag may.
func (r setting) truth(name string) (bool, error) {
	text := r.text(name)
	var b bool
	err := document.Parse(text, reflect.ValueOf(&b).Elem())
	if err != nil && !strings.HasPrefix(r.place(name), settingsFile) {
		b, err = strconv.ParseBool(text)
	}
	if err != nil {
		return false, usageError{fmt.Errorf("%s: wants true or false, got %q", r.place(name), text)}
	}
	return b, nil
}

// place returns where a setting was given: its flag, its environment variable or its place in outcrop.yaml. It returns
// the name alone if the setting has its default.
func (r setting) place(name string) string {
	if r.flags.Changed(name) {
		return "--" + name
	}
	if os.Getenv(variable(name)) != "" {
		return variable(name)
	}
	if at, ok := r.file[name]; ok {
		return at
	}
	return name
}

// origin returns the same as place, or "default" if the setting was not given.
func (r setting) origin(name string) string {
	if place := r.place(name); place != name {
		return place
	}
	return "default"
}

// variable returns the name of a setting's environment variable.
func variable(name string) string {
	return "OUTCROP_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
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
