// Package plots draws figures. It reads only the store, and the snapshots that the store lists and that lie in the
// runs' folders. If a figure is drawn twice from the same database, both drawings have the same bytes.
package plots

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"

	"github.com/outcrop-lab/outcrop/atomicfile"
	"github.com/outcrop-lab/outcrop/derive"
	"github.com/outcrop-lab/outcrop/store"
	"github.com/outcrop-lab/outcrop/variant"
)

// figure is drawn in two steps: table reads a sweep and reduces it to what is shown, and Table.drawing draws that.
type figure struct {
	needs []derive.Need // what it reads; a panel is left out if no run has what it needs
	table func(e experiment) (Table, error)
}

var figures = map[string]figure{
	"depth":     depth,
	"emergence": emergence,
	"families":  families,
	"heatmap":   heatmap,
	"landscape": landscape,
	"loss":      loss,
	"sinks":     sinks,
	"stability": stability,
	"valley":    valley,
}

// dotsPerInch is the resolution of PNG files.
const dotsPerInch = 200

// Names returns the names of the figures, sorted.
func Names() []string { return slices.Sorted(maps.Keys(figures)) }

// Needs returns the statistics that the figures read.
func Needs() (all []derive.Need) {
	for _, name := range Names() {
		for _, need := range figures[name].needs {
			if !slices.Contains(all, need) {
				all = append(all, need)
			}
		}
	}
	return all
}

// Read returns the table of the named figure of a sweep: everything that the figure shows, including its caption.
func Read(db *store.DB, sweep, name string) (Table, error) {
	f, ok := figures[name]
	if !ok {
		return Table{}, fmt.Errorf("plots: %w", variant.Unknown("figure", name, Names()))
	}
	e, err := read(db, sweep)
	if err != nil {
		return Table{}, fmt.Errorf("plots: drawing %s: %w", name, err)
	}
	t, err := f.table(e)
	if err != nil {
		return Table{}, fmt.Errorf("plots: drawing %s: %w", name, err)
	}
	return t, nil
}

// Draw writes the named figure of a sweep into dir, as an SVG file and a PNG file with the figure's name. It writes
// each file atomically, by rename, and creates dir if needed.
func Draw(db *store.DB, sweep, figure, dir string) (Drawn, error) {
	t, err := Read(db, sweep, figure)
	if err != nil {
		return Drawn{}, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return Drawn{}, fmt.Errorf("plots: drawing %s: %w", figure, err)
	}
	var paths []string
	for _, extension := range []string{".svg", ".png"} {
		path := filepath.Join(dir, figure+extension)
		if err := t.write(path); err != nil {
			return Drawn{}, err
		}
		paths = append(paths, path)
	}
	return t.drawn(paths...), nil
}

// SVG returns the named figure of a sweep as an SVG document, and the figure's caption.
func SVG(db *store.DB, sweep, figure string) ([]byte, string, error) {
	t, err := Read(db, sweep, figure)
	if err != nil {
		return nil, "", err
	}
	content, err := t.drawing().svg()
	if err != nil {
		return nil, "", fmt.Errorf("plots: drawing %s as svg: %w", figure, err)
	}
	return content, t.Caption, nil
}

// write draws a table into a file by rename. The path ends in .svg or .png.
func (t Table) write(path string) error {
	encode, ok := map[string]func(drawing) ([]byte, error){".svg": drawing.svg, ".png": drawing.png}[filepath.Ext(path)]
	if !ok {
		return variant.Errorf(path, "a figure's file name ends in .svg or .png")
	}
	content, err := encode(t.drawing())
	if err == nil {
		err = atomicfile.Write(path, content)
	}
	if err != nil {
		return fmt.Errorf("plots: drawing %s: %w", path, err)
	}
	return nil
}

// drawing is the layout of a table. It can be painted on any canvas of its size.
type drawing struct {
	title         string // for screen readers
	width, height vg.Length
	paint         func(c draw.Canvas)
}

// svg returns the drawing as an SVG document. It adds fallbacks for the Liberation fonts (Arial has the same metrics)
// and labels the picture for screen readers.
func (d drawing) svg() ([]byte, error) {
	canvas := vgsvg.New(d.width, d.height)
	d.paint(draw.New(canvas))
	var out, title bytes.Buffer
	if _, err := canvas.WriteTo(&out); err != nil {
		return nil, err
	}
	if err := xml.EscapeText(&title, []byte(d.title)); err != nil {
		return nil, err
	}
	content := bytes.ReplaceAll(out.Bytes(), []byte("font-family:Liberation Sans;"), []byte("font-family:Liberation "+
		"Sans,Arial,Helvetica,sans-serif;"))
	labelled := fmt.Appendf(nil, `<svg role="img" aria-label="%s" `, title.Bytes())
	return bytes.Replace(content, []byte("<svg "), labelled, 1), nil
}

func (d drawing) png() ([]byte, error) {
	canvas := vgimg.NewWith(vgimg.UseWH(d.width, d.height), vgimg.UseDPI(dotsPerInch))
	d.paint(draw.New(boxing{canvas}))
	var out bytes.Buffer
	if _, err := (vgimg.PngCanvas{Canvas: canvas}).WriteTo(&out); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
