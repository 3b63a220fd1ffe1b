package demo

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestTableIsAligned(t *testing.T) {
	for _, color := range []bool{false, true} {
		var b bytes.Buffer
		p := &printer{&b, color}
		p.table([]cell{left("Rule"), left("Applied"), left("Status")}, [][]cell{
			{{text: "A heading far wider than its column would be"}},
			{left("Xwlemi ƛ̕ə"), number(7), statusOf(ruleMessage{})},
			{left("b"), number(120), statusOf(ruleMessage{Short: 2})},
			{left("c"), number(3), statusOf(ruleMessage{Over: 1})},
		})
		if got := strings.Contains(b.String(), "\x1b["); got != color {
			t.Errorf("escape codes: %v, want %v", got, color)
		}
		if color {
			continue
		}
		lines := strings.Split(strings.TrimRight(b.String(), "\n"), "\n")
		col := func(line, word string) int { return utf8.RuneCountInString(line[:strings.Index(line, word)]) }
		status := col(lines[0], "Status")
		for i, word := range map[int]string{2: "✓ met", 3: "! 2 short", 4: "! 1 over"} {
			if got := col(lines[i], word); got != status {
				t.Errorf("line %d: status in column %d, want %d\n%s", i, got, status, b.String())
			}
		}
	}
}

func TestRangeInWords(t *testing.T) {
	for _, c := range []struct {
		r    ruleMessage
		want string
	}{
		{ruleMessage{Kind: "QUOTA", Min: 1, Max: 7}, "1 to 7"},
		{ruleMessage{Kind: "QUOTA", Min: 2, Max: 15}, "at least 2"},
		{ruleMessage{Kind: "QUOTA", Max: 3}, "at most 3"},
		{ruleMessage{Kind: "QUOTA", Min: 4, Max: 4}, "4"},
		{ruleMessage{Kind: "SPREAD", Min: 7, Max: 15}, "at least 7 different"},
		{ruleMessage{Kind: "CAP", Max: 1}, "at most 1 each"},
		{ruleMessage{Kind: "CAP", Max: 3, Priority: -1}, "at most 3 each, must"},
		{ruleMessage{Kind: "COMPANY", Min: 2, Max: 15}, "2 or more of each"},
	} {
		c.r.Priority++ // 1, but for the last case
		if got := rangeOf(c.r, 15); got != c.want {
			t.Errorf("%+v: %q, want %q", c.r, got, c.want)
		}
	}
}

func TestSeatsThatDiffer(t *testing.T) {
	both, a, b := seats([]string{"1", "2", "3"}, []string{"2", "3", "4", "5"})
	if !reflect.DeepEqual([][]string{both, a, b}, [][]string{{"2", "3"}, {"1"}, {"4", "5"}}) {
		t.Errorf("got %v %v %v", both, a, b)
	}
	if list(nil) != "nobody" {
		t.Error("an empty list says nothing")
	}
}

func TestClip(t *testing.T) {
	for _, c := range [][2]string{{"short", "short"}, {"exactly ten", "exactly t…"}, {"ʷʷʷʷʷʷʷʷʷʷʷ", "ʷʷʷʷʷʷʷʷʷ…"}, {"a long, list", "a long…"}} {
		n := 10
		if c[0] == "a long, list" {
			n = 8
		}
		if got := clip(c[0], n); got != c[1] {
			t.Errorf("%q: %q, want %q", c[0], got, c[1])
		}
	}
}
