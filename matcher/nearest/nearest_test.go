package nearest_test

import (
	"strings"
	"testing"

	"github.com/openfairlead/fairlead/matcher/nearest"
)

func TestWord(t *testing.T) {
	known := []string{"race", "gender", "county", "id", "organization", "Île"}
	for _, c := range []struct{ word, want string }{
		{"gendre", "gender"}, // two neighbors swapped
		{"Gender", "gender"},
		{" countty ", "county"},
		{"organisation", "organization"},
		{"ile", "Île"},
		{"io", "id"},
		{"language", ""},
		{"", ""},
		{"x", ""},
	} {
		if got := nearest.Word(c.word, known); got != c.want {
			t.Errorf("Word(%q) = %q, want %q", c.word, got, c.want)
		}
	}
	// Comparing such texts would take hours.
	long := strings.Repeat("x", 1_000_000)
	if got := nearest.Word(long, []string{long + "y", "gender"}); got != "" {
		t.Errorf("%d bytes are near a text of a million", len(got))
	}
	if got := nearest.Word("gendr", []string{long, "gender"}); got != "gender" {
		t.Errorf("Word = %.20q", got)
	}
	if got := nearest.Hint("gendr", known); got != `; did you mean "gender"?` {
		t.Errorf("Hint = %q", got)
	}
	if got := nearest.Hint("zzzzzz", known); got != "" {
		t.Errorf("Hint = %q, want none", got)
	}
}
