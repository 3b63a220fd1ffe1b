package applications

import "testing"

func TestCompanyLabelSaysItsNumber(t *testing.T) {
	for n, want := range map[int]string{
		2: "Nobody alone, where two applied",
		3: "At least 3, where 3 or more applied",
	} {
		if got := wildcardLabel(&CriteriaRule{Kind: "company", Min: &n})["en"]; got != want {
			t.Errorf("company of %d: %q, want %q", n, got, want)
		}
	}
}
