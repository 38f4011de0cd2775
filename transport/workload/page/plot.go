package page

import (
	"fmt"
	"math"
	"strings"
)

// plot is a diagram. What is exported belongs to whoever describes it, and to
// the template.
type plot struct {
	Title, About string
	X, Y         string // units
	LogX, LogY   bool
	Zero         bool // the y axis begins at 0
	Lines        []line

	mark float64 // a vertical line at this x; 0 for none

	// What the template draws, in the units of the picture.
	Width, Height            int
	Left, Right, Top, Bottom float64
	Mark                     float64
	XTicks, YTicks           []tick
}

// line is one curve.
type line struct {
	Name   string // for the legend; empty for none
	Color  int
	Dashed bool
	Points []point
	Path   string // as SVG wants it
}

type point struct{ x, y float64 }

// tick is a mark on an axis.
type tick struct {
	At   float64
	Text string
}

// axis maps values to places.
type axis struct {
	from, to  float64 // values
	near, far float64 // places
	log       bool
}

func (a axis) at(v float64) float64 {
	from, to := a.from, a.to
	if a.log {
		from, to, v = math.Log10(from), math.Log10(to), math.Log10(max(v, a.from))
	}
	return a.near + (v-from)/(to-from)*(a.far-a.near)
}

// draw prepares a plot; false when there is nothing to draw.
func (p *plot) draw() bool {
	p.Width, p.Height = 880, 300
	p.Left, p.Right, p.Top, p.Bottom = 64, 864, 24, 264
	low, high := point{math.Inf(1), math.Inf(1)}, point{math.Inf(-1), math.Inf(-1)}
	n := 0
	for _, l := range p.Lines {
		for _, pt := range l.Points {
			if p.LogY && pt.y <= 0 {
				continue
			}
			n++
			low = point{min(low.x, pt.x), min(low.y, pt.y)}
			high = point{max(high.x, pt.x), max(high.y, pt.y)}
		}
	}
	if n < 2 || high.x <= low.x {
		return false
	}
	x, y := p.axes(low, high)
	for i := range p.Lines {
		p.Lines[i].Path = path(p.Lines[i].Points, x, y, p.LogY)
	}
	p.XTicks, p.YTicks = ticks(x, p.LogX), ticks(y, false)
	if p.mark > x.from && p.mark < x.to {
		p.Mark = x.at(p.mark)
	}
	return true
}

func (p *plot) axes(low, high point) (x, y axis) {
	x = axis{low.x, high.x, p.Left, p.Right, p.LogX}
	y = axis{low.y, high.y, p.Bottom, p.Top, p.LogY}
	switch {
	case p.LogY:
		y.from, y.to = math.Pow(10, math.Floor(math.Log10(low.y)*2)/2), math.Pow(10, math.Ceil(math.Log10(high.y)*2)/2)
		if y.to <= y.from {
			y.to = y.from * 10
		}
	case p.Zero:
		y.from = 0
		y.to = max(high.y*1.08, 1)
	}
	return x, y
}

// path writes points as a polyline of SVG.
func path(points []point, x, y axis, positive bool) string {
	var b strings.Builder
	for _, pt := range points {
		if positive && pt.y <= 0 {
			continue
		}
		fmt.Fprintf(&b, "%.1f,%.1f ", x.at(pt.x), y.at(pt.y))
	}
	return strings.TrimSuffix(b.String(), " ")
}

// ticks are marks at round values. On an axis of percentiles they are nines.
func ticks(a axis, percentile bool) []tick {
	var marks []tick
	if a.log {
		for exponent := math.Ceil(math.Log10(a.from) - 1e-9); exponent <= math.Log10(a.to)+1e-9; exponent++ {
			v := pow10(exponent)
			text := number(v)
			if percentile {
				text = nines(int(exponent))
			}
			marks = append(marks, tick{a.at(v), text})
		}
		if len(marks) > 1 || percentile {
			return marks
		}
		marks = nil // too few decades for an axis: as if it were linear
	}
	step := roundStep((a.to - a.from) / 6)
	for v := math.Ceil(a.from/step) * step; v <= a.to+step/1e6; v += step {
		if a.log && v <= 0 {
			continue
		}
		marks = append(marks, tick{a.at(v), number(v)})
	}
	return marks
}

// nines writes the percentile that leaves 1/10^n: 0 %, 90 %, 99 %, 99.9 %.
func nines(n int) string {
	switch n {
	case 0:
		return "0 %"
	case 1:
		return "90 %"
	case 2:
		return "99 %"
	}
	return "99." + strings.Repeat("9", n-2) + " %"
}

// roundStep is the least of 1, 2 and 5 times a power of ten that is not less.
func roundStep(least float64) float64 {
	unit := pow10(math.Floor(math.Log10(least)))
	for _, n := range []float64{1, 2, 5} {
		if n*unit >= least {
			return n * unit
		}
	}
	return 10 * unit
}

func pow10(x float64) float64 { return math.Pow(10, x) }

// number writes a value of an axis.
func number(v float64) string {
	switch {
	case v >= 1e6:
		return fmt.Sprintf("%gM", math.Round(v/1e4)/100)
	case v >= 1e4:
		return fmt.Sprintf("%gk", math.Round(v/100)/10)
	}
	return fmt.Sprintf("%g", math.Round(v*1e4)/1e4)
}
