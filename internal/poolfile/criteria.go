package poolfile

import (
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/nearest"
)

// Limits of a Criteria message, as proto/fairlead/v1/criteria.proto has them.
const (
	maxCohort     = 1000
	maxRules      = 500
	maxLinks      = 10_000
	maxConditions = 10
	maxWords      = 1000
)

// Criteria is what a criteria file says.
type Criteria struct {
	Size, MinSize int
	Rules         []matcher.Rule
	Caps          []matcher.HardCap
	Links         []matcher.Link
	Allow         map[int]int64
	// Lottery is NONE, MAXIMIN or LEXIMIN; empty where the message does not say.
	Lottery string
	// MaxChance is the largest chance that a lottery may give, in thousandths; 0: no
	// limit.
	MaxChance int
}

// ReadCriteria reads a Criteria message (docs/criteria.md) for a pool. A size or
// a minSize other than 0 takes the place of the message's.
func ReadCriteria(file string, r io.Reader, pool *Pool, size, minSize int) (*Criteria, error) {
	text, err := readText(file, r)
	if err != nil {
		return nil, err
	}
	root, err := parseJSON(file, text)
	if err != nil {
		return nil, err
	}
	in := &criteriaReader{jsonReader: jsonReader{collector{file: file}}, pool: pool, out: &Criteria{}}
	in.message(root)
	if size != 0 {
		in.out.Size = size
	}
	if minSize != 0 {
		in.out.MinSize = minSize
	}
	if in.out.MinSize == 0 {
		in.out.MinSize = in.out.Size
	}
	if err := in.err(); err != nil {
		return nil, err
	}
	if in.out.Size == 0 {
		in.add(0, "", `says no size: give "size" there, or --size`)
		return nil, in.err()
	}
	in.rules()
	return in.out, in.err()
}

type criteriaReader struct {
	jsonReader
	pool *Pool
	out  *Criteria
	read []ruleMessage
}

// ruleMessage is a CriteriaRule before the size is known.
type ruleMessage struct {
	at               *node
	path             string
	kind             matcher.Kind
	attribute        string
	values           []string
	each, all, fixed bool
	and              []matcher.Term
	ids              []string
	min, max         *int
	minFlex, maxFlex *int
	priority, weight int
}

func (in *criteriaReader) message(n *node) {
	in.fields(n, "", map[string]func(*node, string){
		"title":   func(n *node, path string) { in.text(n, path, 100) },
		"size":    func(n *node, path string) { in.out.Size = in.number(n, path, 0, maxCohort) },
		"minSize": func(n *node, path string) { in.out.MinSize = in.number(n, path, 0, maxCohort) },
		"rules": func(n *node, path string) {
			in.each(n, path, maxRules, in.rule)
		},
		"hardCaps": in.hardCaps,
		"links": func(n *node, path string) {
			in.each(n, path, maxLinks, in.link)
		},
		"allow": in.allow,
		"lottery": func(n *node, path string) {
			i := in.enum(n, path, []string{"LOTTERY_UNSPECIFIED", "NONE", "MAXIMIN", "LEXIMIN"}, "LOTTERY_")
			in.out.Lottery = []string{"", "NONE", "MAXIMIN", "LEXIMIN"}[i]
		},
		"maxChance":  func(n *node, path string) { in.out.MaxChance = in.number(n, path, 0, 1000) },
		"seedSource": func(n *node, path string) { in.text(n, path, maxWords) },
		// For draws on a server; here the seed is --seed.
		"seedKind": func(n *node, path string) {
			in.enum(n, path, []string{"SEED_KIND_UNSPECIFIED", "SERVER", "PUBLIC_NUMBER", "COMMIT_REVEAL"}, "SEED_KIND_")
		},
		"seedPeople": func(n *node, path string) {
			in.each(n, path, 2, func(n *node, path string) { in.text(n, path, maxWords) })
		},
		// Set by the server; what it answered can be given back as it is.
		"name": ignored, "version": ignored, "registered": ignored, "registerTime": ignored, "registeredBy": ignored,
		"reason": ignored, "secondPerson": ignored, "policies": ignored, "digest": ignored, "createTime": ignored,
	})
}

// enum reads an enum by its word, with or without the prefix that the proto
// gives it, or by its number.
func (in *criteriaReader) enum(n *node, path string, words []string, prefix string) int {
	if s, ok := n.value.(string); ok {
		i := slices.Index(words, s)
		if i < 0 {
			i = slices.Index(words, strings.TrimPrefix(s, prefix))
		}
		if i < 0 {
			in.bad(n, path, "%q is no such word%s; the words are %s", s, nearest.Hint(s, words[1:]), strings.Join(words[1:], ", "))
			return 0
		}
		return i
	}
	return in.number(n, path, 0, len(words)-1)
}

func (in *criteriaReader) rule(n *node, path string) {
	r := ruleMessage{at: n, path: path}
	flex := func(to **int) func(*node, string) {
		return func(n *node, path string) {
			v := in.number(n, path, 0, maxCohort)
			*to = &v
		}
	}
	in.fields(n, path, map[string]func(*node, string){
		"kind": func(n *node, path string) {
			i := in.enum(n, path, []string{"KIND_UNSPECIFIED", "QUOTA", "COMPANY", "SPREAD", "CAP"}, "KIND_")
			r.kind = matcher.Kind(max(0, i-1))
		},
		"attribute": func(n *node, path string) { r.attribute = in.attribute(n, path) },
		"values":    func(n *node, path string) { r.values = in.values(n, path) },
		"each":      func(n *node, path string) { r.each = in.flag(n, path) },
		"all":       func(n *node, path string) { r.all = in.flag(n, path) },
		"and": func(n *node, path string) {
			in.jsonReader.each(n, path, maxConditions, func(n *node, path string) { r.and = append(r.and, in.condition(n, path)) })
		},
		"ids":      func(n *node, path string) { r.ids = in.ids(n, path) },
		"min":      flex(&r.min),
		"max":      flex(&r.max),
		"minFlex":  flex(&r.minFlex),
		"maxFlex":  flex(&r.maxFlex),
		"priority": func(n *node, path string) { r.priority = in.number(n, path, 0, matcher.MaxPriority) },
		"weight":   func(n *node, path string) { r.weight = in.number(n, path, 0, 1000) },
		"fixed":    func(n *node, path string) { r.fixed = in.flag(n, path) },
		"note":     func(n *node, path string) { in.text(n, path, maxWords) },
	})
	in.read = append(in.read, r)
}

// attribute reads the name of a column and returns its key.
func (in *criteriaReader) attribute(n *node, path string) string {
	name := in.text(n, path, 200)
	if name == "" {
		return ""
	}
	key, problem := in.pool.Attribute(name)
	if problem != "" {
		in.bad(n, path, "%q %s", name, problem)
	}
	return key
}

// values reads a list of values as keys, each once.
func (in *criteriaReader) values(n *node, path string) []string {
	var keys []string
	for i, v := range in.texts(n, path, maxRules) {
		k := in.pool.fold.key(v)
		switch {
		case declines[k] && !in.pool.options.DeclineAsValue:
			in.bad(n.items[i], path, "%q is no group: who declines to answer is counted nowhere", v)
		case strings.Contains(v, ";"):
			in.bad(n.items[i], path, "%q holds a semicolon, which no value of a pool file does: write the values as entries of the list", v)
		case v == "*":
			in.bad(n.items[i], path, `"*" is no value here: leave values out for any value`)
		case slices.Contains(keys, k):
			in.bad(n.items[i], path, "%q is there twice", v)
		}
		keys = append(keys, k)
	}
	return keys
}

func (in *criteriaReader) condition(n *node, path string) matcher.Term {
	var t matcher.Term
	before := len(in.problems)
	in.fields(n, path, map[string]func(*node, string){
		"attribute": func(n *node, path string) { t.Attribute = in.attribute(n, path) },
		"values":    func(n *node, path string) { t.Values = in.values(n, path) },
	})
	if len(in.problems) == before && (t.Attribute == "" || len(t.Values) == 0) {
		in.bad(n, path, "needs an attribute and values")
	}
	return t
}

func (in *criteriaReader) ids(n *node, path string) []string {
	var ids []string
	for i, id := range in.texts(n, path, maxCohort) {
		switch problem := in.pool.Missing(id); {
		case problem != "":
			in.bad(n.items[i], path, "%q %s", id, problem)
		case slices.Contains(ids, id):
			in.bad(n.items[i], path, "%q is there twice", id)
		}
		ids = append(ids, id)
	}
	return ids
}

func (in *criteriaReader) link(n *node, path string) {
	l := matcher.Link{}
	kind := 0
	in.fields(n, path, map[string]func(*node, string){
		"kind": func(n *node, path string) {
			kind = in.enum(n, path, []string{"KIND_UNSPECIFIED", "APART", "TOGETHER", "AT_LEAST_ONE"}, "KIND_")
		},
		"ids": func(n *node, path string) { l.IDs = in.ids(n, path) },
	})
	least := 2
	switch kind {
	case 0:
		in.bad(n, path, "needs a kind: APART, TOGETHER or AT_LEAST_ONE")
		return
	case 3:
		least = 1
	}
	l.Kind = matcher.LinkKind(kind - 1)
	if len(l.IDs) < least {
		in.bad(n, path, "needs %d or more ids", least)
	}
	in.out.Links = append(in.out.Links, l)
}

func (in *criteriaReader) hardCaps(n *node, path string) {
	in.entries(n, path, func(name string, value *node, at string) {
		key, problem := in.pool.Attribute(name)
		if problem != "" {
			in.bad(value, at, "%q %s", name, problem)
		}
		limit := matcher.HardCap{Attribute: key, Max: in.number(value, at, 1, maxCohort)}
		in.out.Caps = append(in.out.Caps, limit)
	})
}

func (in *criteriaReader) allow(n *node, path string) {
	in.out.Allow = map[int]int64{}
	in.entries(n, path, func(name string, value *node, at string) {
		g, err := strconv.Atoi(name)
		if err != nil || g < 1 || g > matcher.MaxPriority || strconv.Itoa(g) != name {
			in.bad(value, path, "%q is no priority: they are 1 to %d", name, matcher.MaxPriority)
			return
		}
		in.out.Allow[g] = int64(in.number(value, at, 0, 1<<31-1))
	})
}

// entries reads an object whose names are data.
func (in *criteriaReader) entries(n *node, path string, read func(name string, value *node, at string)) {
	if !n.object {
		in.bad(n, path, "must be an object, not %s", n.word())
		return
	}
	seen := map[string]bool{}
	for _, m := range n.members {
		at := path + "." + m.name
		if seen[m.name] {
			in.add(m.line, "", "%s is there twice", at)
			continue
		}
		seen[m.name] = true
		read(m.name, m.value, at)
	}
}

// rules turns the messages into rules: one for each value of a rule with each,
// one for every other.
func (in *criteriaReader) rules() {
	for i := range in.read {
		m := &in.read[i]
		in.sound(m)
		if !m.each {
			in.out.Rules = append(in.out.Rules, m.rule(len(in.out.Rules)+1, in.out.Size, m.values))
			continue
		}
		for _, v := range m.values {
			in.out.Rules = append(in.out.Rules, m.rule(len(in.out.Rules)+1, in.out.Size, []string{v}))
		}
	}
}

// sound checks what the fields of a rule say together.
func (in *criteriaReader) sound(m *ruleMessage) {
	quota := m.kind == matcher.Quota
	switch {
	case m.attribute == "" && (!quota || len(m.ids) == 0):
		in.bad(m.at, m.path, "needs an attribute (or, for a QUOTA, ids)")
	case m.attribute == "" && len(m.values) > 0:
		in.bad(m.at, m.path, "has values but no attribute")
	case !quota && (m.each || m.all || len(m.and) > 0 || len(m.ids) > 0):
		in.bad(m.at, m.path, "each, all, and, ids are for a QUOTA only")
	case m.each && m.all:
		in.bad(m.at, m.path, "each and all do not go together")
	case m.each && len(m.values) == 0:
		in.bad(m.at, m.path, "each needs values")
	case m.priority == matcher.Must && m.weight > 1:
		in.bad(m.at, m.path, "a rule that must hold has no weight: leave it out, or give the rule a priority")
	}
	if m.min != nil && m.max != nil && *m.min > *m.max {
		in.bad(m.at, m.path, "min %d is more than max %d", *m.min, *m.max)
	}
}

func (m *ruleMessage) rule(row, size int, values []string) matcher.Rule {
	r := matcher.Rule{
		Row: row, Feature: m.attribute, Value: "*", Kind: m.kind,
		Max: size, Priority: m.priority, Weight: max(1, m.weight), MaxFlex: size, Fixed: m.fixed,
	}
	if m.attribute != "" {
		t := matcher.Term{Attribute: m.attribute, Values: values, Wildcard: len(values) == 0}
		if m.all && len(values) > 1 {
			t.Match = matcher.MatchAll
		}
		if len(values) > 0 {
			r.Value = strings.Join(values, ";")
		}
		r.Property.Terms = append(r.Property.Terms, t)
	}
	for _, t := range m.and {
		r.Property.Terms = append(r.Property.Terms, t)
		r.Value += " & " + t.Attribute + "=" + strings.Join(t.Values, ";")
	}
	if len(m.ids) > 0 {
		r.Property.IDs = m.ids
		r.Value += " & " + strings.Join(m.ids, ";")
	}
	if m.min != nil {
		r.Min = *m.min
		r.Max = max(r.Max, r.Min)
	}
	if m.max != nil {
		r.Max = *m.max
	}
	if m.minFlex != nil {
		r.MinFlex = *m.minFlex
	}
	r.MaxFlex = max(r.MaxFlex, r.Max)
	if m.maxFlex != nil {
		r.MaxFlex = *m.maxFlex
	}
	return r
}
