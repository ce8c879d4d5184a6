package main

import (
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/outcrop-lab/outcrop/configs"
	"github.com/outcrop-lab/outcrop/data"
	"github.com/outcrop-lab/outcrop/derive"
	"github.com/outcrop-lab/outcrop/experiments/results"
	"github.com/outcrop-lab/outcrop/export"
	"github.com/outcrop-lab/outcrop/fit"
	"github.com/outcrop-lab/outcrop/plots"
	"github.com/outcrop-lab/outcrop/settings"
	"github.com/outcrop-lab/outcrop/store"
	"github.com/outcrop-lab/outcrop/trainer"
	"github.com/outcrop-lab/outcrop/variant"
)

// candidates is a function that lists the values that an argument or a flag can have. The slice before holds the
// preceding arguments, and begun holds the characters typed so far. If the function is nil, the shell offers files.
type candidates func(s *preferences, before []string, begun string) []string

// argumentCandidates holds the candidates for arguments, by the word that stands for the argument in a verb's usage.
var argumentCandidates = map[string]candidates{
	"FILE|NAME": func(*preferences, []string, string) []string {
		return slices.Concat(configs.Sweeps(), sweepFiles())
	},
	"RUN":   func(s *preferences, _ []string, _ string) []string { return storedRuns(s) },
	"SWEEP": func(s *preferences, _ []string, _ string) []string { return storedSweeps(s) },
	"RUN|SWEEP": func(s *preferences, _ []string, _ string) []string {
		return slices.Concat(storedSweeps(s), storedRuns(s))
	},
	"SWEEP|RUN": func(s *preferences, _ []string, _ string) []string {
		return slices.Concat(storedSweeps(s), storedRuns(s))
	},
	"QUANTITY": fixed(derive.Names),
	"FIGURE":   fixed(plots.Names),
	"SLOT":     func(*preferences, []string, string) []string { return slots() },
	"VARIANT":  func(_ *preferences, before []string, _ string) []string { return variantsOf(before[len(before)-1]) },
	"T": func(*preferences, []string, string) []string {
		return slices.Concat(data.Tokenizers(), filesHere("*.json"))
	},
	"SQL":    none,
	"DIR":    nil,
	"FILE":   nil,
	"RUNDIR": nil,
}

// flagCandidates holds the candidates for those flags whose values can be listed, by the flag's name.
var flagCandidates = map[string]candidates{
	"device":     fixed(func() []string { return []string{"auto", "cpu"} }),
	"log-format": fixed(func() []string { return logFormats }),
	"arch":       func(*preferences, []string, string) []string { return slices.Concat(configs.Presets(), sweepFiles()) },
	"sweep":      func(s *preferences, _ []string, _ string) []string { return storedSweeps(s) },
	"format":     fixed(export.Formats),
	"loss":       fixed(fit.Losses),
	"interval":   fixed(fit.Intervals),
	"weights":    fixed(func() []string { return []string{results.WeightsSpread, results.WeightsEqual} }),
	"set":        func(_ *preferences, _ []string, begun string) []string { return assignments(begun) },
}

func fixed(list func() []string) candidates {
	return func(*preferences, []string, string) []string { return list() }
}

func none(*preferences, []string, string) []string { return []string{} }

// complete makes the shell's completion offer the candidates for each argument and flag of the verb c and of its
// subcommands.
func complete(s *preferences, c *cobra.Command) {
	for _, sub := range c.Commands() {
		complete(s, sub)
	}
	words := argumentWords(c.Use)
	if c.ValidArgsFunction == nil && len(words) > 0 {
		c.ValidArgsFunction = func(c *cobra.Command, before []string, begun string) (
			[]string, cobra.ShellCompDirective) {
			at := len(before)
			if at >= len(words) {
				if at = len(words) - 1; !strings.HasSuffix(strings.TrimRight(c.Use, "]"), "…") {
					return nil, cobra.ShellCompDirectiveNoFileComp
				}
			}
			return offer(s, c, argumentCandidates[words[at]], before, begun)
		}
	}
	for name, of := range flagCandidates {
		if c.LocalNonPersistentFlags().Lookup(name) == nil && c.PersistentFlags().Lookup(name) == nil {
			continue
		}
		// This fails only for a flag that does not exist or was registered before.
		_ = c.RegisterFlagCompletionFunc(name, func(c *cobra.Command, before []string, begun string) (
			[]string, cobra.ShellCompDirective) {
			return offer(s, c, of, before, begun)
		})
	}
}

// argumentWords returns the words that stand for arguments in a verb's usage. For `rm RUN|SWEEP…` it returns the single
// word RUN|SWEEP.
func argumentWords(use string) (words []string) {
	for _, word := range strings.Fields(use)[1:] {
		if strings.HasPrefix(word, "-") {
			break // flags follow
		}
		words = append(words, strings.Trim(word, "[]…"))
	}
	return words
}

// offer returns the candidates that begin with the characters typed so far and that do not repeat an earlier argument.
func offer(s *preferences, c *cobra.Command, of candidates, before []string, begun string) (
	[]string, cobra.ShellCompDirective) {
	if of == nil {
		return nil, cobra.ShellCompDirectiveDefault
	}
	if err := s.load(c.Flags(), io.Discard); err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	all := slices.DeleteFunc(slices.Clone(of(s, before, begun)), func(name string) bool {
		return !strings.HasPrefix(name, begun) || slices.Contains(before, name)
	})
	directive := cobra.ShellCompDirectiveNoFileComp
	if len(all) > 0 && !slices.ContainsFunc(all, func(name string) bool { return !strings.HasSuffix(name, "=") }) {
		directive |= cobra.ShellCompDirectiveNoSpace
	}
	return all, directive
}

// sweepFiles returns the .yaml files nearby, except the settings file outcrop.yaml.
func sweepFiles() []string {
	return slices.DeleteFunc(filesHere("*.yaml"), func(f string) bool { return f == "outcrop.yaml" })
}

// filesHere returns the files that match the pattern in the current folder and in its immediate subfolders.
func filesHere(pattern string) (files []string) {
	for _, p := range []string{pattern, filepath.Join("*", pattern)} {
		found, err := filepath.Glob(p)
		if err != nil {
			return nil // cannot happen: the patterns are valid
		}
		files = append(files, found...)
	}
	return files
}

// storedRuns returns the names of the runs in the database. If there is no database, it returns none.
func storedRuns(s *preferences) (names []string) {
	_ = s.reading(func(db *store.DB) (err error) {
		names, err = results.RunNames(db)
		return err
	})
	return names
}

// storedSweeps returns the names of the sweeps in the database. If there is no database, it returns none.
func storedSweeps(s *preferences) (names []string) {
	_ = s.reading(func(db *store.DB) error {
		sweeps, err := db.Sweeps()
		for _, sweep := range sweeps {
			names = append(names, sweep.Name)
		}
		return err
	})
	return names
}

// presetSlot is the key under which a sweep file names presets.
const presetSlot = "extends"

func slots() []string {
	c := trainer.Default()
	all := map[string]bool{presetSlot: true}
	for _, v := range variant.List(&c) {
		all[v.Slot] = true
	}
	return slices.Sorted(maps.Keys(all))
}

func variantsOf(slot string) (names []string) {
	if slot == presetSlot {
		return configs.Presets()
	}
	c := trainer.Default()
	for _, v := range variant.List(&c) {
		if v.Slot == slot {
			names = append(names, v.Name)
		}
	}
	return names
}

// assignments returns the candidates for --set: first the keys, then, if the key is a slot, the slot's variants.
func assignments(begun string) (all []string) {
	key, _, value := strings.Cut(begun, "=")
	if value {
		for _, name := range variantsOf(key) {
			all = append(all, key+"="+name)
		}
		return all
	}
	standard := trainer.Default()
	for _, setting := range settings.Of(&standard) {
		if setting.Key != "seed" {
			all = append(all, setting.Key+"=")
		}
	}
	return all
}

// refuseShell makes cobra's completion verb return a usage error if the shell is unknown.
func refuseShell(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	for _, c := range root.Commands() {
		if c.Name() != "completion" {
			continue
		}
		var shells []string
		for _, sub := range c.Commands() {
			shells = append(shells, sub.Name())
		}
		c.Args = cobra.ArbitraryArgs
		c.RunE = func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return c.Help()
			}
			return usageError{variant.Unknown("shell", args[0], shells)}
		}
	}
}
