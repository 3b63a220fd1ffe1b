package matcher

import "fmt"

var kindWords = [...]string{Quota: "quota", Company: "company", Spread: "spread", Cap: "cap"}

// Kinds lists the words for the kinds of rule, in the order of their values.
func Kinds() []string { return kindWords[:] }

// String is the word for a kind in files and results.
func (k Kind) String() string {
	if int(k) < len(kindWords) {
		return kindWords[k]
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

// ParseKind is the inverse of Kind.String.
func ParseKind(word string) (Kind, bool) {
	for k, w := range kindWords {
		if w == word {
			return Kind(k), true
		}
	}
	return 0, false
}

var linkWords = [...]string{Apart: "apart", Together: "together", AtLeastOne: "at_least_one"}

// String is the word for a kind of link in files and results.
func (k LinkKind) String() string {
	if int(k) < len(linkWords) {
		return linkWords[k]
	}
	return fmt.Sprintf("link(%d)", uint8(k))
}
