package scoring

import (
	"bytes"
	_ "embed"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/openfairlead/fairlead/matcher/nearest"
)

//go:embed topics.yaml
var shippedTopics []byte

// Topics is a vocabulary: a tree of topics with labels and other words for them
// in English and Spanish.
type Topics struct {
	list    []topic
	byID    map[string]int
	exact   map[string]int                 // folded ids, labels and synonyms
	phrases [len(languages)]map[string]int // the same by their stems
	longest int                            // words of the longest phrase
	names   []string                       // ids, for hints
	labels  []string                       // in English, for hints
}

// mostVocabulary is how many topics a vocabulary has: a table has one list of
// mentors for each.
const mostVocabulary = 2000

type topic struct {
	id, en, es string
	parent     int // -1: none
}

// Label is a topic's name in a language, its id if the vocabulary lacks it.
func (t *Topics) Label(id, language string) string {
	at, ok := t.byID[id]
	switch {
	case !ok:
		return id
	case language == "es" && t.list[at].es != "":
		return t.list[at].es
	}
	return t.list[at].en
}

// IDs lists the topics in the order of the file, areas before their parts.
func (t *Topics) IDs() []string { return slices.Clone(t.names) }

var readShipped = sync.OnceValue(func() *Topics {
	t, err := ReadTopics("topics.yaml", bytes.NewReader(shippedTopics))
	if err != nil {
		panic(err) // a file of ours; the tests read it
	}
	return t
})

// ShippedTopics is the vocabulary for leaders of health and human services.
func ShippedTopics() *Topics { return readShipped() }

// ReadTopics reads a vocabulary. Every phrase belongs to one topic, or it would
// be told by chance which one somebody meant.
func ReadTopics(file string, r io.Reader) (*Topics, error) {
	f, top, err := readStrict(file, r)
	if err != nil {
		return nil, err
	}
	t := &Topics{byID: map[string]int{}, exact: map[string]int{}}
	for i := range t.phrases {
		t.phrases[i] = map[string]int{}
	}
	stems := newStemmer()
	entries := top.list("topics")
	if len(entries) > mostVocabulary {
		f.add(top.line, "topics", "are %d: at most %d", len(entries), mostVocabulary)
		entries = nil
	}
	parents := make([]string, 0, len(entries))
	lines := make([]int, 0, len(entries))
	for _, s := range entries {
		one := topic{parent: -1}
		parent := ""
		s.text("id", &one.id)
		s.text("parent", &parent)
		s.text("en", &one.en)
		s.text("es", &one.es)
		also := s.sub("also")
		phrases := [len(languages)][]string{append([]string{one.en}, also.texts("en")...), append([]string{one.es}, also.texts("es")...)}
		also.done()
		s.done()
		where := strings.TrimSuffix(s.path, ".")
		switch before, twice := t.byID[one.id]; {
		case one.id == "" || one.en == "":
			f.add(s.line, where, "needs an id and a label en")
			continue
		case strings.ContainsFunc(one.id, func(r rune) bool { return !(r == '-' || r >= 'a' && r <= 'z' || r >= '0' && r <= '9') }):
			f.add(s.line, where, "the id %q must be made of a to z, 0 to 9 and hyphens", one.id)
			continue
		case twice:
			f.add(s.line, where, "the id %q is taken by line %d", one.id, lines[before])
			continue
		}
		at := len(t.list)
		t.list = append(t.list, one)
		t.names = append(t.names, one.id)
		t.labels = append(t.labels, one.en)
		parents = append(parents, parent)
		lines = append(lines, s.line)
		t.byID[one.id] = at
		t.exact[one.id] = at
		for l := range languages {
			for _, p := range phrases[l] {
				words := tokens(p)
				if len(words) == 0 {
					continue
				}
				t.longest = max(t.longest, len(words))
				key := stems.key(words, l)
				if other, taken := t.phrases[l][key]; taken && other != at {
					f.add(s.line, where, "the phrase %q (%s) is one of %q too", p, languages[l], t.list[other].id)
				}
				t.phrases[l][key] = at
				if _, taken := t.exact[fold(p)]; !taken {
					t.exact[fold(p)] = at
				}
			}
		}
	}
	top.done()
	if len(t.list) == 0 && len(f.problems) == 0 {
		f.add(top.line, "topics", "is missing: a vocabulary lists its topics")
	}
	for at, parent := range parents {
		if parent == "" {
			continue
		}
		p, ok := t.byID[parent]
		if !ok {
			f.add(lines[at], t.list[at].id, "the parent %q is no topic%s", parent, nearest.Hint(parent, t.names))
			continue
		}
		t.list[at].parent = p
	}
	for at := range t.list {
		steps := 0
		for p := t.list[at].parent; p >= 0 && steps <= len(t.list); p = t.list[p].parent {
			steps++
		}
		if steps > len(t.list) {
			f.add(lines[at], t.list[at].id, "is its own ancestor")
		}
	}
	return t, f.err()
}

// find is a topic by its id, a label or a synonym, whole, in any case, and but
// for endings.
func (t *Topics) find(name string) (int, bool) {
	if at, ok := t.exact[fold(name)]; ok {
		return at, true
	}
	stems := newStemmer()
	words := tokens(name)
	for l := range languages {
		if at, ok := t.phrases[l][stems.key(words, l)]; ok {
			return at, true
		}
	}
	return 0, false
}

// Suggestion is a topic that a text speaks of, and the words that say so. It is
// for the person to confirm: only then it is a topic they want or offer.
type Suggestion struct{ Topic, Words string }

// Suggest finds the topics that a text speaks of, in its order, each once.
// language is "en" or "es"; empty: told from the words.
func (t *Topics) Suggest(text, language string) []Suggestion {
	words := tokens(text)
	var out []Suggestion
	for _, m := range t.match(words, languageOf(language, words), newStemmer()) {
		id := t.list[m.topic].id
		if !slices.ContainsFunc(out, func(s Suggestion) bool { return s.Topic == id }) {
			out = append(out, Suggestion{id, strings.Join(words[m.from:m.from+m.words], " ")})
		}
	}
	return out
}

type phraseMatch struct{ topic, from, words int }

// match finds phrases in a text: from left to right the longest, none within
// another.
func (t *Topics) match(words []string, language int, stems *stemmer) []phraseMatch {
	stemmed := make([]string, len(words))
	for i, w := range words {
		stemmed[i] = stems.stem(w, language)
	}
	var out []phraseMatch
	for at := 0; at < len(words); {
		n := min(t.longest, len(words)-at)
		for ; n > 0; n-- {
			if one, ok := t.phrases[language][strings.Join(stemmed[at:at+n], " ")]; ok {
				out = append(out, phraseMatch{one, at, n})
				break
			}
		}
		at += max(n, 1)
	}
	return out
}

// relation is how near an offered topic is to a wanted one.
type relation uint8

const (
	unrelated relation = iota
	same
	child   // a part of what is wanted
	parent  // what the wanted topic is a part of
	sibling // another part of the same
)

func (r relation) String() string {
	return [...]string{"", "the same", "a part of it", "the area it belongs to", "of the same area"}[r]
}

func (t *Topics) relation(wanted, offered int) relation {
	n := len(t.list)
	switch {
	case wanted == offered:
		return same
	case wanted >= n || offered >= n: // somebody's own words
		return unrelated
	case t.list[offered].parent == wanted:
		return child
	case t.list[wanted].parent == offered:
		return parent
	case t.list[wanted].parent >= 0 && t.list[wanted].parent == t.list[offered].parent:
		return sibling
	}
	return unrelated
}
