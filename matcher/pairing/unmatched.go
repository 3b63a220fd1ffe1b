package pairing

import (
	"cmp"
	"context"
	"math/bits"
	"slices"
)

// Reason is why a mentee who wants a mentor has none.
type Reason string

const (
	// NoEligibleMentor: the mentee is eligible for nobody.
	NoEligibleMentor Reason = "NO_ELIGIBLE_MENTOR"
	// NoSeats: every mentor they are eligible for has no seat left to give.
	NoSeats Reason = "NO_SEATS"
	// TooFewSeats: they and others can be served only by the same mentors, who
	// have fewer seats than there are mentees. The witness shows it.
	TooFewSeats Reason = "TOO_FEW_SEATS"
	// OtherTermsFirst: a seat could be found, but the objective ranks something
	// above serving as many as possible.
	OtherTermsFirst Reason = "OTHER_TERMS_FIRST"
	// NotProved: a seat could be found; the run was stopped before it was.
	NotProved Reason = "NOT_PROVED"
)

// Unmatched is a mentee without a mentor, and why.
type Unmatched struct {
	Mentee string
	Reason Reason
	// Witness proves that not everybody like them can be served; nil where everybody
	// can. Those it leaves out share it. With OtherTermsFirst and NotProved, more of
	// its mentees go without than would have to.
	Witness *Witness
	// Near is a smaller witness with this mentee in it: the one with the fewest
	// mentors that was found. Nil: there is none smaller.
	Near *Witness
}

// Witness are mentees who can be served only by certain mentors, who have fewer
// seats than that. Whoever has the problem can count it again: Check does.
type Witness struct {
	Mentees []string // by id
	Mentors []string // by id: all who have a seat and are eligible for one of them
	Seats   int      // of these mentors, without those of locked pairs
	// Locked is how many seats of theirs locked pairs hold.
	Locked int
	// Rules says what each hard rule has to do with it, the one that costs most
	// first: by Serves, then by Pairs. Rules that open no pair are left out. It is
	// only filled where rules were given, and not in Near.
	Rules []RuleEffect
	// WithoutRules is how many more of these mentees could have a mentor if none
	// of the rules held. 0 where no rules were given.
	WithoutRules int
}

// Short is how many of the mentees have to go without a mentor.
func (w *Witness) Short() int { return len(w.Mentees) - w.Seats }

// ForbiddenPairs is the name of what Problem.Forbidden does, among hard rules.
const ForbiddenPairs = "forbidden pairs"

// RuleEffect is what it would do for the mentees of a witness if one rule did
// not hold, all others holding.
type RuleEffect struct {
	Rule string
	// Pairs is how many pairs of these mentees with a mentor who has a seat only
	// this rule blocks; Mentors is with how many mentors.
	Pairs, Mentors int
	// Serves is how many more of these mentees could have a mentor.
	Serves int
}

// Cause is the rule that makes it so: without it most would be served. It is ""
// where no rule by itself leaves anybody out.
func (w *Witness) Cause() string {
	if len(w.Rules) == 0 || w.Rules[0].Serves == 0 {
		return ""
	}
	return w.Rules[0].Rule
}

// WhyUnmatched says of every mentee who wants a mentor and has none why that is
// so, by id. Together the witnesses are the smallest set of mentees that accounts
// for everybody who cannot be served, whichever of the best matchings was found;
// mentees who share no mentor have witnesses of their own.
//
// The seats in it are one for each mentee: that somebody else has two mentors
// leaves nobody out as long as the objective has cover first. h may be nil.
func WhyUnmatched(ctx context.Context, p *Problem, r *Result, h *HardRules) ([]Unmatched, error) {
	if h != nil {
		if err := h.check(); err != nil {
			return nil, err
		}
	}
	b, err := newBoard(p, r)
	if err != nil {
		return nil, err
	}
	var left []int32
	for j := range int32(len(b.mentees)) {
		if b.demand(j) > 0 && len(b.pairs[j]) == 0 && b.mentee(j).Has == 0 {
			left = append(left, j)
		}
	}
	if len(left) == 0 {
		return nil, nil
	}
	s := b.seating()
	blocks := s.blocks(s.fill(nil))
	in := make([]*block, len(b.mentees))
	for _, k := range blocks {
		for _, j := range k.mentees {
			in[j] = k
		}
	}
	spare := OtherTermsFirst // why somebody has no mentor who could have one
	if r.Status != Optimal {
		spare = NotProved
	}
	missing := map[*block]int{}
	for _, j := range left {
		missing[in[j]]++
	}
	if h != nil || len(p.Forbidden) > 0 {
		if err := s.weighRules(ctx, blocks, h); err != nil {
			return nil, err
		}
	}
	near := nearness{s: s, work: nearWork}
	var answers []Unmatched
	for _, j := range left {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		u := Unmatched{Mentee: b.menteeID(j), Reason: spare}
		if k := in[j]; k != nil {
			u.Witness, u.Near = k.witness, near.find(j, k)
			if missing[k] == k.witness.Short() {
				u.Reason = k.reason
			}
		}
		answers = append(answers, u)
	}
	return answers, nil
}

// block is a witness on the board.
type block struct {
	mentees, mentors []int32 // ascending
	seats            int
	reason           Reason
	witness          *Witness
}

// blocks takes apart the mentees who compete for crowded mentors: those of two
// blocks share no mentor.
func (s *seating) blocks(crowded []uint64) []*block {
	b := s.b
	in := make([]int32, len(s.at)) // the block's first mentee, as far as is known
	for j := range in {
		in[j] = nobody
	}
	root := func(j int32) int32 {
		for in[j] != j {
			in[j] = in[in[j]]
			j = in[j]
		}
		return j
	}
	first := make([]int32, len(s.free)) // by mentor: a mentee of the block
	for i := range first {
		first[i] = nobody
	}
	for j := range int32(len(s.at)) {
		i := s.at[j]
		if !s.plays[j] || i != nobody && crowded[i>>6]&(1<<(i&63)) == 0 {
			continue
		}
		in[j] = j
		s.each(s.row(s.open, j), func(i int32) {
			if first[i] == nobody {
				first[i] = j
				return
			}
			a, c := root(first[i]), root(j)
			in[max(a, c)] = min(a, c)
		})
	}
	var blocks []*block
	of := map[int32]*block{}
	for j := range int32(len(in)) {
		if in[j] == nobody {
			continue
		}
		k := of[root(j)]
		if k == nil {
			k = &block{}
			of[root(j)] = k
			blocks = append(blocks, k)
		}
		k.mentees = append(k.mentees, j)
	}
	for i, j := range first {
		if j != nobody {
			k := of[root(j)]
			k.mentors = append(k.mentors, int32(i))
			k.seats += b.seats(int32(i)) - b.lockedSeats[i]
		}
	}
	for _, k := range blocks {
		k.witness = s.witness(k.mentees, k.mentors)
		switch {
		case len(k.mentors) == 0:
			k.reason = NoEligibleMentor
			if s.eligible(k.mentees[0]) {
				k.reason = NoSeats
			}
		case k.seats == 0:
			k.reason = NoSeats
		default:
			k.reason = TooFewSeats
		}
	}
	return blocks
}

// each calls f for every mentor of a set, ascending.
func (s *seating) each(set []uint64, f func(i int32)) {
	for w, mentors := range set {
		for ; mentors != 0; mentors &= mentors - 1 {
			f(int32(w<<6 | bits.TrailingZeros64(mentors)))
		}
	}
}

func (s *seating) witness(mentees, mentors []int32) *Witness {
	b := s.b
	w := &Witness{Mentees: ids(mentees, b.menteeID), Mentors: ids(mentors, b.mentorID)}
	for _, i := range mentors {
		w.Locked += b.lockedSeats[i]
		w.Seats += b.seats(i) - b.lockedSeats[i]
	}
	return w
}

// eligible says whether a mentee is eligible for anybody, with a seat or not.
func (s *seating) eligible(j int32) bool {
	for i, score := range s.b.scores(j) {
		if score >= 0 && !slices.Contains(s.b.barred[j], int32(i)) {
			return true
		}
	}
	return false
}

// Check counts a witness again from the problem: it fails if one of the mentees
// is eligible for a mentor with a seat who is not in it, or if the seats are
// enough. r gives the locked pairs.
func (w *Witness) Check(p *Problem, r *Result) error {
	b, err := newBoard(p, r)
	if err != nil {
		return err
	}
	mentors, seats := map[int32]bool{}, 0
	for _, id := range w.Mentors {
		i, ok := b.mentorAt[id]
		if !ok || mentors[i] {
			return &WitnessError{Mentor: id, Message: "is unknown, or named twice"}
		}
		mentors[i] = true
		seats += b.seats(i) - b.lockedSeats[i]
	}
	mentees := map[int32]bool{}
	for _, id := range w.Mentees {
		j, ok := b.menteeAt[id]
		if !ok || mentees[j] {
			return &WitnessError{Mentee: id, Message: "is unknown, or named twice"}
		}
		mentees[j] = true
		if b.demand(j) == 0 || b.locked[j] {
			return &WitnessError{Mentee: id, Message: "wants no mentor, or has one already"}
		}
		for i, score := range b.scores(j) {
			if score >= 0 && b.seats(int32(i)) > 0 && !mentors[int32(i)] && !slices.Contains(b.barred[j], int32(i)) {
				return &WitnessError{Mentee: id, Mentor: b.mentorID(int32(i)), Message: "are eligible, and the mentor is not in the witness"}
			}
		}
	}
	if seats != w.Seats || seats >= len(w.Mentees) {
		return &WitnessError{Message: "the seats are enough, or were counted wrongly"}
	}
	return nil
}

// WitnessError is what is wrong with a witness.
type WitnessError struct{ Mentee, Mentor, Message string }

func (e *WitnessError) Error() string {
	who := ""
	for _, id := range []string{e.Mentee, e.Mentor} {
		if id != "" {
			who += id + " "
		}
	}
	return "the witness does not hold: " + who + e.Message
}

// weighRules fills Rules and WithoutRules of the blocks.
func (s *seating) weighRules(ctx context.Context, blocks []*block, h *HardRules) error {
	l, err := s.lift(ctx, h)
	if err != nil {
		return err
	}
	for r, extra := range l.only {
		could := s.canHave(extra)
		for _, k := range blocks {
			e := RuleEffect{Rule: l.names[r]}
			mentors := make([]uint64, s.words)
			for _, j := range k.mentees {
				for w, set := range s.row(extra, j) {
					e.Pairs += bits.OnesCount64(set)
					mentors[w] |= set
				}
			}
			if e.Pairs == 0 {
				continue
			}
			for _, set := range mentors {
				e.Mentors += bits.OnesCount64(set)
			}
			e.Serves = s.gains(k, extra, could)
			k.witness.Rules = append(k.witness.Rules, e)
		}
	}
	could := s.canHave(l.any)
	for _, k := range blocks {
		slices.SortStableFunc(k.witness.Rules, func(a, b RuleEffect) int {
			return cmp.Or(cmp.Compare(b.Serves, a.Serves), cmp.Compare(b.Pairs, a.Pairs))
		})
		k.witness.WithoutRules = s.gains(k, l.any, could)
	}
	return nil
}

// gains counts who of a block could have a seat if extra pairs were eligible,
// everybody who is covered staying so. could says who could by themself.
func (s *seating) gains(k *block, extra []uint64, could []bool) int {
	n := 0
	for _, j := range k.mentees {
		if could[j] {
			n++
		}
	}
	if n < 2 {
		return n
	}
	n = 0
	unseen := s.everyMentor()
	for _, j := range k.mentees {
		if could[j] && s.place(j, unseen, extra) {
			n++
		}
	}
	s.undo()
	return n
}

// lifted are the pairs that become eligible when rules do not hold: sets of
// mentors with a seat, by mentee.
type lifted struct {
	names []string
	only  [][]uint64 // by rule: pairs that only this rule blocks; rules without any are left out
	any   []uint64   // pairs that rules block
}

// lift asks for all pairs what blocks them.
func (s *seating) lift(ctx context.Context, h *HardRules) (*lifted, error) {
	b := s.b
	l := &lifted{any: make([]uint64, len(s.open))}
	rules := 0
	if h != nil {
		rules = len(h.Names)
	}
	only := make([][]uint64, rules+1) // the last one: Problem.Forbidden
	masks, barred := make([]uint64, len(b.mentors)), make([]bool, len(b.mentors))
	for j := range int32(len(b.mentees)) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if !s.plays[j] {
			continue
		}
		open := func(r int, i int32) {
			if only[r] == nil {
				only[r] = make([]uint64, len(s.open))
			}
			s.row(only[r], j)[i>>6] |= 1 << (i & 63)
		}
		every := s.row(l.any, j)
		scores := b.scores(j)
		if h != nil {
			h.Rows.Blocked(int(b.mentees[j]), masks)
		}
		for _, i := range b.barred[j] {
			barred[i] = true
		}
		for i := range int32(len(b.mentors)) {
			mask := masks[b.mentors[i]]
			if b.seats(i) == 0 || mask == 0 && !barred[i] || b.menteeID(j) == b.mentorID(i) {
				continue
			}
			switch {
			case mask == 0 && scores[i] >= 0:
				open(rules, i)
			case mask == 0: // not eligible for another reason
				continue
			case mask&(mask-1) == 0 && !barred[i]:
				open(bits.TrailingZeros64(mask), i)
			}
			every[i>>6] |= 1 << (i & 63)
		}
		for _, i := range b.barred[j] {
			barred[i] = false
		}
	}
	for r, set := range only {
		switch {
		case set == nil:
			continue
		case r == rules:
			l.names = append(l.names, ForbiddenPairs)
		default:
			l.names = append(l.names, h.Names[r])
		}
		l.only = append(l.only, set)
	}
	return l, nil
}

// nearness looks for the smallest witness of a mentee by themself.
type nearness struct {
	s    *seating
	work int // that is left, in words and mentors to look at
}

// A block larger than nearBlock (mentees times words of a set) has no smaller
// witness that would be easy to read, and takes long to search. nearWork is what
// all of them may take together, a fraction of a second.
const (
	nearBlock = 1 << 16
	nearWork  = 1 << 26
)

// exactly is how many mentors of a block, beside a mentee's own, are tried in
// every combination.
const exactly = 10

// find adds mentors to those of mentee j until the mentees who depend on them
// outnumber the seats. nil: that takes the whole block, or too much work.
func (n *nearness) find(j int32, k *block) *Witness {
	s := n.s
	if len(k.mentors) < 2 || len(k.mentees)*s.words > nearBlock || n.work < 0 {
		return nil
	}
	own := slices.Clone(s.row(s.open, j))
	var others []int32
	for _, i := range k.mentors {
		if own[i>>6]&(1<<(i&63)) == 0 {
			others = append(others, i)
		}
	}
	if len(others) == 0 {
		return nil
	}
	if len(others) <= exactly {
		return n.combine(own, others, k)
	}
	for {
		mentees, next := n.depend(own, k)
		if n.work < 0 {
			return nil
		}
		mentors, seats := s.count(own)
		switch {
		case mentors == len(k.mentors):
			return nil
		case len(mentees) > seats:
			return s.witness(mentees, s.list(own))
		}
		for w, set := range s.row(s.open, next) {
			own[w] |= set
		}
	}
}

// combine tries all mentors of a block together with a mentee's own, the fewest
// first.
func (n *nearness) combine(own []uint64, others []int32, k *block) *Witness {
	s := n.s
	for size := range len(others) {
		for mask := range uint(1) << len(others) {
			if bits.OnesCount(mask) != size {
				continue
			}
			set := slices.Clone(own)
			for x, i := range others {
				if mask>>x&1 > 0 {
					set[i>>6] |= 1 << (i & 63)
				}
			}
			mentees, _ := n.depend(set, k)
			if n.work < 0 {
				return nil
			}
			if _, seats := s.count(set); len(mentees) > seats {
				return s.witness(mentees, s.list(set))
			}
		}
	}
	return nil
}

// depend gives the mentees of a block whom nobody but these mentors can serve,
// and of the others the one who would bring in the fewest seats.
func (n *nearness) depend(mentors []uint64, k *block) (mentees []int32, next int32) {
	s, least := n.s, -1
	n.work -= len(k.mentees) * s.words
	for _, j := range k.mentees {
		seats, inside := 0, true
		for w, set := range s.row(s.open, j) {
			for more := set &^ mentors[w]; more != 0; more &= more - 1 {
				i := w<<6 | bits.TrailingZeros64(more)
				seats += s.b.seats(int32(i)) - s.b.lockedSeats[i]
				inside = false
				n.work--
			}
		}
		switch {
		case inside:
			mentees = append(mentees, j)
		case least < 0 || seats < least:
			least, next = seats, j
		}
	}
	return mentees, next
}

// count counts the mentors of a set, and their seats.
func (s *seating) count(set []uint64) (mentors, seats int) {
	s.each(set, func(i int32) {
		mentors++
		seats += s.b.seats(i) - s.b.lockedSeats[i]
	})
	return mentors, seats
}

func (s *seating) list(set []uint64) []int32 {
	var places []int32
	s.each(set, func(i int32) { places = append(places, i) })
	return places
}
