package cli

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/openfairlead/fairlead/matcher/selection"
)

func TestProgressLine(t *testing.T) {
	told := selection.Progress{Step: "priority 1", Done: []selection.Step{{Name: "size", Value: 3}}, Pivots: 42}
	var out bytes.Buffer
	l := newProgressLine(&out, false)
	l.show(told) // too early
	if l.live || l.every != 10*time.Second || out.Len() > 0 {
		t.Errorf("on no terminal: live %v, every %s, %q", l.live, l.every, out.String())
	}
	l.next = time.Time{}
	l.show(told)
	l.show(told) // too early again
	if n := strings.Count(out.String(), "\n"); n != 1 || !strings.HasPrefix(out.String(), "priority 1: 42 pivots, ") || !strings.HasSuffix(out.String(), "; proved so far: size\n") {
		t.Errorf("%q", out.String())
	}

	out.Reset()
	l.live, l.next = true, time.Time{}
	l.show(told)
	l.clear()
	if text := out.String(); strings.Contains(text, "\n") || strings.Count(text, "\r") != 3 || !strings.HasSuffix(text, " \r") {
		t.Errorf("on a terminal: %q", text)
	}

	out.Reset()
	quiet := newProgressLine(&out, true)
	quiet.next = time.Time{}
	quiet.show(told)
	if out.Len() > 0 {
		t.Errorf("quiet: %q", out.String())
	}
}

func TestTableAligns(t *testing.T) {
	var out bytes.Buffer
	r := &report{w: &out, color: true}
	r.table([][]string{{"NAME", "N"}, {"Île", "5"}, {"x", "10"}}, []bool{false, true}, func(row, _ int) string {
		if row == 1 {
			return green
		}
		return ""
	})
	want := "NAME   N\n\x1b[32mÎle\x1b[0m    \x1b[32m5\x1b[0m\nx     10\n"
	if out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
}
