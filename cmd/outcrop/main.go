// Command outcrop runs sweeps of small transformers and watches massive activations emerge.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/outcrop-lab/outcrop/plain"
	"github.com/outcrop-lab/outcrop/settings"
	"github.com/outcrop-lab/outcrop/store"
	"github.com/outcrop-lab/outcrop/variant"
)

// Exit codes.
const (
	exitDone        = 0
	exitFailed      = 1
	exitInput       = 2
	exitInterrupted = 130
)

// exitCodes is the last line of every verb's help.
const exitCodes = `Exit codes: 0 all done, 1 something failed, 2 bad input, 130 interrupted.`

// helpWidth is the width of help texts in columns.
const helpWidth = 80

// commands holds the verbs.
var commands = []func(*preferences) *cobra.Command{
	runCommand, planCommand, statusCommand, resumeCommand, retryCommand, stopCommand, mergeCommand,
	showCommand, compareCommand, logsCommand, rmCommand,
	probeCommand, absorbCommand, fitCommand, deriveCommand, predictCommand,
	plotCommand, reportCommand,
	variantsCommand, schemaCommand, tokenizerCommand,
	queryCommand, exportCommand, dbCommand,
	doctorCommand, versionCommand, workerCommand,
}

// orderly holds the verbs that need time to stop: they wait for workers to reach a checkpoint.
var orderly = []string{"run", "resume", "retry", "worker"}

// grace is how long any other verb may take to stop by itself. Nothing is half-written after it: files appear by
// rename, and SQLite takes back what was not committed.
const grace = time.Second

func main() {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		cancel()
		var over <-chan time.Time
		if !slices.ContainsFunc(os.Args[1:], func(arg string) bool { return slices.Contains(orderly, arg) }) {
			over = time.After(grace)
		}
		select {
		case <-signals: // the workers end when their standard input closes
		case <-over:
		}
		os.Exit(exitInterrupted)
	}()
	os.Exit(Run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// errInterrupted is returned by a verb that was interrupted, or some of whose runs were stopped on request. The command
// that continues it has been logged before.
var errInterrupted = errors.New("interrupted")

// usageError is a mistake in what the user gave, such as an argument or a setting. The program then exits with code 2.
type usageError struct{ error }

// Run executes one command line and returns its exit code: 0 if all is done, 1 if something failed, 2 if the input was
// bad, 130 if it was interrupted.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	out, messages := newPrintable(stdout), newPrintable(stderr)
	defer func() { _, _ = out.Close(), messages.Close() }()
	s := &preferences{log: newLog("text", slog.LevelInfo, messages)}
	root := &cobra.Command{
		Use:           "outcrop",
		Short:         "Train sweeps of small transformers and watch massive activations emerge",
		SilenceErrors: true,
		SilenceUsage:  true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			return s.load(cmd.Flags(), messages)
		},
	}
	s.flags(root.PersistentFlags())
	for _, c := range commands {
		root.AddCommand(c(s))
	}
	complete(s, root)
	root.SetFlagErrorFunc(flagError)
	wrapped := strings.ReplaceAll(root.UsageTemplate(), "FlagUsages", fmt.Sprintf("FlagUsagesWrapped %d", helpWidth))
	root.SetUsageTemplate(wrapped + "\n" + exitCodes + "\n")
	root.SetArgs(args)
	root.SetOut(out)
	root.SetErr(messages)
	refuseShell(root)
	err := root.ExecuteContext(ctx)
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, errInterrupted):
		return exitInterrupted
	case errors.Is(err, context.Canceled):
		s.log.Warn("interrupted")
		return exitInterrupted
	}
	code := exitFailed
	var input *settings.InputError
	var usage usageError
	if errors.As(err, &input) || errors.As(err, &usage) ||
		errors.Is(err, store.ErrCorrupt) || errors.Is(err, store.ErrNewer) || errors.Is(err, store.ErrMissing) ||
		strings.HasPrefix(err.Error(), "unknown command") {
		code = exitInput
	}
	s.log.Error(plain.Reword(message(err), err), "exit", code)
	return code
}

// message returns an error's text, with the parts of a joined error on one line.
func message(err error) string {
	text := err.Error()
	var joined interface {
		error
		Unwrap() []error
	}
	if !errors.As(err, &joined) {
		return text
	}
	var lines, parts []string
	for _, e := range joined.Unwrap() {
		lines, parts = append(lines, e.Error()), append(parts, message(e))
	}
	return strings.Replace(text, strings.Join(lines, "\n"), strings.Join(parts, "; "), 1)
}

// flagError turns an error about flags into a usage error. If a flag with a long name is unknown, the error suggests
// the known flag with the most similar name.
func flagError(cmd *cobra.Command, err error) error {
	var missing *pflag.NotExistError
	if errors.As(err, &missing) && len(missing.GetSpecifiedName()) > 1 {
		var names []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
		err = variant.Unknown("flag", missing.GetSpecifiedName(), names)
	}
	var invalid *pflag.InvalidValueError
	if errors.As(err, &invalid) {
		flag, cause := invalid.GetFlag(), plain.Text(invalid.Unwrap())
		if wants, ok := wanted[flag.Value.Type()]; ok {
			cause = "wants " + wants
		}
		err = fmt.Errorf("--%s: %s, got %q", flag.Name, cause, invalid.GetValue())
	}
	return usageError{fmt.Errorf("%w; see %s --help", err, cmd.CommandPath())}
}

// wanted says what a flag of each type wants.
var wanted = map[string]string{
	"bool":        "true or false",
	"int":         "a whole number",
	"uint64":      "a whole number from 0 on",
	"float64":     "a number",
	"stringSlice": "words with commas between and no quotation marks",
	"duration":    "a time with its unit, such as 90s or 5m",
}

// arguments returns a check like the given one, except that its error is a usageError.
func arguments(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return usageError{fmt.Errorf("%w; see outcrop %s --help", err, cmd.Name())}
		}
		return nil
	}
}
