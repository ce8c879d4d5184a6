package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/pflag"
	"github.com/spf13/viper"

	"github.com/outcrop-lab/outcrop/variant"
)

// settings say where and how to work, never what to train. They come from flags, OUTCROP_* in the environment,
// outcrop.yaml in the current folder, and defaults, in this order.
type settings struct {
	Results string
	Jobs    int
	Threads int
	Device  string
}

var settingNames = []string{"device", "jobs", "results", "threads"}

func (s *settings) flags(f *pflag.FlagSet) {
	f.String("results", "results", "folder of the database, the runs and the figures")
	f.Int("jobs", 0, "runs at once; 0 for one a core")
	f.Int("threads", 1, "threads a run, at most its train.slices")
	f.String("device", "auto", "device: auto or cpu")
}

func (s *settings) load(f *pflag.FlagSet) error {
	v := viper.New()
	v.SetConfigName("outcrop")
	v.SetConfigType("yaml")
	v.AddConfigPath(".")
	v.SetEnvPrefix("outcrop")
	v.AutomaticEnv()
	for _, name := range settingNames {
		if err := v.BindPFlag(name, f.Lookup(name)); err != nil {
			return err
		}
	}
	var missing viper.ConfigFileNotFoundError
	if err := v.ReadInConfig(); err != nil && !errors.As(err, &missing) {
		return usageError{fmt.Errorf("outcrop.yaml: %w", err)}
	}
	for _, key := range v.AllKeys() {
		if !slices.Contains(settingNames, key) {
			return usageError{fmt.Errorf("outcrop.yaml: %w", variant.Unknown("setting", key, settingNames))}
		}
	}
	*s = settings{Results: v.GetString("results"), Jobs: v.GetInt("jobs"), Threads: v.GetInt("threads"), Device: v.GetString("device")}
	if s.Jobs < 0 || s.Threads < 1 {
		return usageError{fmt.Errorf("jobs must not be negative and threads at least 1, they are %d and %d", s.Jobs, s.Threads)}
	}
	if s.Jobs == 0 {
		s.Jobs = max(1, runtime.NumCPU()/s.Threads)
	}
	if strings.TrimSpace(s.Results) == "" {
		return usageError{errors.New("results: the folder has no name")}
	}
	return nil
}

func (s *settings) database() string { return filepath.Join(s.Results, "outcrop.db") }
