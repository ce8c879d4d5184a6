// Package plain says in plain words what the errors of Go's own libraries mean.
package plain

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Text returns the text of an error, in which plain words stand for the texts of Go's own errors that it wraps.
func Text(err error) string { return Reword(err.Error(), err) }

// Reword does the same in another text, which holds that of the error. A cause stands last in a text, so the last
// occurrence is replaced.
func Reword(text string, err error) string {
	each(err, func(e error) {
		said, at := words(e), strings.LastIndex(text, e.Error())
		if said != "" && at >= 0 {
			text = text[:at] + said + text[at+len(e.Error()):]
		}
	})
	return text
}

// each calls f with an error and all errors that it wraps.
func each(err error, f func(error)) {
	f(err)
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		if within := e.Unwrap(); within != nil {
			each(within, f)
		}
	case interface{ Unwrap() []error }:
		for _, within := range e.Unwrap() {
			each(within, f)
		}
	}
}

// words returns what one of Go's own errors means, or "" for any other error. It looks at err alone, since each goes
// through what it wraps.
func words(err error) string {
	switch e := err.(type) {
	case *json.SyntaxError:
		if strings.HasPrefix(e.Error(), "unexpected end") {
			return fmt.Sprintf("the JSON ends too early, after byte %d", e.Offset)
		}
		return fmt.Sprintf("no JSON can go on as it does at byte %d", e.Offset)
	case *json.UnmarshalTypeError:
		return strings.TrimSpace(fmt.Sprintf("%s cannot be the %s at byte %d", e.Field, e.Value, e.Offset))
	case *strconv.NumError:
		return number(e)
	case *exec.ExitError:
		return Ended(e)
	}
	switch err {
	case io.EOF, io.ErrUnexpectedEOF:
		return "it ends too early"
	case context.Canceled:
		return "interrupted"
	case context.DeadlineExceeded:
		return "the time for it was over"
	}
	return ""
}

func number(e *strconv.NumError) string {
	kind := "a number"
	switch e.Func {
	case "ParseBool":
		return fmt.Sprintf("%q is not true or false", e.Num)
	case "ParseInt", "ParseUint", "Atoi":
		kind = "a whole number"
	}
	if errors.Is(e.Err, strconv.ErrRange) {
		return fmt.Sprintf("%s is too large or too small for %s", e.Num, kind)
	}
	return fmt.Sprintf("%q is not %s", e.Num, kind)
}

// Ended says how a process ended, after its name: "ended with exit code 3" or "was killed (SIGKILL)". err is the error
// of exec.Cmd's Run or Wait.
func Ended(err error) string {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return "could not be run: " + Text(err)
	}
	if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return fmt.Sprintf("was killed (%s)", unix.SignalName(status.Signal()))
	}
	return fmt.Sprintf("ended with exit code %d", exit.ExitCode())
}

// JSON returns the error of decoding a JSON text with the line of the mistake, from 1, and its byte, from 1. It returns
// nil for nil.
func JSON(text []byte, err error) error {
	if err == nil {
		return nil
	}
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF),
		errors.As(err, &syntax) && strings.HasPrefix(syntax.Error(), "unexpected end"):
		return fmt.Errorf("%s: the JSON ends too early", place(text, int64(len(text))))
	case errors.As(err, &syntax):
		return fmt.Errorf("%s: %s cannot stand here in JSON", place(text, syntax.Offset), at(text, syntax.Offset))
	case errors.As(err, &kind):
		name := kind.Field
		if name == "" {
			name = "the value"
		}
		return fmt.Errorf("%s: %s cannot be %s", place(text, kind.Offset), name, kind.Value)
	}
	return errors.New(strings.TrimPrefix(Text(err), "json: "))
}

// place says where the first offset bytes of a text end.
func place(text []byte, offset int64) string {
	before := text[:min(int64(len(text)), offset)]
	return fmt.Sprintf("line %d, byte %d", 1+bytes.Count(before, []byte{'\n'}), len(before))
}

func at(text []byte, offset int64) string {
	if offset < 1 || offset > int64(len(text)) {
		return "this"
	}
	return strconv.QuoteRune(rune(text[offset-1]))
}
