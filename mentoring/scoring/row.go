package scoring

import "slices"

// What a feature says where it has no value.
const (
	blank       int64 = -1 // somebody left it blank
	unrelatedTo int64 = -2 // it has nothing to do with this pair
)

// row is what is worked out once for a mentee and all mentors.
type row struct {
	j          int
	flags      uint8  // of the mentee, as those of mentors
	experience int    // -1: blank
	hard       uint16 // rules in force
	block      []uint16
	starts     []int32  // times at which both can begin; -1: blank
	skills     []uint32 // billionths
	goals      []uint32 // billionths, above 1 where a word is repeated
	// What the two think of each other, in thousandths, or noOpinion.
	ofMentee, ofMentor []int16
	named              bool // anybody named anybody in this row

	speaks  []uint8 // by class of languages
	minutes []int32 // by class of places; -1: blank
	trait   []uint8 // by class of traits
	// Weights of the features that may say something, times weightUnit.
	weight [features]uint64
}

// weightUnit makes the bound on the weight of texts a whole number: they weigh
// at most 3/20 of the whole, which is 3/17 of the rest.
const weightUnit = textParts - textShare

// What a class of languages or traits has, as bits.
const (
	speaksSome, speaksCommon, speaksPreferred = 1, 2, 4
	traitAny, traitRequired                   = 1, 2
)

func (s *Scorer) newRow() *row {
	n := len(s.mentors)
	r := &row{
		block: make([]uint16, n), starts: make([]int32, n), skills: make([]uint32, n), goals: make([]uint32, n),
		ofMentee: make([]int16, n), ofMentor: make([]int16, n),
		speaks: make([]uint8, len(s.languages.first)), minutes: make([]int32, len(s.places.first)), trait: make([]uint8, len(s.traits.first)),
	}
	for rule := range rules {
		if s.rules.Hard[rule] {
			r.hard |= 1 << rule
		}
	}
	return r
}

// row works out mentee j. The caller gives it back to the pool.
func (s *Scorer) row(j int) *row {
	r := s.pool.Get().(*row)
	r.j = j
	m := &s.mentees[j]
	clear(r.block)
	clear(r.skills)
	clear(r.goals)
	for _, b := range s.blocked[j] {
		r.block[b.mentor] |= 1 << b.rule
	}
	for _, u := range m.Units {
		for _, i := range s.unitMentors[fold(u)] {
			r.block[i] |= 1 << Unit
		}
	}
	s.classesOf(r, m)
	r.profile(m)
	for i, flags := range s.flags {
		r.starts[i] = -1
		if r.flags&flags&hasHours != 0 {
			n := common(&s.menteeStarts[j], &s.mentorStarts[i])
			r.starts[i] = int32(n)
			if n == 0 && r.flags&flags&asynchronous == 0 {
				r.block[i] |= 1 << CommonTime
			}
		}
		if speaks := r.speaks[s.languages.of[i]]; speaks&speaksSome != 0 && speaks&speaksCommon == 0 {
			r.block[i] |= 1 << CommonLanguage
		}
		if r.trait[s.traits.of[i]]&traitRequired == 0 {
			r.block[i] |= 1 << AffinityRequired
		}
		if s.experience(r, i) == 0 {
			r.block[i] |= 1 << ExperienceGap
		}
		if (r.flags|flags)&(inPerson|notInPerson) == inPerson && r.minutes[s.places.of[i]] > int32(s.rules.MostMinutes) {
			r.block[i] |= 1 << TravelTime
		}
	}
	for _, w := range s.wants[j] {
		for _, p := range s.skill[w.topic] {
			r.skills[p.mentor] += w.share * p.value
		}
	}
	for k, at := range s.goals[j].at {
		share := s.goals[j].share[k]
		for _, p := range s.corpus.postings[at] {
			r.goals[p.mentor] += share * p.value // 2.2 billionths at most
		}
	}
	mine := s.unnamed(&m.Person)
	copy(r.ofMentor, s.unmentioned)
	for i := range r.ofMentee {
		r.ofMentee[i] = mine
	}
	r.named = mine != noOpinion || len(s.opinions[j]) > 0 || s.anyNamed
	for _, o := range s.opinions[j] {
		if o.ofMentor {
			r.ofMentor[o.mentor] = o.value
		} else {
			r.ofMentee[o.mentor] = o.value
		}
	}
	s.weights(r, m)
	return r
}

// profile takes what a row looks at again and again out of a profile.
func (r *row) profile(m *Mentee) {
	r.experience, r.flags = -1, 0
	if m.Experience != nil {
		r.experience = min(max(*m.Experience, 0), mostExperience)
	}
	if m.Hours != nil {
		r.flags |= hasHours
	}
	if m.Asynchronous == Yes {
		r.flags |= asynchronous
	}
	switch m.InPerson {
	case Yes:
		r.flags |= inPerson
	case No:
		r.flags |= notInPerson
	}
}

// classesOf works out languages, ways and traits, class by class.
func (s *Scorer) classesOf(r *row, m *Mentee) {
	for class, i := range s.languages.first {
		o := &s.mentors[i]
		r.speaks[class] = 0
		if len(o.Languages) == 0 || len(m.Languages) == 0 {
			continue
		}
		r.speaks[class] = speaksSome
		for _, l := range m.Languages {
			if slices.Contains(o.Languages, l) {
				r.speaks[class] |= speaksCommon
				if l == m.Preferred {
					r.speaks[class] |= speaksPreferred
				}
			}
		}
	}
	for class, i := range s.places.first {
		o := &s.mentors[i]
		r.minutes[class] = -1
		if len(o.Places) > 0 && len(m.Places) > 0 {
			minutes, _, _ := s.travel.between(m.Places, o.Places)
			r.minutes[class] = int32(minutes)
		}
	}
	for class, i := range s.traits.first {
		r.trait[class] = traitRequired
		for k, w := range m.Seeks {
			has := slices.Contains(s.traitKeys[i], s.seekKeys[r.j][k])
			switch {
			case w.Strength == Required && !has:
				r.trait[class] &^= traitRequired
			case w.Strength != Required && has:
				r.trait[class] |= traitAny
			}
		}
	}
}

// weights are those of the features that may say something about a pair of
// this mentee.
func (s *Scorer) weights(r *row, m *Mentee) {
	for k := range features {
		r.weight[k] = uint64(s.rules.Weights[k]) * weightUnit
	}
	if !r.named {
		r.weight[Preferences] = 0
	}
	strongest := Strength(0)
	for _, w := range m.Seeks {
		if w.Strength != Required {
			strongest = max(strongest, w.Strength)
		}
	}
	switch strongest {
	case Important:
		r.weight[Affinity] *= uint64(s.rules.ImportantTimes)
	case Nice:
	default:
		r.weight[Affinity] = 0
	}
	if len(m.Languages) < 2 || m.Preferred == "" {
		r.weight[Language] = 0 // the hard rule has said it all
	}
}

// tally sums what features say.
type tally struct{ num, den uint64 }

func (t *tally) add(weight uint64, f int64) {
	if f >= 0 {
		t.num += weight * uint64(f)
		t.den += weight
	}
}

// text adds what people wrote freely, last: its weight is bounded by that of
// the rest.
func (t *tally) text(weight uint64, f int64) { t.add(min(weight, t.den/weightUnit*textShare), f) }

// result is the score: 1000 · num/den, rounded to the nearest whole number,
// halves up.
func (t *tally) result(unknown int) int16 {
	if t.den == 0 {
		return int16(unknown)
	}
	return int16((2000*t.num + t.den*one) / (2 * t.den * one))
}

// score is the score of a pair, whether or not it is eligible.
func (s *Scorer) score(r *row, i int) int16 {
	var t tally
	if w := r.weight[Skills]; w > 0 {
		t.add(w, s.skills(r, i))
	}
	if w := r.weight[Experience]; w > 0 {
		t.add(w, s.experience(r, i))
	}
	if w := r.weight[Availability]; w > 0 {
		t.add(w, s.availability(r, i))
	}
	if w := r.weight[Distance]; w > 0 {
		t.add(w, s.distance(r, i))
	}
	if w := r.weight[Language]; w > 0 {
		t.add(w, s.language(r, i))
	}
	if w := r.weight[Style]; w > 0 {
		t.add(w, s.style(r, i))
	}
	if w := r.weight[Preferences]; w > 0 {
		t.add(w, s.preferences(r, i))
	}
	if w := r.weight[Affinity]; w > 0 {
		t.add(w, s.affinity(r, i))
	}
	if w := r.weight[Goals]; w > 0 {
		t.text(w, s.text(r, i))
	}
	return t.result(s.rules.Unknown)
}

// value is what a feature says of a pair, in billionths, or blank or
// unrelatedTo.
func (s *Scorer) value(k Feature, r *row, i int) int64 {
	if r.weight[k] == 0 {
		return unrelatedTo
	}
	switch k {
	case Skills:
		return s.skills(r, i)
	case Goals:
		return s.text(r, i)
	case Experience:
		return s.experience(r, i)
	case Availability:
		return s.availability(r, i)
	case Distance:
		return s.distance(r, i)
	case Language:
		return s.language(r, i)
	case Style:
		return s.style(r, i)
	case Preferences:
		return s.preferences(r, i)
	default:
		return s.affinity(r, i)
	}
}

func (s *Scorer) skills(r *row, i int) int64 {
	if len(s.wants[r.j]) == 0 || s.flags[i]&hasOffers == 0 {
		return blank
	}
	return int64(r.skills[i])
}

func (s *Scorer) text(r *row, i int) int64 {
	if len(s.goals[r.j].at) == 0 || !s.corpus.wrote[i] {
		return blank
	}
	return min(one, int64(r.goals[i]))
}

func (s *Scorer) experience(r *row, i int) int64 {
	a, b := r.experience, int(s.experiences[i])
	if a < 0 || b < 0 {
		return blank
	}
	return s.gapValue[b-a+mostExperience]
}

func (s *Scorer) availability(r *row, i int) int64 {
	n := r.starts[i]
	if n < 0 {
		return blank
	}
	f := s.plentyValue[min(int(n), len(s.plentyValue)-1)]
	if r.flags&s.flags[i]&asynchronous != 0 {
		f = max(f, int64(s.rules.AsynchronousValue)*(one/1000))
	}
	return f
}

func (s *Scorer) distance(r *row, i int) int64 {
	switch (r.flags | s.flags[i]) & (inPerson | notInPerson) {
	case inPerson:
	case inPerson | notInPerson:
		return 0
	default:
		return unrelatedTo
	}
	minutes := int64(r.minutes[s.places.of[i]])
	near, far := int64(s.rules.NearMinutes), int64(s.rules.FarMinutes)
	switch {
	case minutes < 0:
		return blank
	case minutes <= near:
		return one
	case minutes >= far:
		return 0
	}
	return one * (far - minutes) / (far - near)
}

func (s *Scorer) language(r *row, i int) int64 {
	switch speaks := r.speaks[s.languages.of[i]]; {
	case speaks == 0:
		return blank
	case speaks&speaksPreferred != 0:
		return one
	}
	return 0
}

func (s *Scorer) style(r *row, i int) int64 {
	n := len(s.rules.Items)
	mine, theirs := s.mentees[r.j].Style, s.styles[i*n:(i+1)*n]
	answered, apart := 0, 0
	for k, a := range mine[:min(n, len(mine))] {
		if b := theirs[k]; a != 0 && b != 0 {
			answered++
			if a > b {
				apart += int(a - b)
			} else {
				apart += int(b - a)
			}
		}
	}
	if answered == 0 {
		return blank
	}
	return s.styleValue[answered][apart]
}

func (s *Scorer) preferences(r *row, i int) int64 {
	a, b := int64(r.ofMentee[i]), int64(r.ofMentor[i])
	switch {
	case a < 0 && b < 0:
		return unrelatedTo
	case a < 0:
		return b * opinionUnit
	case b < 0:
		return a * opinionUnit
	}
	return (a + b) * opinionUnit / 2
}

// affinity is all or nothing: a value between would tell which of several
// traits a mentor has.
func (s *Scorer) affinity(r *row, i int) int64 {
	if r.trait[s.traits.of[i]]&traitAny != 0 {
		return one
	}
	return 0
}
