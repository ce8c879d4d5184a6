package main

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/outcrop-lab/outcrop/settings"
)

// What outcrop.yaml, the environment or a flag holds is text, and the setting's own type decides what it means.
//
//nolint:funlen // a table of cases
func TestSettingsAreReadByTheWantedType(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, c := range []struct {
		file, variable, flag string
		want                 string // a line of doctor --verbose
		refused              string // or the message
	}{
		// Texts stay as they were written.
		{file: "results: 2026-01-01\n", want: "setting results: 2026-01-01 (outcrop.yaml:1:10: results)"},
		{file: "results: 1e3\n", want: "setting results: 1e3 (outcrop.yaml:1:10: results)"},
		{file: "results: 1.10\n", want: "setting results: 1.10 (outcrop.yaml:1:10: results)"},
		{file: "results: 0x10\n", want: "setting results: 0x10 (outcrop.yaml:1:10: results)"},
		{file: "results: 1_000\n", want: "setting results: 1_000 (outcrop.yaml:1:10: results)"},
		{file: "results: 007\n", want: "setting results: 007 (outcrop.yaml:1:10: results)"},
		{file: "results: True\n", want: "setting results: True (outcrop.yaml:1:10: results)"},
		{file: "results: 12:30:00\n", want: "setting results: 12:30:00 (outcrop.yaml:1:10: results)"},
		{file: "results: .inf\n", want: "setting results: .inf (outcrop.yaml:1:10: results)"},
		{file: "results: 'a: b' # c\n", want: "setting results: a: b (outcrop.yaml:1:10: results)"},
		{variable: "OUTCROP_RESULTS=1e3", want: "setting results: 1e3 (OUTCROP_RESULTS)"},
		{flag: "--results=2026-01-01", want: "setting results: 2026-01-01 (--results)"},
		// Numbers are those of sweep files.
		{file: "jobs: 0x2\n", want: "setting jobs: 0x2 (outcrop.yaml:1:7: jobs)"},
		{file: "jobs: 1e0\n", want: "setting jobs: 1e0 (outcrop.yaml:1:7: jobs)"},
		{variable: "OUTCROP_JOBS=+2", want: "setting jobs: +2 (OUTCROP_JOBS)"},
		{flag: "--retries=0o3", want: "setting retries: 0o3 (--retries)"},
		{file: "jobs: 1_0\n", refused: `outcrop.yaml:1:7: jobs: wants auto or a whole number, got "1_0"`},
		{file: "jobs: 1.5\n", refused: `outcrop.yaml:1:7: jobs: wants auto or a whole number, got "1.5"`},
		{file: "jobs: -1\n", refused: `outcrop.yaml:1:7: jobs: wants auto or a whole number, got "-1"`},
		{file: "retries: auto\n", refused: `outcrop.yaml:1:10: retries: wants a whole number, got "auto"`},
		{file: "retries: true\n", refused: `outcrop.yaml:1:10: retries: wants a whole number, got "true"`},
		{variable: "OUTCROP_JOBS=1_0", refused: `OUTCROP_JOBS: wants auto or a whole number, got "1_0"`},
		{flag: "--retries=1_0", refused: `--retries: wants a whole number, got "1_0"`},
		{flag: "--threads=0b1", refused: `--threads: wants auto or a whole number, got "0b1"`},
		// And so are the words for true and false, but the environment may hold 1, as a flag may.
		{file: "verbose: TRUE\n", want: "setting verbose: TRUE (outcrop.yaml:1:10: verbose)"},
		{file: "verbose: yes\n", refused: `outcrop.yaml:1:10: verbose: wants true or false, got "yes"`},
		{file: "verbose: 1\n", refused: `outcrop.yaml:1:10: verbose: wants true or false, got "1"`},
		{variable: "OUTCROP_VERBOSE=1", want: "setting verbose: 1 (OUTCROP_VERBOSE)"},
		// Null is the default, as in a sweep file.
		{file: "jobs: ~\n", want: "setting jobs: auto (default)"},
		{file: "results:\n", want: "setting results: results (default)"},
		{file: "# jobs: 2\n", want: "setting jobs: auto (default)"},
		{file: "results: ''\n", refused: "outcrop.yaml:1:10: results: wants a folder, got an empty name"},
		// One document, of known keys, each once, in their own case, with single values.
		{file: "---\njobs: 1\n---\njobs: 2\n",
			refused: "outcrop.yaml:3:1: wants one YAML document, and here a second one begins"},
		{file: "JOBS: 1\njobs: 2\n", refused: `outcrop.yaml:1:1: unknown setting "JOBS", did you mean "jobs"?`},
		{file: "jobs: 2\nJobs: 1\n", refused: `outcrop.yaml:2:1: unknown setting "Jobs", did you mean "jobs"?`},
		{file: "log_format: json\n", refused: `outcrop.yaml:1:1: unknown setting "log_format", did you mean "log-format"?`},
		{file: "jobs: 1\njobs: 2\n", refused: `outcrop.yaml:2:1: key "jobs" appears twice, first in line 1`},
		{file: "results: [a]\n", refused: "outcrop.yaml:1:10: results: wants a single value, got a list"},
		{file: "results: {a: b}\n", refused: "outcrop.yaml:1:10: results: wants a single value, got a map"},
		// A folder from somebody else runs no command.
		{file: "jobs: 1\nnotify: touch /tmp/x\n", refused: "outcrop.yaml:2:1: notify: is a command, which no file in a " +
			"folder may give, because the folder may be somebody else's: set OUTCROP_NOTIFY"},
		{file: "notify:\n", refused: "outcrop.yaml:1:1: notify: is a command"},
		{variable: "OUTCROP_NOTIFY=true", want: "setting notify: true (OUTCROP_NOTIFY)"},
		{file: "results.a: b\n", refused: `outcrop.yaml:1:1: unknown setting "results.a"`},
		{file: "- jobs\n", refused: "outcrop.yaml:1:1: wants a map of keys, got a list"},
		{file: "jobs:\n\t1\n", refused: "outcrop.yaml:2:1: a tab: YAML wants spaces to indent"},
		{file: "results: \xe9\n", refused: "outcrop.yaml:1:10: the byte 0xe9 is not UTF-8"},
		{variable: "OUTCROP_JOB=1",
			refused: "the environment variable OUTCROP_JOB is no setting, did you mean OUTCROP_JOBS?"},
		{variable: "OUTCROP_LOGFORMAT=json", refused: "did you mean OUTCROP_LOG_FORMAT?"},
	} {
		t.Run(c.file+c.variable+c.flag, func(t *testing.T) {
			if err := os.WriteFile("outcrop.yaml", []byte(c.file), 0o666); err != nil {
				t.Fatal(err)
			}
			args := []string{"variants"}
			if c.want != "" && !strings.Contains(c.want, "verbose") {
				args = append(args, "--verbose")
			}
			if c.variable != "" {
				name, value, _ := strings.Cut(c.variable, "=")
				t.Setenv(name, value)
			}
			if c.flag != "" {
				args = append(args, c.flag)
			}
			code, _, stderr := outcrop(t.Context(), args...)
			if c.refused != "" && (code != exitInput || !strings.Contains(stderr, c.refused)) {
				t.Errorf("exit %d, %q, want 2 and %q", code, stderr, c.refused)
			}
			if c.refused == "" && (code != exitDone || !strings.Contains(stderr, c.want)) {
				t.Errorf("exit %d, %q, want 0 and %q", code, stderr, c.want)
			}
		})
	}
}

// outcrop.yaml is a regular file: a folder, a device or a file of any size is refused at once.
func TestSettingsFileIsRegular(t *testing.T) {
	t.Chdir(t.TempDir())
	for want, lay := range map[string]func() error{
		"is a device":     func() error { return os.Symlink("/dev/zero", settingsFile) },
		"is a folder":     func() error { return os.Mkdir(settingsFile, 0o777) },
		"is a named pipe": func() error { return unix.Mkfifo(settingsFile, 0o666) },
		"holds more than": func() error { return os.WriteFile(settingsFile, make([]byte, settingsBytes+1), 0o666) },
	} {
		if err := lay(); err != nil {
			t.Fatal(err)
		}
		if code, _, stderr := outcrop(t.Context(), "version"); code != exitInput || !strings.Contains(stderr, want) {
			t.Errorf("exit %d, %q, want 2 and %q", code, stderr, want)
		}
		if err := os.Remove(settingsFile); err != nil {
			t.Fatal(err)
		}
	}
}

// The variables that a notification command finds, and those of other programs, are no misspelt settings.
func TestOtherVariablesAreNoSettings(t *testing.T) {
	for _, name := range []string{"SWEEP", "STATUS", "DONE", "DIVERGED", "STOPPED", "EARLY", "FAILED", "KEPT", "RESULTS",
		"COMMAND", "PYTHON", "HOME", "ROOT", "JOBS"} {
		if err := misspeltVariable([]string{"OUTCROP_" + name + "=x", "JOB=1", "XOUTCROP_JOB=1"}); err != nil {
			t.Error(err)
		}
	}
}

// Whatever outcrop.yaml holds, it is refused with a place, or holds texts of known settings.
func FuzzSettings(f *testing.F) {
	for _, src := range []string{"results: 2026-01-01\n", "results: 1e3\n", "results: [a]\n", "JOBS: 1\njobs: 2\n",
		"---\njobs: 1\n---\njobs: 2\n", "results: 1.10\n", "jobs: ~\nquiet: True\n", "jobs: &a 1\nthreads: *a\n",
		"\xff\xfe"} {
		f.Add([]byte(src))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		texts, places, err := readSettings(src)
		if input := new(settings.InputError); err != nil && (!errors.As(err, &input) ||
			!strings.HasPrefix(err.Error(), settingsFile+":")) {
			t.Fatalf("%T %v", err, err)
		}
		if err == nil && len(texts) != len(places) {
			t.Fatalf("%v at %v", texts, places)
		}
		for name, text := range texts {
			if _, ok := text.(string); !ok || !slices.Contains(settingNames, name) {
				t.Fatalf("%s is %v", name, text)
			}
		}
	})
}
