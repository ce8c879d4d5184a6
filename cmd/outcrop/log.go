package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
)

// newLog returns a logger that writes messages of at least the given level: as JSON objects with fields if format is
// "json", otherwise as plain lines without fields. Every message must therefore make sense without its fields.
func newLog(format string, level slog.Level, out io.Writer) *slog.Logger {
	if format == "json" {
		return slog.New(slog.NewJSONHandler(out, &slog.HandlerOptions{Level: level}))
	}
	return slog.New(messages{level, out})
}

// messages is a log handler that prints only the message, preceded by the program's name if the message is an error.
type messages struct {
	level slog.Level
	out   io.Writer
}

// Enabled implements slog.Handler.
func (m messages) Enabled(_ context.Context, level slog.Level) bool { return level >= m.level }

// Handle implements slog.Handler.
func (m messages) Handle(_ context.Context, r slog.Record) error {
	text := r.Message
	if r.Level >= slog.LevelError {
		text = "outcrop: " + text
	}
	_, err := fmt.Fprintln(m.out, text)
	return err
}

// WithAttrs implements slog.Handler.
func (m messages) WithAttrs([]slog.Attr) slog.Handler { return m }

// WithGroup implements slog.Handler.
func (m messages) WithGroup(string) slog.Handler { return m }
