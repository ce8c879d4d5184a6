package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/outcrop-lab/outcrop/experiments/results"
	"github.com/outcrop-lab/outcrop/store"
)

// Control sequences (ECMA-48, and the private modes of xterm).
const (
	screenOn  = "\x1b[?1049h\x1b[?25l\x1b[?7l" // alternate screen, cursor hidden, long lines cut
	screenOff = "\x1b[?7h\x1b[?25h\x1b[?1049l"
	home      = "\x1b[H"
	clearLine = "\x1b[K"
	clearRest = "\x1b[J"
)

// watchStatus shows the status of the runs and shows it again after each interval of length every. On a terminal it
// redraws the screen. Elsewhere it prints one table after another until nothing is left to do.
func watchStatus(ctx context.Context, out io.Writer, read func() ([]results.SweepStatus, error),
	every time.Duration) error {
	if screen, is := terminal(out); is {
		return watchScreen(ctx, screen, read, every)
	}
	for {
		all, err := read()
		if err != nil {
			return err
		}
		_, _ = fmt.Fprintln(out, time.Now().Format(time.DateTime))
		if err := printStatus(out, "", all, nil); err != nil || settled(all) {
			return err
		}
		_, _ = fmt.Fprintln(out)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(every):
		}
	}
}

func settled(all []results.SweepStatus) bool {
	for _, s := range all {
		for status := range s.Counts {
			if !store.Settled(status) {
				return false
			}
		}
	}
	return true
}

func watchScreen(ctx context.Context, out *os.File, read func() ([]results.SweepStatus, error),
	every time.Duration) (err error) {
	keys := make(chan byte)
	if in := int(os.Stdin.Fd()); term.IsTerminal(in) {
		before, err := term.MakeRaw(in)
		if err != nil {
			return fmt.Errorf("watching: %w", err)
		}
		defer func() { _ = term.Restore(in, before) }()
		go func() {
			key := make([]byte, 1)
			for {
				if _, err := os.Stdin.Read(key); err != nil {
					return
				}
				keys <- key[0]
			}
		}()
	}
	_, _ = io.WriteString(out, screenOn)
	defer func() { _, _ = io.WriteString(out, screenOff) }()
	for {
		all, err := read()
		if err != nil {
			return err
		}
		if err := drawScreen(out, all); err != nil {
			return err
		}
		again := time.After(every)
	waiting:
		for {
			select {
			case <-ctx.Done():
				return nil
			case key := <-keys:
				if key == 'q' || key == 'Q' || key == 3 { // 3 is Ctrl-C, which a raw terminal delivers as a key
					return nil
				}
			case <-again:
				break waiting
			}
		}
	}
}

// drawScreen draws the status over the status drawn before.
func drawScreen(out *os.File, all []results.SweepStatus) error {
	_, height, err := term.GetSize(int(out.Fd()))
	if err != nil || height < 3 {
		height = 24
	}
	p := newPrintable(out)
	text, err := fitting(painterFor(p), all, height-2)
	if err != nil {
		return err
	}
	text = p.escape(text) + "\n" + time.Now().Format(time.TimeOnly) + "  q quits"
	_, err = io.WriteString(out, home+strings.ReplaceAll(text, "\n", clearLine+"\r\n")+clearLine+clearRest)
	return err
}
