package plots

import (
	"fmt"
	"image/color"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/outcrop-lab/outcrop/store"
)

// heatmap shows where and when: the median ratio over seeds, step along x, block along y, a panel per arm.
func heatmap(db *store.DB, sweep string) (Drawing, string, error) {
	e, err := read(db, sweep)
	if err != nil {
		return Drawing{}, "", err
	}
	curves := make([][]curve, len(e.arms))
	for i, a := range e.arms {
		if curves[i], err = e.curves(a, ratioSite, ratioStatistic); err != nil {
			return Drawing{}, "", err
		}
	}
	layers := layersOf(curves)
	if len(layers) == 0 {
		return Drawing{}, "", e.nothing(ratioSite, ratioStatistic)
	}
	var drawn []int
	var values extent
	medians := make([][]curve, len(e.arms))
	for i := range e.arms {
		if len(curves[i]) == 0 {
			continue
		}
		drawn = append(drawn, i)
		for _, layer := range layers {
			m := median(ofLayer(curves[i], layer))
			m.layer = layer
			values.add(m.values...)
			medians[i] = append(medians[i], m)
		}
	}
	pg := page{
		title:    "Where and when the ratio rises: " + e.name,
		subtitle: "Largest activation over the median one in each block's output; an arm's median over its seeds.",
		cols:     min(3, len(drawn)),
		height:   vg.Length(60 + min(10*len(layers), 120)),
		bar:      &colorBar{extent: values, label: "top-1 / median of |h|"},
	}
	for k, i := range drawn {
		p := panel(k, len(drawn), pg.cols, stepLabel, "block")
		scaleX(p, lastStep(curves))
		p.X.Max++ // the last cell has a width, too
		p.Y.Min, p.Y.Max = float64(layers[0])-.5, float64(layers[len(layers)-1])+.5
		p.Y.Tick.Marker = blockTicks(layers)
		p.Add(cells{medians[i], values})
		pg.panels, pg.titles = append(pg.panels, p), append(pg.titles, e.arms[i].name)
	}
	has := drawnRuns(curves)
	caption := fmt.Sprintf("The mean over probe sequences of the largest |h| over the median |h| after each block (y) at each probed step (x, log(1 + step)); "+
		"colour, on a log scale, is the median over seeds; %s. A cell reaches from its probe step to the next. %s", e.seeds(has), e.provenance(has))
	return pg.drawing(), caption, nil
}

// blockTicks labels at most a dozen blocks.
func blockTicks(layers []int) plot.ConstantTicks {
	every := (len(layers) + 11) / 12
	var ticks plot.ConstantTicks
	for i, layer := range layers {
		if i%every == 0 {
			ticks = append(ticks, plot.Tick{Value: float64(layer), Label: fmt.Sprint(layer)})
		}
	}
	return ticks
}

// cells are the rectangles of one arm, a row per curve.
type cells struct {
	rows   []curve
	extent extent
}

// Plot implements plot.Plotter.
func (h cells) Plot(c draw.Canvas, p *plot.Plot) {
	trX, trY := p.Transforms(&c)
	for _, row := range h.rows {
		y0, y1 := trY(float64(row.layer)-.5), trY(float64(row.layer)+.5)
		for i, step := range row.steps {
			next := p.X.Max
			if i+1 < len(row.steps) {
				next = row.steps[i+1]
			}
			// A cell reaches under its right and upper neighbours, which are painted later, so that no seam shines through.
			x1, y1 := min(trX(next)+.5, c.Max.X), min(y1+.5, c.Max.Y)
			c.SetColor(shade(h.extent.position(row.values[i])))
			c.Fill(vg.Rectangle{Min: vg.Point{X: trX(step), Y: y0}, Max: vg.Point{X: x1, Y: y1}}.Path())
		}
	}
}

// position is where a value stands between the ends of the extent, on a log scale where all are positive.
func (e extent) position(v float64) float64 {
	if e.hi == e.lo {
		return 0
	}
	if e.lo > 0 {
		return math.Log(v/e.lo) / math.Log(e.hi/e.lo)
	}
	return (v - e.lo) / (e.hi - e.lo)
}

// anchors run from dark blue over teal to pale yellow, with a lightness (CIE L*) that rises evenly from 20 to 92 and
// hues that the colour-blind keep apart; grey print keeps the order.
var anchors = []color.NRGBA{
	{0x1B, 0x2A, 0x6B, 0xFF}, {0x1F, 0x56, 0x8C, 0xFF}, {0x24, 0x80, 0x8E, 0xFF},
	{0x3F, 0xA5, 0x7D, 0xFF}, {0x94, 0xC6, 0x5E, 0xFF}, {0xFB, 0xE8, 0x7A, 0xFF},
}

// shade is the colour at x of 0 to 1, by linear interpolation.
func shade(x float64) color.NRGBA {
	at := min(max(x, 0), 1) * float64(len(anchors)-1)
	i := min(int(at), len(anchors)-2)
	f := at - float64(i)
	mix := func(a, b uint8) uint8 { return uint8(math.Round(float64(a)*(1-f) + float64(b)*f)) }
	a, b := anchors[i], anchors[i+1]
	return color.NRGBA{mix(a.R, b.R), mix(a.G, b.G), mix(a.B, b.B), 0xFF}
}

// colorBar is the scale of a heat map.
type colorBar struct {
	extent extent
	label  string
}

// paint draws the bar with its lower left corner at a point, its labels right of it.
func (b colorBar) paint(c draw.Canvas, at vg.Point, height vg.Length) {
	const bars, width = 128, 12
	for i := range bars {
		y := at.Y + height*vg.Length(i)/bars
		c.SetColor(shade((float64(i) + .5) / bars))
		c.Fill(vg.Rectangle{Min: vg.Point{X: at.X, Y: y}, Max: vg.Point{X: at.X + width, Y: at.Y + height}}.Path())
	}
	style := aligned(lettering(textSize-1, quiet), draw.XLeft, draw.YCenter)
	for _, v := range b.ticks(height) {
		y := at.Y + height*vg.Length(b.extent.position(v))
		c.StrokeLine2(draw.LineStyle{Color: quiet, Width: .5}, at.X+width, y, at.X+width+3, y)
		c.FillText(style, vg.Point{X: at.X + width + 5, Y: y}, short(v))
	}
	label := aligned(lettering(textSize, ink), draw.XCenter, draw.YBottom)
	label.Rotation = math.Pi / 2
	c.FillText(label, vg.Point{X: at.X + barWidth - 4, Y: at.Y + height/2}, b.label)
}

// ticks are the ends and those round values between them that leave room for their labels.
func (b colorBar) ticks(height vg.Length) []float64 {
	ticks := []float64{b.extent.lo}
	far := func(v, from float64) bool {
		return math.Abs(b.extent.position(v)-b.extent.position(from))*float64(height) > textSize+2
	}
	if b.extent.lo > 0 {
		for _, t := range (ratioTicks{}).Ticks(b.extent.lo, b.extent.hi) {
			if t.Label != "" && far(t.Value, ticks[len(ticks)-1]) && far(t.Value, b.extent.hi) {
				ticks = append(ticks, t.Value)
			}
		}
	}
	if b.extent.hi > b.extent.lo {
		ticks = append(ticks, b.extent.hi)
	}
	return ticks
}
