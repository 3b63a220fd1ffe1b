package web

import (
	"encoding/xml"
	"fmt"
	"html/template"
	"strings"
	"testing"

	"rsc.io/qr"
)

// modules reads a drawn QR code back: true is dark. It fails where a reader with a
// camera would: a quiet zone that is too narrow, too little contrast, no words.
func modules(t *testing.T, drawn template.HTML) [][]bool {
	t.Helper()
	var svg struct {
		Box   string `xml:"viewBox,attr"`
		Role  string `xml:"role,attr"`
		Label string `xml:"aria-label,attr"`
		Rect  struct {
			Width  int    `xml:"width,attr"`
			Height int    `xml:"height,attr"`
			Fill   string `xml:"fill,attr"`
		} `xml:"rect"`
		Path struct {
			D    string `xml:"d,attr"`
			Fill string `xml:"fill,attr"`
		} `xml:"path"`
	}
	if err := xml.Unmarshal([]byte(drawn), &svg); err != nil {
		t.Fatal(err)
	}
	var side, high int
	if _, err := fmt.Sscanf(svg.Box, "0 0 %d %d", &side, &high); err != nil || side != high {
		t.Fatalf("viewBox %q", svg.Box)
	}
	if svg.Rect.Width != side || svg.Rect.Height != side || svg.Rect.Fill != "#fff" || svg.Path.Fill != "#000" {
		t.Errorf("it is not black on a white ground of %d by %[1]d: %+v, path %s", side, svg.Rect, svg.Path.Fill)
	}
	if svg.Role != "img" || svg.Label == "" {
		t.Errorf("role %q, words %q", svg.Role, svg.Label)
	}
	dark := make([][]bool, side)
	for y := range dark {
		dark[y] = make([]bool, side)
	}
	for run := range strings.SplitSeq(strings.Trim(svg.Path.D, "z"), "z") {
		var x, y, n, back int
		if _, err := fmt.Sscanf(run, "M%d %dh%dv1h-%d", &x, &y, &n, &back); err != nil || back != n {
			t.Fatalf("%q: %v", run, err)
		}
		for k := range n {
			dark[y][x+k] = true
		}
	}
	for y := range dark {
		for x := range dark[y] {
			if dark[y][x] && (min(x, y) < 4 || max(x, y) >= side-4) {
				t.Fatalf("%d, %d is dark: fewer than 4 modules around the code are empty", x, y)
			}
		}
	}
	return dark
}

func TestQRCode(t *testing.T) {
	const program, run = "equity-in-leadership-2027", "0193f5b0-0000-7000-8000-000000000001"
	for _, text := range []string{
		"https://apply.example.org/draws/" + program + "/" + run,
		"http://127.0.0.1:8080/draws/x/" + run,
		"https://apply.example.org/draws/" + strings.Repeat("a", 63) + "/" + run,
	} {
		dark := modules(t, qrCode(text, `Words & "more"`))
		want, err := qr.Encode(text, qr.M)
		if err != nil {
			t.Fatal(err)
		}
		if len(dark) != want.Size+8 {
			t.Fatalf("%s: %d modules wide, the library's has %d without the quiet zone", text, len(dark), want.Size)
		}
		for y := range want.Size {
			for x := range want.Size {
				if dark[y+4][x+4] != want.Black(x, y) {
					t.Fatalf("%s: the module %d, %d differs", text, x, y)
				}
			}
		}
	}
	if drawn := qrCode(strings.Repeat("a", 3000), "words"); drawn != "" {
		t.Errorf("what no code can hold was drawn: %.80s…", drawn)
	}
}
