package web

import (
	"fmt"
	"html/template"
	"strings"

	"rsc.io/qr"
)

// quiet is how many modules around a QR code stay empty (ISO/IEC 18004).
const quiet = 4

// qrCode draws text as a QR code, with words for those who do not see it; "" where
// the text is too long for one, about 2,300 bytes. It is black on white in every
// scheme, because many readers fail on a light code on a dark ground.
func qrCode(text, words string) template.HTML {
	code, err := qr.Encode(text, qr.M)
	if err != nil {
		return ""
	}
	var w strings.Builder
	side := code.Size + 2*quiet
	fmt.Fprintf(&w, `<svg class="qr" viewBox="0 0 %d %d" role="img" aria-label="%s" shape-rendering="crispEdges"><rect width="%[1]d" height="%[2]d" fill="#fff"/><path fill="#000" d="`,
		side, side, template.HTMLEscapeString(words))
	for y := range code.Size {
		for x := 0; x < code.Size; x++ {
			from := x
			for code.Black(x, y) {
				x++
			}
			if x > from {
				fmt.Fprintf(&w, "M%d %dh%dv1h-%[3]dz", from+quiet, y+quiet, x-from)
			}
		}
	}
	w.WriteString(`"/></svg>`)
	return template.HTML(w.String())
}
