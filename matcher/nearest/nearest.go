// Package nearest finds the known word that a person most likely meant by an
// unknown one, for messages that ask "did you mean …?".
package nearest

import (
	"strings"
	"unicode/utf8"
)

// longest is the length, in bytes, above which a text is no word that somebody
// mistyped. Comparing takes time in the square of it.
const longest = 200

// Word returns the known word nearest to word, or "" if none is near: more
// than a third of its letters would have to change. Case is ignored. Among
// equally near words the first one known wins.
func Word(word string, known []string) string {
	if len(word) > longest {
		return ""
	}
	folded := strings.ToLower(strings.TrimSpace(word))
	best, bestDistance := "", 1+max(1, utf8.RuneCountInString(folded)/3)
	for _, k := range known {
		if len(k) > longest {
			continue
		}
		if d := distance(folded, strings.ToLower(k), bestDistance); d < bestDistance {
			best, bestDistance = k, d
		}
	}
	return best
}

// Hint is the end of an error message: `; did you mean "x"?`, or "" if no known
// word is near.
func Hint(word string, known []string) string {
	if w := Word(word, known); w != "" {
		return `; did you mean "` + w + `"?`
	}
	return ""
}

// distance is the optimal string alignment distance of a and b (insertions,
// deletions, changes and swaps of neighbors), or limit if it is that or more.
func distance(a, b string, limit int) int {
	s, t := []rune(a), []rune(b)
	if d := len(s) - len(t); d >= limit || -d >= limit {
		return limit
	}
	before := make([]int, len(t)+1)
	row := make([]int, len(t)+1)
	next := make([]int, len(t)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(s); i++ {
		next[0] = i
		smallest := i
		for j := 1; j <= len(t); j++ {
			change := row[j-1]
			if s[i-1] != t[j-1] {
				change++
			}
			next[j] = min(change, row[j]+1, next[j-1]+1)
			if i > 1 && j > 1 && s[i-1] == t[j-2] && s[i-2] == t[j-1] {
				next[j] = min(next[j], before[j-2]+1)
			}
			smallest = min(smallest, next[j])
		}
		if smallest >= limit {
			return limit
		}
		before, row, next = row, next, before
	}
	return min(row[len(t)], limit)
}
