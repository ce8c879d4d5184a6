// Package plots draws figures from the store alone, and from the snapshots that it says lie beside the runs. A figure drawn twice from one database has the same bytes.
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

	"github.com/outcrop-lab/outcrop/store"
	"github.com/outcrop-lab/outcrop/variant"
)

// Drawing is a figure of that size that can be painted on any canvas.
type Drawing struct {
	Title         string // one line, for those who cannot see the figure
	Width, Height vg.Length
	Paint         func(c draw.Canvas)
}

// A figure reads a sweep and returns its drawing and the caption: what is drawn, over how many seeds, from which runs.
type figure func(db *store.DB, sweep string) (Drawing, string, error)

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

// Draw writes a sweep's figure into dir, which it makes if needed, as figure.svg and figure.png, each by rename. It
// returns their paths.
func Draw(db *store.DB, sweep, figure, dir string) ([]string, error) {
	d, _, err := lookup(db, sweep, figure)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("plots: drawing %s: %w", figure, err)
	}
	var paths []string
	for _, format := range []struct {
		extension string
		encode    func(Drawing) ([]byte, error)
	}{{"svg", Drawing.svg}, {"png", Drawing.png}} {
		content, err := format.encode(d)
		if err != nil {
			return nil, fmt.Errorf("plots: drawing %s as %s: %w", figure, format.extension, err)
		}
		path := filepath.Join(dir, figure+"."+format.extension)
		if err := writeByRename(path, content); err != nil {
			return nil, fmt.Errorf("plots: drawing %s: %w", figure, err)
		}
		paths = append(paths, path)
	}
	return paths, nil
}

// SVG returns a sweep's figure as an SVG document, and its caption.
func SVG(db *store.DB, sweep, figure string) ([]byte, string, error) {
	d, caption, err := lookup(db, sweep, figure)
	if err != nil {
		return nil, "", err
	}
	content, err := d.svg()
	if err != nil {
		return nil, "", fmt.Errorf("plots: drawing %s as svg: %w", figure, err)
	}
	return content, caption, nil
}

// Caption is the text that belongs under a sweep's figure.
func Caption(db *store.DB, sweep, figure string) (string, error) {
	_, caption, err := lookup(db, sweep, figure)
	return caption, err
}

func lookup(db *store.DB, sweep, name string) (Drawing, string, error) {
	f, ok := figures[name]
	if !ok {
		return Drawing{}, "", fmt.Errorf("plots: %w", variant.Unknown("figure", name, Names()))
	}
	d, caption, err := f(db, sweep)
	if err != nil {
		return Drawing{}, "", fmt.Errorf("plots: drawing %s: %w", name, err)
	}
	return d, caption, nil
}

// svg names a fallback beside the Liberation fonts (Arial has their metrics) and labels the picture for screen
// readers.
func (d Drawing) svg() ([]byte, error) {
	canvas := vgsvg.New(d.Width, d.Height)
	d.Paint(draw.New(canvas))
	var out, title bytes.Buffer
	if _, err := canvas.WriteTo(&out); err != nil {
		return nil, err
	}
	if err := xml.EscapeText(&title, []byte(d.Title)); err != nil {
		return nil, err
	}
	content := bytes.ReplaceAll(out.Bytes(), []byte("font-family:Liberation Sans;"), []byte("font-family:Liberation Sans,Arial,Helvetica,sans-serif;"))
	return bytes.Replace(content, []byte("<svg "), fmt.Appendf(nil, `<svg role="img" aria-label="%s" `, title.Bytes()), 1), nil
}

func (d Drawing) png() ([]byte, error) {
	canvas := vgimg.NewWith(vgimg.UseWH(d.Width, d.Height), vgimg.UseDPI(dotsPerInch))
	d.Paint(draw.New(canvas))
	var out bytes.Buffer
	if _, err := (vgimg.PngCanvas{Canvas: canvas}).WriteTo(&out); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

func writeByRename(path string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if chmod := f.Chmod(0o644); err == nil {
		err = chmod
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}
