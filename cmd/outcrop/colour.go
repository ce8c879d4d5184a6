package main

import (
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"github.com/fatih/color"

	"github.com/outcrop-lab/outcrop/store"
)

// statusColours are the colours of runs' statuses. A status that is not listed has the terminal's default text colour.
var statusColours = map[string]color.Attribute{
	store.Planned:  plainColour,
	store.Leased:   color.FgBlue,
	store.Running:  color.FgCyan,
	store.Done:     color.FgGreen,
	store.Stopped:  color.FgYellow,
	store.Failed:   color.FgRed,
	store.Diverged: color.FgMagenta,
	store.Lost:     color.FgRed,
}

// plainColour is the terminal's default text colour (ECMA-48, SGR 39).
const plainColour color.Attribute = 39

// painter colours texts that a printable writes; it holds what stands for ESC there. A painter that is "" does nothing.
// In a column of a table, paint all cells or none: the control sequences of all colours have the same length, so a
// column in which every cell has one stays aligned.
type painter string

// painterFor returns a painter for out. It colours texts if out is a terminal with colours, unless the environment
// variable NO_COLOR (no-color.org) is set.
func painterFor(out io.Writer) painter {
	if p, ok := out.(*printable); ok && p.mark != 0 {
		return painter(p.mark)
	}
	return ""
}

func (p painter) status(status string) string {
	attribute, known := statusColours[status]
	if !known {
		attribute = plainColour
	}
	return p.paint(status, attribute)
}

func (p painter) paint(text string, attribute color.Attribute) string {
	if p == "" {
		return text
	}
	c := color.New(attribute)
	c.EnableColor()
	before, after, _ := strings.Cut(c.Sprint("x"), "x")
	own := func(sequence string) string { return strings.ReplaceAll(sequence, "\x1b", string(p)) }
	return own(before) + text + own(after)
}

// lasting formats a time in seconds in at most two units, such as 42s, 3m20s, 2h05m or 3d04h.
func lasting(seconds float64) string {
	if math.IsNaN(seconds) || math.IsInf(seconds, 0) {
		return undetermined
	}
	d := time.Duration(seconds * float64(time.Second)).Round(time.Second)
	h, m, s := int(d.Hours()), int(d.Minutes())%60, int(d.Seconds())%60
	switch {
	case h >= 24:
		return fmt.Sprintf("%dd%02dh", h/24, h%24)
	case h > 0:
		return fmt.Sprintf("%dh%02dm", h, m)
	case m > 0:
		return fmt.Sprintf("%dm%02ds", m, s)
	}
	return fmt.Sprintf("%ds", s)
}

// sized formats a number of bytes with three significant digits, in the largest unit of which there is at least one.
func sized(bytes int64) string {
	size := float64(bytes)
	for _, unit := range []string{"B", "kB", "MB", "GB"} {
		if size < 1000 {
			if unit == "B" {
				return fmt.Sprintf("%d B", bytes)
			}
			return fmt.Sprintf("%.3g %s", size, unit)
		}
		size /= 1000
	}
	return fmt.Sprintf("%.3g TB", size)
}
