package introductions

import (
	"slices"
	"strings"

	"github.com/openfairlead/fairlead/internal/words"
)

// declines are the values that mean "I prefer not to say": they are no value.
var declines = map[string]bool{"prefer_not_to_say": true, "prefer not to say": true, "not_answered": true}

// contactColumns are columns of a file of members that have fields of their own:
// nobody sees them before all agreed.
var contactColumns = []string{"name", "preferred_name", "email", "phone", "id"}

// column brings the name of a column into the form in which it is compared; why
// says what is wrong with it.
func column(name string) (key, why string) {
	name, why = words.Clean(name, false, 100)
	switch key = words.Fold(name); {
	case why != "":
	case key == "":
		why = "name a column"
	case slices.Contains(contactColumns, key):
		why = "this has a field of its own, which nobody sees before all agreed"
	}
	return key, why
}

// values are what a cell holds, as `fairlead introduce` reads it: a set joined by
// semicolons, without regard to case, in which a refusal to answer is no value.
func values(cell string) []string {
	var all []string
	for part := range strings.SplitSeq(cell, ";") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		if key := words.Fold(part); !declines[key] && !slices.Contains(all, key) {
			all = append(all, key)
		}
	}
	slices.Sort(all)
	return all
}
