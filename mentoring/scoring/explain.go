package scoring

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Explanation is why a pair has its score, for staff. The words of its evidence
// ([Evidence.String]) are fit for mentee and mentor, too; Blocked and the rest
// of the evidence on preferences are not: they tell what the other one said in
// confidence.
type Explanation struct {
	Mentee, Mentor string
	// Score is what the pair has, or would have if no hard rule forbade it.
	Score    int
	Eligible bool
	Blocked  []string // hard rules that forbid the pair
	// Completeness is the share of the weights whose features say something, in
	// thousandths, of those that could.
	Completeness int
	Blank        []string // features that somebody left blank
	// Parts sum to Score, in the order of the features.
	Parts []Part
}

// Part is what one feature gave to a score.
type Part struct {
	Feature string
	// Points are those of the score, Most what they could have been.
	Points, Most int
	// Value is what the feature says, in thousandths.
	Value    int
	Evidence []Evidence
}

// Evidence is one reason for the value of a feature.
type Evidence struct {
	// Kind is "topic", "word", "gap", "time", "asynchronous", "way", "online",
	// "language", "item", "wish", "affinity" or "unknown".
	Kind string
	// ID is what it is about: a topic, a word, a time, a place, a language, an
	// item; With is what the mentor has instead of a topic or place, empty if it
	// is the same.
	ID, With string
	// Value is a number that belongs to the kind: the level of a topic, the gap,
	// minutes, answers that are apart.
	Value int
	words string
}

// String says the evidence in words.
func (e Evidence) String() string { return e.words }

// Explain explains the score of mentee j with mentor i.
func (s *Scorer) Explain(j, i int) Explanation {
	r := s.row(j)
	defer s.pool.Put(r)
	e := Explanation{
		Mentee: s.mentees[j].ID, Mentor: s.mentors[i].ID, Score: int(s.score(r, i)),
		Blocked: ruleList(r.block[i] & r.hard),
	}
	e.Eligible = len(e.Blocked) == 0

	var weight, gives [features]uint64
	var t tally
	var known, left uint64
	for k := range features {
		f := s.value(k, r, i)
		switch {
		case f >= 0:
			known += r.weight[k]
			weight[k] = r.weight[k]
			if k != Goals {
				t.add(weight[k], f)
			}
			gives[k] = uint64(f)
		case f == blank:
			left += r.weight[k]
			e.Blank = append(e.Blank, k.String())
		}
	}
	weight[Goals] = min(weight[Goals], t.den/weightUnit*textShare)
	if known+left > 0 {
		e.Completeness = int(1000 * known / (known + left))
	}
	if t.den == 0 {
		e.Parts = []Part{{Feature: "unknown", Points: e.Score, Most: 1000, Value: e.Score, Evidence: []Evidence{{Kind: "unknown", words: "nothing that both answered can be compared"}}}}
		return e
	}
	den := t.den + weight[Goals]
	products := make([]int64, features)
	for k := range features {
		products[k] = int64(weight[k] * gives[k])
	}
	points := shares(int64(e.Score), products)
	for k := range features {
		if weight[k] == 0 {
			continue
		}
		p := Part{
			Feature: k.String(), Points: int(points[k]), Value: int((gives[k] + one/2000) / (one / 1000)),
			Evidence: s.evidence(k, r, i),
		}
		p.Most = max(int((2000*weight[k]+den)/(2*den)), p.Points)
		e.Parts = append(e.Parts, p)
	}
	return e
}

func (s *Scorer) evidence(k Feature, r *row, i int) []Evidence {
	m, o := &s.mentees[r.j], &s.mentors[i]
	switch k {
	case Skills:
		return s.topicEvidence(r.j, i)
	case Goals:
		return s.wordEvidence(r.j, i)
	case Experience:
		gap := *o.Experience - *m.Experience
		return []Evidence{{Kind: "gap", Value: gap, words: fmt.Sprintf("the mentor is %d ahead", gap)}}
	case Availability:
		return s.timeEvidence(r, i)
	case Distance:
		if m.InPerson == No || o.InPerson == No {
			return []Evidence{{Kind: "online", words: "one of them wants to meet in person, the other does not"}}
		}
		minutes, a, b := s.travel.between(m.Places, o.Places)
		from, to := s.travel.places[a], s.travel.places[b]
		return []Evidence{{Kind: "way", ID: from.id, With: to.id, Value: minutes, words: fmt.Sprintf("about %d minutes from %s to %s", minutes, from.en, to.en)}}
	case Language:
		if r.speaks[s.languages.of[i]]&speaksPreferred != 0 {
			return []Evidence{{Kind: "language", ID: m.Preferred, words: "speaks " + m.Preferred + ", which is preferred"}}
		}
		return []Evidence{{Kind: "language", words: "does not speak the preferred language"}}
	case Style:
		return s.styleEvidence(r.j, i)
	case Preferences:
		return s.wishEvidence(r, i)
	default:
		return s.affinityEvidence(r, i)
	}
}

var levelWords = [...]string{"", "the basics", "well", "in depth"}

// topicEvidence says for each topic that is wanted what is offered for it, what
// counts most first.
func (s *Scorer) topicEvidence(j, i int) []Evidence {
	type found struct {
		e     Evidence
		gives uint64
	}
	name := func(topic int) string {
		if topic < len(s.topics.list) {
			return s.topics.list[topic].id
		}
		return ""
	}
	var all []found
	for k, w := range s.wants[j] {
		best, how := offer{level: 1}, unrelated
		for _, o := range s.offers[i] {
			r := s.topics.relation(w.topic, o.topic)
			worth, before := s.worth(o, r), s.worth(best, how)
			if worth > before || worth == before && worth > 0 && r < how {
				best, how = o, r
			}
		}
		if how == unrelated {
			continue
		}
		e := Evidence{Kind: "topic", ID: name(w.topic), Value: best.level}
		if e.ID == "" {
			e.ID = s.ownWords(j, k)
		}
		label := s.topics.Label(e.ID, "en")
		e.words = label + " (" + levelWords[best.level] + ")"
		if how != same {
			e.With = name(best.topic)
			e.words = fmt.Sprintf("%s, by %s: %s (%s)", label, s.topics.Label(e.With, "en"), how, levelWords[best.level])
		}
		all = append(all, found{e, uint64(w.share) * uint64(s.worth(best, how))})
	}
	slices.SortStableFunc(all, func(a, b found) int { return cmp.Compare(b.gives, a.gives) })
	out := make([]Evidence, 0, len(all))
	for _, f := range all {
		out = append(out, f.e)
	}
	if len(out) == 0 {
		out = append(out, Evidence{Kind: "topic", words: "none of the topics that are wanted, and none near them"})
	}
	return out
}

// ownWords are those of the k-th topic of a mentee, which the vocabulary lacks.
func (s *Scorer) ownWords(j, k int) string {
	own := 0
	for _, w := range s.wants[j][:k] {
		if w.topic >= len(s.topics.list) {
			own++
		}
	}
	seen := map[string]bool{}
	stems := newStemmer()
	for _, w := range s.mentees[j].Wants {
		if _, known := s.topics.byID[w.Topic]; known {
			continue
		}
		key := stems.key(tokens(w.Topic), 0)
		if seen[key] {
			continue
		}
		seen[key] = true
		if own == 0 {
			return w.Topic
		}
		own--
	}
	return ""
}

// mostWords is how many words of a text are shown.
const mostWords = 8

// wordEvidence are the words of the mentee that the mentor wrote too, what
// counts most first.
func (s *Scorer) wordEvidence(j, i int) []Evidence {
	q := &s.goals[j]
	type found struct {
		k     int
		gives uint64
	}
	var all []found
	for k, at := range q.at {
		p, ok := slices.BinarySearchFunc(s.corpus.postings[at], int32(i), func(p posting, i int32) int { return int(p.mentor - i) })
		if ok {
			all = append(all, found{k, uint64(q.share[k]) * uint64(s.corpus.postings[at][p].value)})
		}
	}
	slices.SortStableFunc(all, func(a, b found) int { return cmp.Compare(b.gives, a.gives) })
	if len(all) == 0 {
		return []Evidence{{Kind: "word", words: "no word in common"}}
	}
	var out []Evidence
	for _, f := range all[:min(len(all), mostWords)] {
		t := q.terms[f.k]
		out = append(out, Evidence{Kind: "word", ID: strings.TrimPrefix(t.key, "#"), words: t.words})
	}
	return out
}

// mostSpans is how many times of the week are shown.
const mostSpans = 3

func (s *Scorer) timeEvidence(r *row, i int) []Evidence {
	a, b := &s.menteeStarts[r.j], &s.mentorStarts[i]
	both := slotSet{}
	for k := range both {
		both[k] = a[k] & b[k]
	}
	zone := s.mentees[r.j].Hours.zone
	var out []Evidence
	for _, p := range s.cal.spans(&both) {
		if len(out) == mostSpans {
			break
		}
		out = append(out, Evidence{
			Kind: "time", ID: s.cal.monday.Add(time.Duration(p.from) * slotMinutes * time.Minute).Format("Mon 15:04 MST"), Value: p.slots * slotMinutes,
			words: s.cal.words(p, zone) + " (" + zone.String() + ")",
		})
	}
	if s.mentees[r.j].Asynchronous == Yes && s.mentors[i].Asynchronous == Yes {
		out = append(out, Evidence{Kind: "asynchronous", words: "messages at any time are fine for both"})
	}
	if len(out) == 0 {
		out = append(out, Evidence{Kind: "time", words: "no time that both have"})
	}
	return out
}

func (s *Scorer) styleEvidence(j, i int) []Evidence {
	n := len(s.rules.Items)
	var out []Evidence
	for k, name := range s.rules.Items {
		a, b := uint8(0), s.styles[i*n+k]
		if k < len(s.mentees[j].Style) {
			a = s.mentees[j].Style[k]
		}
		if a == 0 || b == 0 {
			continue
		}
		d := max(a, b) - min(a, b)
		words := fmt.Sprintf("%s: %d apart", name, d)
		if d == 0 {
			words = name + ": alike"
		}
		out = append(out, Evidence{Kind: "item", ID: name, Value: int(d), words: words})
	}
	return out
}

func (s *Scorer) wishEvidence(r *row, i int) []Evidence {
	var out []Evidence
	for _, side := range []struct {
		who   string
		value int16
	}{{"mentee", r.ofMentee[i]}, {"mentor", r.ofMentor[i]}} {
		switch {
		case side.value == noOpinion:
		case side.value > noWish:
			out = append(out, Evidence{Kind: "wish", ID: side.who, Value: 1 + (firstWish-int(side.value))/nextWish, words: "a wish that one of them stated"})
		default: // whom somebody never wants is told like one they do not name
			out = append(out, Evidence{Kind: "wish", ID: side.who, words: "no wish that one of them stated"})
		}
	}
	return out
}

// affinityEvidence names what a mentor has lived only if the mentor released
// that. Who released it for matching alone is said to match, and no more.
func (s *Scorer) affinityEvidence(r *row, i int) []Evidence {
	if s.affinity(r, i) == 0 {
		return []Evidence{{Kind: "affinity", words: "matches no preference of this kind"}}
	}
	var out []Evidence
	for k, w := range s.mentees[r.j].Seeks {
		at := slices.Index(s.traitKeys[i], s.seekKeys[r.j][k])
		if at >= 0 && s.mentors[i].Traits[at].Explained {
			out = append(out, Evidence{Kind: "affinity", ID: w.Value, words: "matches a preference that was stated: " + w.Value})
		}
	}
	if len(out) == 0 {
		out = append(out, Evidence{Kind: "affinity", words: "matches a preference that was stated"})
	}
	return out
}
