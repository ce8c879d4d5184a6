// Package plots draws figures from the store alone, and from the snapshots that it says lie beside the runs. A figure
// drawn twice from one database has the same bytes.
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

// figure is made in two steps: table reads a sweep and reduces it to all that is shown, and Table.drawing draws that.
type figure struct {
	needs []derive.Need // what it reads; a panel whose need no run has is left out
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

// dotsPerInch is the resolution of a PNG.
const dotsPerInch = 200

// Names lists the figures, sorted.
func Names() []string { return slices.Sorted(maps.Keys(figures)) }

// Needs lists the statistics that the figures read.
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

// Read makes the table of a sweep's figure: all that it shows, its caption too.
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

// Draw writes a sweep's figure into dir, which it makes if needed, as figure.svg and figure.png, each by rename. It
// returns their paths.
func Draw(db *store.DB, sweep, figure, dir string) ([]string, error) {
	t, err := Read(db, sweep, figure)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("plots: drawing %s: %w", figure, err)
	}
	var paths []string
	for _, extension := range []string{".svg", ".png"} {
		path := filepath.Join(dir, figure+extension)
		if err := t.write(path); err != nil {
			return nil, err
		}
		paths = append(paths, path)
	}
	return paths, nil
}

// SVG returns a sweep's figure as an SVG document, and its caption.
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

// write draws a table into a file that ends in .svg or .png, by rename.
func (t Table) write(path string) error {
	encode, ok := map[string]func(drawing) ([]byte, error){".svg": drawing.svg, ".png": drawing.png}[filepath.Ext(path)]
	if !ok {
		return variant.Errorf(path, "a figure's name ends in .svg or .png")
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

// drawing is a table laid out, which can be painted on any canvas of its size.
type drawing struct {
	title         string // for those who cannot see the figure
	width, height vg.Length
	paint         func(c draw.Canvas)
}

// svg names a fallback beside the Liberation fonts (Arial has their metrics) and labels the picture for screen
// readers.
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
	d.paint(draw.New(canvas))
	var out bytes.Buffer
	if _, err := (vgimg.PngCanvas{Canvas: canvas}).WriteTo(&out); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
