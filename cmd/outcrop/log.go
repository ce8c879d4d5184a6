package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
)

// newLog writes messages as plain lines, or as JSON objects with their fields. Every message is a sentence that can
// stand without its fields.
func newLog(format string, out io.Writer) *slog.Logger {
	if format == "json" {
		return slog.New(slog.NewJSONHandler(out, nil))
	}
	return slog.New(plain{out})
}

// plain prints the message alone; an error bears the program's name.
type plain struct{ out io.Writer }

// Enabled implements slog.Handler.
func (plain) Enabled(context.Context, slog.Level) bool { return true }

// Handle implements slog.Handler.
func (p plain) Handle(_ context.Context, r slog.Record) error {
	text := r.Message
	if r.Level >= slog.LevelError {
		text = "outcrop: " + text
	}
	_, err := fmt.Fprintln(p.out, text)
	return err
}

// WithAttrs implements slog.Handler.
func (p plain) WithAttrs([]slog.Attr) slog.Handler { return p }

// WithGroup implements slog.Handler.
func (p plain) WithGroup(string) slog.Handler { return p }
