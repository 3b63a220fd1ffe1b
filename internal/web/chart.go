package web

import (
	"fmt"
	"html/template"
	"strings"
)

// bar is one row of the make-up chart: a square per person, the allowed range
// shaded, a tick where the community's share would be. The numbers stand
// beside it in the table, so that the chart is decoration to a screen reader.
// Geometry is in attributes, which a style-src policy does not govern; colors
// are in the style sheet, so that dark mode, print and forced colors follow.
type bar struct {
	Axis    int     // people that the full width stands for, the same in all rows of a page
	Count   int     // squares
	Lo, Hi  int     // allowed range; Hi < 0: no upper bound
	Share   float64 // of the tick, in people; 0: no tick
	Wrong   bool    // out of range
	Outline bool    // the squares are groups, not people
}

// unit is the width of one person in the view box, and barHeight its height.
const (
	unit      = 10
	barHeight = 14
	// mostSquares is the longest axis on which single squares can be told
	// apart; beyond it they run together into one bar.
	mostSquares = 60
)

func (b bar) svg() template.HTML {
	var w strings.Builder
	width := max(b.Axis, 1) * unit
	fmt.Fprintf(&w, `<svg class="bar" viewBox="0 0 %d %d" preserveAspectRatio="none" aria-hidden="true" focusable="false">`, width, barHeight)
	fmt.Fprintf(&w, `<rect class="track" x="0" y="6.5" width="%d" height="1"/>`, width)
	// The shading reaches from the middle of the last square that is enough to
	// a bit past the last that is allowed; an open range runs to the edge.
	from, to := float64(b.Lo*unit)-unit*0.35, float64(width)
	if b.Hi >= 0 {
		to = min(to, float64(b.Hi*unit)+unit*0.35)
	}
	if from = max(from, 0); to > from {
		fmt.Fprintf(&w, `<rect class="band" x="%.1f" y="0" width="%.1f" height="%d"/>`, from, to-from, barHeight)
	}
	class := "seat"
	if b.Outline {
		class = "seat kind"
	}
	if b.Wrong {
		class += " out"
	}
	switch {
	case b.Axis > mostSquares && b.Count > 0:
		fmt.Fprintf(&w, `<rect class="%s" x="0" y="3" width="%d" height="8"/>`, class, min(b.Count, b.Axis)*unit)
	default:
		for i := range min(b.Count, b.Axis) {
			fmt.Fprintf(&w, `<rect class="%s" x="%.1f" y="3" width="8.8" height="8"/>`, class, float64(i*unit)+0.6)
		}
	}
	if b.Share > 0 {
		x := min(b.Share*unit, float64(width)-0.4)
		fmt.Fprintf(&w, `<rect class="tick" x="%.2f" y="0" width="%.2f" height="%d"/>`, x-0.04*float64(b.Axis), 0.08*float64(b.Axis), barHeight)
	}
	w.WriteString(`</svg>`)
	return template.HTML(w.String())
}
