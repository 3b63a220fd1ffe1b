package verify

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"slices"

	"github.com/openfairlead/fairlead/matcher"
)

// LevelMatching is the level of a matching of mentees to mentors.
const LevelMatching = "matching"

// PairScores gives the score of every pair, by mentee and then by mentor in the
// order of the ids that it is given; −1 for a pair that is not eligible. An error
// means that it does not know one of them.
type PairScores func(mentees, mentors []string) ([]int16, error)

// The bounds of a matching.
const (
	maxPairScore  = 1000
	maxDemand     = 1000
	maxSeats      = 100_000
	maxMatched    = 1 << 20
	maxStickiness = 1000
	// Prices stay so small that sums of three cannot overflow.
	maxPrice = int64(1) << 60
	maxTiers = 16
)

// tuple holds what is counted in each tier, the most important first.
type tuple [maxTiers]int64

// matchingCheck is a matching as it is checked. Everybody has the place that the
// record gives them.
type matchingCheck struct {
	m        *matcher.Matching
	mentee   map[string]int
	mentor   map[string]int
	pairs    [][]matchedAt // by mentee
	load     []int
	locks    []int // by mentee
	lockLoad []int
	lockBest []int // -1 without locks
	groupOf  []int // -1: in no group with a floor
	kept     bool  // whether the floors are
	outside  map[[2]int]bool
	standing map[[2]int]bool
	keys     [2][]uint64
}

type matchedAt struct {
	mentor, score    int
	locked, standing bool
}

// matching runs the checks of a matching. All but the last three need no scores.
func (c *checks) matching(b []byte, o Options) error {
	m, err := matcher.ReadMatching(b)
	if errors.Is(err, matcher.ErrNewer) {
		return ErrNewer
	}
	if !c.is("1", "the file is whole, in canonical form, and has the digest of its bytes", err) {
		return nil
	}
	k := &matchingCheck{m: m}
	if !c.is("2", "people, groups and objective are ones that can be matched", k.people()) ||
		!c.is("3", "pairs are of these people, each once, within demands and seats, and not forbidden", k.take()) ||
		!c.is("4", "counts and values are those of the pairs, by the definitions of the tiers", k.count()) ||
		!c.is("5", "the unmatched are those who want a mentor and have none", k.unmatched()) {
		return nil
	}
	const (
		same  = "every pair has its score, and the input digest is that of the input and all scores"
		best  = "no matching of all eligible pairs has better values: the prices bound them"
		worst = "no matching that is as good in what counts more has a better worst pair"
	)
	if o.Scores == nil {
		c.add("6", same, NotRun, "it takes the scores (--scores)")
		c.add("7", best, NotRun, "it takes the scores (--scores)")
		c.add("8", worst, NotRun, "it takes the scores (--scores)")
		return nil
	}
	rows, err := k.scores(o.Scores)
	if err != nil {
		return err
	}
	if !c.is("6", same, k.same(rows)) {
		return nil
	}
	if m.Status != matcher.Optimal && m.Status != matcher.Infeasible {
		c.add("7", best, NotCertified, fmt.Sprintf("the file says %s: the search was cut", m.Status))
		c.add("8", worst, NotCertified, fmt.Sprintf("the file says %s: the search was cut", m.Status))
		return nil
	}
	c.is("7", best, k.best(rows))
	if !slices.Contains(m.Input.Objective, "worst") {
		c.add("8", worst, NoMatter, "")
		return nil
	}
	c.is("8", worst, k.worst(rows))
	return nil
}

// people checks the input of a matching by itself.
func (k *matchingCheck) people() error {
	in := &k.m.Input
	if len(in.Mentees) > maxMatched || len(in.Mentors) > maxMatched {
		return errors.New("there are too many people")
	}
	k.mentee, k.mentor = make(map[string]int, len(in.Mentees)), make(map[string]int, len(in.Mentors))
	for j, e := range in.Mentees {
		if e.ID == "" || j > 0 && in.Mentees[j-1].ID >= e.ID || e.Demand < 0 || e.Demand > maxDemand || e.Has < 0 || e.Has > maxDemand {
			return fmt.Errorf("mentee %d has no id, is out of order, or wants or has less than 0 or more than %d mentors", j, maxDemand)
		}
		k.mentee[e.ID] = j
		k.keys[0] = append(k.keys[0], lotteryKey(k.m.Seed, "mentee", e.ID))
	}
	for i, r := range in.Mentors {
		if r.ID == "" || i > 0 && in.Mentors[i-1].ID >= r.ID || r.Seats < 0 || r.Seats > maxSeats {
			return fmt.Errorf("mentor %d has no id, is out of order, or has less than 0 or more than %d seats", i, maxSeats)
		}
		k.mentor[r.ID] = i
		k.keys[1] = append(k.keys[1], lotteryKey(k.m.Seed, "mentor", r.ID))
	}
	groups := map[string]int{}
	for g, x := range in.Groups {
		if x.Group == "" || g > 0 && in.Groups[g-1].Group >= x.Group || x.Floor < 0 {
			return fmt.Errorf("group %d has no name, is out of order, or has a floor below 0", g)
		}
		groups[x.Group] = g
	}
	k.groupOf = make([]int, len(in.Mentees))
	size := make([]int, len(in.Groups))
	for j, e := range in.Mentees {
		k.groupOf[j] = -1
		if g, ok := groups[e.Group]; ok {
			k.groupOf[j] = g
			size[g]++
		}
	}
	for g, x := range in.Groups {
		if x.Floor > size[g] {
			return fmt.Errorf("the floor of group %d is more than its mentees", g)
		}
	}
	if in.Stickiness < 0 || in.Stickiness > maxStickiness {
		return fmt.Errorf("the stickiness is not from 0 to %d", maxStickiness)
	}
	var err error
	if k.outside, err = k.places(in.Forbidden); err == nil {
		k.standing, err = k.places(in.Standing)
	}
	if err != nil {
		return err
	}
	return checkObjective(in.Objective)
}

func lotteryKey(seed, role, id string) uint64 {
	sum := sha256.Sum256([]byte(seed + "\x00" + role + "\x00" + id))
	return binary.BigEndian.Uint64(sum[:8])
}

// lot is the top 44 bits of SplitMix64's output for the two keys.
func (k *matchingCheck) lot(j, i int) int64 {
	z := k.keys[0][j] ^ k.keys[1][i]
	z += 0x9e3779b97f4a7c15
	z ^= z >> 30
	z *= 0xbf58476d1ce4e5b9
	z ^= z >> 27
	z *= 0x94d049bb133111eb
	z ^= z >> 31
	return int64(z >> 20)
}

func (k *matchingCheck) places(list [][2]string) (map[[2]int]bool, error) {
	at := make(map[[2]int]bool, len(list))
	for n, p := range list {
		j, ok := k.mentee[p[0]]
		i, also := k.mentor[p[1]]
		if !ok || !also || n > 0 && slices.Compare(list[n-1][:], p[:]) >= 0 {
			return nil, fmt.Errorf("pair %d of the forbidden or standing ones is of nobody in the file, or out of order", n)
		}
		at[[2]int{j, i}] = true
	}
	return at, nil
}

func checkObjective(words []string) error {
	known := []string{"cover", "cover2", "cover3", "worst", "bands", "total", "even"}
	if len(words) == 0 {
		return errors.New("there is no objective")
	}
	for n, word := range words {
		needs := map[string]string{"cover2": "cover", "cover3": "cover2", "worst": "cover"}[word]
		switch before := words[:n]; {
		case !slices.Contains(known, word), slices.Contains(before, word):
			return errors.New("the objective has an unknown term, or one twice")
		case needs != "" && !slices.Contains(before, needs):
			return fmt.Errorf("the objective has %s without %s before it", word, needs)
		}
	}
	return nil
}

// take reads the pairs.
func (k *matchingCheck) take() error {
	in := &k.m.Input
	k.pairs, k.load = make([][]matchedAt, len(in.Mentees)), make([]int, len(in.Mentors))
	k.locks, k.lockLoad, k.lockBest = make([]int, len(in.Mentees)), make([]int, len(in.Mentors)), make([]int, len(in.Mentees))
	for j := range k.lockBest {
		k.lockBest[j] = -1
	}
	last := [2]int{-1, -1}
	for n, p := range k.m.Pairs {
		j, ok := k.mentee[p.Mentee]
		i, also := k.mentor[p.Mentor]
		at := [2]int{j, i}
		switch {
		case !ok || !also:
			return fmt.Errorf("pair %d is of somebody who is not in the input", n)
		case slices.Compare(last[:], at[:]) >= 0:
			return fmt.Errorf("pair %d is out of order or there twice", n)
		case p.Mentee == p.Mentor:
			return fmt.Errorf("pair %d matches somebody to themself", n)
		case k.outside[at]:
			return fmt.Errorf("pair %d is forbidden", n)
		case p.Score < 0 || p.Score > maxPairScore:
			return fmt.Errorf("the score of pair %d is not from 0 to %d", n, maxPairScore)
		case p.Standing != k.standing[at]:
			return fmt.Errorf("whether pair %d is standing is not as in the input", n)
		}
		if sum, some := 0, len(p.Parts) > 0; some {
			for _, part := range p.Parts {
				sum += part.Points
			}
			if sum != p.Score {
				return fmt.Errorf("the parts of pair %d do not sum to its score", n)
			}
		}
		last = at
		k.pairs[j] = append(k.pairs[j], matchedAt{i, p.Score, p.Locked, p.Standing})
		k.load[i]++
		if p.Locked {
			k.locks[j]++
			k.lockLoad[i]++
			k.lockBest[j] = max(k.lockBest[j], p.Score)
		}
		if len(k.pairs[j]) > in.Mentees[j].Demand || k.load[i] > in.Mentors[i].Seats {
			return fmt.Errorf("pair %d is more than its mentee wants, or than its mentor has seats for", n)
		}
	}
	return nil
}

// tiers are what the objective counts, with a threshold for worst; a threshold of
// 0 leaves it out.
func (k *matchingCheck) tiers(objective []string, threshold int) []matcher.TierValue {
	var list []matcher.TierValue
	add := func(kind string, number int) {
		list = append(list, matcher.TierValue{Kind: kind, Number: number})
	}
	if len(k.m.Input.Groups) > 0 {
		add("floors", 0)
	}
	if slices.ContainsFunc(k.m.Input.Mentees, func(e matcher.MenteeInput) bool { return e.Waiting }) {
		add("waiting", 0)
	}
	for _, word := range objective {
		switch word {
		case "cover":
			add(word, 1)
		case "cover2", "cover3":
			add("cover", int(word[5]-'0'))
		case "worst":
			if threshold > 0 {
				add("below", threshold)
			}
		case "bands":
			for upper := 200; upper <= 800; upper += 200 {
				add("band", upper)
			}
		default:
			add(word, 0)
		}
	}
	return list
}

// count counts everything again from the pairs.
func (k *matchingCheck) count() error {
	m, threshold := k.m, 0
	covered, total, worst := 0, int64(0), -1
	for j := range k.pairs {
		best, has := k.bestOf(j), m.Input.Mentees[j].Has > 0
		if best >= 0 || has {
			covered++
		}
		if best < 0 {
			continue
		}
		if !has && (worst < 0 || best < worst) {
			worst = best
		}
		for _, p := range k.pairs[j] {
			total += int64(p.score)
		}
	}
	if m.Covered != covered || m.PairsTotal != len(m.Pairs) || m.Total != total || m.Worst != worst {
		return errors.New("covered, pairsTotal, total or worst is not that of the pairs")
	}
	for _, v := range m.Values {
		if v.Kind == "below" {
			threshold = v.Number
		}
	}
	decided := m.Status == matcher.Optimal || m.Status == matcher.Infeasible
	switch {
	case threshold < 0 || threshold > maxPairScore:
		return errors.New("the threshold of worst is no score")
	case decided && worst >= 0 && slices.Contains(m.Input.Objective, "worst") && threshold != worst:
		return errors.New("the threshold of worst is not the worst pair")
	}
	tiers := append(k.tiers(m.Input.Objective, threshold), matcher.TierValue{Kind: "lottery"})
	if len(tiers) > maxTiers || len(tiers) != len(m.Values) {
		return errors.New("the tiers are not those of the objective")
	}
	values := k.values(tiers, true)
	for t := range tiers {
		tiers[t].Value = values[t]
		if tiers[t] != m.Values[t] {
			return fmt.Errorf("tier %d is %s %d with %d, and the file says otherwise", t, tiers[t].Kind, tiers[t].Number, values[t])
		}
	}
	k.kept = true
	for g, x := range m.Input.Groups {
		n := 0
		for j := range k.pairs {
			if k.groupOf[j] == g && len(k.pairs[j])+m.Input.Mentees[j].Has > 0 {
				n++
			}
		}
		k.kept = k.kept && n >= x.Floor
	}
	want := k.kept
	if m.Status == matcher.Infeasible || m.Status == matcher.Undecided {
		want = !k.kept
	}
	switch {
	case m.Status != matcher.Optimal && m.Status != matcher.Feasible && m.Status != matcher.Infeasible && m.Status != matcher.Undecided:
		return errors.New("there is no such status")
	case !want:
		return errors.New("the status is not that of a matching that keeps the floors, or does not")
	}
	return nil
}

func (k *matchingCheck) bestOf(j int) int {
	best := -1
	for _, p := range k.pairs[j] {
		best = max(best, p.score)
	}
	return best
}

// values counts the tiers over all pairs, or over the locked ones alone, and what
// people have from before.
func (k *matchingCheck) values(tiers []matcher.TierValue, all bool) tuple {
	var v tuple
	in := &k.m.Input
	groups := make([]int, len(in.Groups))
	load := k.lockLoad
	if all {
		load = k.load
	}
	for j := range k.pairs {
		n, best := 0, -1
		for _, p := range k.pairs[j] {
			if !all && !p.locked {
				continue
			}
			n++
			best = max(best, p.score)
			for t, x := range tiers {
				switch x.Kind {
				case "band":
					if p.score <= x.Number {
						v[t]--
					}
				case "total":
					v[t] += int64(p.score)
					if p.standing {
						v[t] += int64(in.Stickiness)
					}
				case "lottery":
					v[t] += k.lot(j, p.mentor)
				}
			}
		}
		has := in.Mentees[j].Has
		if n += has; n == 0 {
			continue
		}
		if g := k.groupOf[j]; g >= 0 {
			groups[g]++
		}
		for t, x := range tiers {
			if x.Kind == "waiting" && in.Mentees[j].Waiting || x.Kind == "cover" && n >= x.Number {
				v[t]++
			}
			if x.Kind == "below" && has == 0 && best < x.Number {
				v[t]--
			}
		}
	}
	for t, x := range tiers {
		switch x.Kind {
		case "floors":
			for g, n := range groups {
				v[t] += int64(min(n, in.Groups[g].Floor))
			}
		case "even":
			for i, n := range load {
				for l := 1; l <= n; l++ {
					v[t] -= evenCost(l, in.Mentors[i].Seats)
				}
			}
		}
	}
	return v
}

// evenCost is what the l-th mentee of a mentor costs in the tier "even".
func evenCost(l, seats int) int64 { return int64(5040 * (2*l - 1) / seats) }

// unmatched compares the list of those without a mentor. Why they have none is not
// checked.
func (k *matchingCheck) unmatched() error {
	var want []string
	for j, e := range k.m.Input.Mentees {
		if e.Demand > 0 && len(k.pairs[j]) == 0 && e.Has == 0 {
			want = append(want, e.ID)
		}
	}
	if !slices.EqualFunc(k.m.Unmatched, want, func(u matcher.Unmatched, id string) bool { return u.Mentee == id }) {
		return errors.New("it names others")
	}
	return nil
}

// scores are the rows of all pairs that may be matched.
func (k *matchingCheck) scores(of PairScores) ([]int16, error) {
	var mentees, mentors []string
	for _, e := range k.m.Input.Mentees {
		mentees = append(mentees, e.ID)
	}
	for _, r := range k.m.Input.Mentors {
		mentors = append(mentors, r.ID)
	}
	rows, err := of(mentees, mentors)
	if err != nil {
		return nil, err
	}
	if len(rows) != len(mentees)*len(mentors) {
		return nil, errors.New("the scores are not those of the people of the file")
	}
	rows = slices.Clone(rows)
	for at := range k.outside {
		rows[at[0]*len(mentors)+at[1]] = -1
	}
	for j, id := range mentees {
		if i, ok := k.mentor[id]; ok {
			rows[j*len(mentors)+i] = -1
		}
	}
	for _, s := range rows {
		if s < -1 || s > maxPairScore {
			return nil, fmt.Errorf("a score is not from 0 to %d", maxPairScore)
		}
	}
	return rows, nil
}

// same compares the pairs and the input digest with the scores.
func (k *matchingCheck) same(rows []int16) error {
	nI := len(k.m.Input.Mentors)
	var locks [][2]string
	for n, p := range k.m.Pairs {
		if int(rows[k.mentee[p.Mentee]*nI+k.mentor[p.Mentor]]) != p.Score {
			return fmt.Errorf("the score of pair %d is another one", n)
		}
		if p.Locked {
			locks = append(locks, [2]string{p.Mentee, p.Mentor})
		}
	}
	if d := matcher.MatchingDigest(&k.m.Input, locks, k.m.Seed, func(j int) []int16 { return rows[j*nI : (j+1)*nI] }); d != k.m.InputDigest {
		return errors.New("the input digest is another one: other scores, people or rules")
	}
	return nil
}

// best checks that the bound which the prices give is what the matching attains.
func (k *matchingCheck) best(rows []int16) error {
	tiers := k.m.Values
	bound, err := k.bound(rows, tiers, &k.m.Certificate.Best)
	if err != nil {
		return err
	}
	for t, v := range tiers {
		if bound[t] != v.Value {
			return fmt.Errorf("in tier %d (%s) the prices only prove a bound of %d, and the matching has %d", t, v.Kind, bound[t], v.Value)
		}
	}
	return nil
}

// worst checks that a matching as good in the tiers before worst has, by the second
// prices, a mentee whose best pair is no better than the worst pair.
func (k *matchingCheck) worst(rows []int16) error {
	m := k.m
	if m.Worst < 0 || m.Worst == maxPairScore {
		if !m.Certificate.Worst.None() {
			return errors.New("there is nothing to prove, and yet prices")
		}
		return nil
	}
	first := m.Input.Objective[:slices.Index(m.Input.Objective, "worst")]
	tiers := append(k.tiers(first, 0), matcher.TierValue{Kind: "below", Number: m.Worst + 1})
	bound, err := k.bound(rows, tiers, &m.Certificate.Worst)
	if err != nil {
		return err
	}
	last := len(tiers) - 1
	for t := range last {
		if bound[t] != m.Values[t].Value {
			return fmt.Errorf("in tier %d (%s) the second prices only prove a bound of %d, and the matching has %d", t, tiers[t].Kind, bound[t], m.Values[t].Value)
		}
	}
	if bound[last] > -1 {
		return errors.New("the second prices leave room for a better worst pair")
	}
	return nil
}

// sum adds tuples without overflow.
type sum struct {
	high [maxTiers]int64
	low  [maxTiers]uint64
}

func (s *sum) add(v *tuple, times int64) {
	for t, x := range v {
		if x == 0 {
			continue
		}
		hi, lo := bits.Mul64(uint64(max(x, -x)), uint64(times))
		if x < 0 {
			var borrow uint64
			lo, borrow = bits.Sub64(0, lo, 0)
			hi, _ = bits.Sub64(0, hi, borrow)
		}
		var carry uint64
		s.low[t], carry = bits.Add64(s.low[t], lo, 0)
		s.high[t] += int64(hi) + int64(carry)
	}
}

// gain adds a tuple, so many times, if it is positive: if the first of its numbers
// that is not 0 is.
func (s *sum) gain(v *tuple, times int64) {
	for _, x := range v {
		if x > 0 {
			s.add(v, times)
		}
		if x != 0 {
			return
		}
	}
}

// result is the sum, if it fits.
func (s *sum) result() (v tuple, err error) {
	for t := range v {
		v[t] = int64(s.low[t])
		if s.high[t] != v[t]>>63 {
			return v, errors.New("the prices sum to more than 63 bits")
		}
	}
	return v, nil
}

// bound is what no matching that contains the locked pairs can exceed, whatever the
// prices are. With u the price of a mentee, g of a good pair of theirs, p of a
// mentor and w of a group, and x⁺ = x where x is positive and else 0, all in tuples:
//
//	value(matching) ≤ value(locked pairs) + Σ units (gain + u)⁺ + Σ groups (gain + w)⁺
//	   + Σ members (gain + u − w)⁺ + Σ mentees (good + g − u)⁺ + want·(g − u)⁺
//	   + Σ eligible pairs (value − u or g − p)⁺ + Σ seats (p − cost)⁺
//
// as the prices of a matching cancel out and every other summand is at most the one
// written here. A unit is a place of a mentee, gained by the mentees' first, second,
// … mentor, those that they have from before counted; that of a group's member
// comes through the group. Where pairs below a threshold count, a first unit loses
// 1, which the first good pair earns back.
func (k *matchingCheck) bound(rows []int16, tiers []matcher.TierValue, p *matcher.Prices) (tuple, error) {
	in := &k.m.Input
	if err := k.shape(tiers, p); err != nil {
		return tuple{}, err
	}
	var s sum
	start := k.values(tiers, false)
	s.add(&start, 1)
	threshold, below := 0, -1
	for t, x := range tiers {
		if x.Kind == "below" {
			threshold, below = x.Number, t
		}
	}
	nI := len(in.Mentors)
	size, covered := make([]int, len(in.Groups)), make([]int, len(in.Groups))
	prices := make([]tuple, nI)
	for i := range prices {
		copy(prices[i][:], p.Mentors[i])
	}
	table := k.table(tiers)
	lead, leadPrices, leadTable := k.lead(tiers, p, prices, table)
	for j, e := range in.Mentees {
		var u, g tuple
		copy(u[:], p.Mentees[j])
		want := min(e.Demand, nI) - k.locks[j]
		held := e.Has + k.locks[j]
		split := below >= 0 && e.Has == 0 && k.lockBest[j] < threshold && want > 0
		if split {
			if want > 1 {
				if len(p.Good[j]) == 0 {
					return tuple{}, fmt.Errorf("mentee %d lacks a second price", j)
				}
				copy(g[:], p.Good[j])
			} else {
				g = u
				g[below]-- // a single place is better by just what a good pair earns
			}
			x := minus(&g, &u)
			s.gain(&x, int64(want))
			x[below]++
			s.gain(&x, 1)
		}
		member := k.groupOf[j] >= 0 && held == 0 && want > 0
		if g := k.groupOf[j]; g >= 0 && held > 0 {
			covered[g]++
		}
		for rank := held + 1; rank <= held+want; rank++ {
			x := u
			for t, tier := range tiers {
				switch {
				case tier.Kind == "cover" && tier.Number == rank, tier.Kind == "waiting" && e.Waiting && rank == 1:
					x[t]++
				case tier.Kind == "below" && rank == 1:
					x[t]--
				}
			}
			if rank == 1 && member {
				var w tuple
				copy(w[:], p.Groups[k.groupOf[j]])
				x = minus(&x, &w)
				size[k.groupOf[j]]++
			}
			s.gain(&x, 1)
		}
		if want == 0 {
			continue
		}
		leadU, leadG := lead.of(&u), lead.of(&g)
		for i, score := range rows[j*nI : (j+1)*nI] {
			if score < 0 {
				continue
			}
			from, leadFrom := &u, leadU
			if split && int(score) >= threshold {
				from, leadFrom = &g, leadG
			}
			first := leadTable[score] - leadFrom - leadPrices[i]
			if first == 0 && lead.lottery {
				t := len(tiers) - 1
				first = k.lot(j, i) - from[t] - prices[i][t]
			}
			if first < 0 || first == 0 && lead.all {
				continue
			}
			if x := k.value(tiers, &table[score], j, i); !k.isLocked(j, i) {
				x = minus(&x, from)
				x = minus(&x, &prices[i])
				s.gain(&x, 1)
			}
		}
	}
	for g, x := range in.Groups {
		for n := range size[g] {
			var w tuple
			copy(w[:], p.Groups[g])
			if covered[g]+n+1 <= x.Floor {
				w[0]++
			}
			s.gain(&w, 1)
		}
	}
	for i, r := range in.Mentors {
		for l := k.lockLoad[i] + 1; l <= min(r.Seats, len(in.Mentees)); l++ {
			x := prices[i]
			for t, tier := range tiers {
				if tier.Kind == "even" {
					x[t] -= evenCost(l, r.Seats)
				}
			}
			s.gain(&x, 1)
		}
	}
	return s.result()
}

// lead packs the first tiers of a tuple into one number, to see at once that nearly
// every pair is below its prices. Where no number of a tier exceeds an eighth of
// its field, the sign of value − price − price, if it is not 0, is that of the
// tuples.
type lead struct {
	shift   [maxTiers]int
	tiers   int  // that are packed
	lottery bool // all but the lottery are
	all     bool // a pair of which nothing is left over is worth its prices
}

func (l *lead) of(v *tuple) (x int64) {
	for t, shift := range l.shift[:l.tiers] {
		x += v[t] << shift
	}
	return x
}

// lead packs as many tiers as 62 bits hold, up to the first whose value the score
// does not tell, and with it prices and table.
func (k *matchingCheck) lead(tiers []matcher.TierValue, p *matcher.Prices, prices []tuple, table *[maxPairScore + 1]tuple) (l lead, packed []int64, packedTable *[maxPairScore + 1]int64) {
	bitsLeft := 62
	for t, x := range tiers {
		if x.Kind == "lottery" || x.Kind == "total" && len(k.standing) > 0 {
			break
		}
		most := int64(0)
		for score := range table {
			most = max(most, table[score][t], -table[score][t])
		}
		for _, list := range [][][]int64{p.Mentees, p.Good, p.Mentors} {
			for _, price := range list {
				if len(price) > 0 {
					most = max(most, price[t], -price[t])
				}
			}
		}
		// One more: a single good place is better by 1 than its mentee.
		width := bits.Len64(uint64(most)+1) + 3
		if width > bitsLeft {
			break
		}
		bitsLeft -= width
		l.shift[t], l.tiers = bitsLeft, t+1
	}
	l.lottery = l.tiers == len(tiers)-1 && tiers[l.tiers].Kind == "lottery"
	l.all = l.lottery || l.tiers == len(tiers)
	packed, packedTable = make([]int64, len(prices)), &[maxPairScore + 1]int64{}
	for i := range prices {
		packed[i] = l.of(&prices[i])
	}
	for score := range table {
		packedTable[score] = l.of(&table[score])
	}
	return l, packed, packedTable
}

func minus(a, b *tuple) (c tuple) {
	for t := range c {
		c[t] = a[t] - b[t]
	}
	return c
}

// table is the value of a pair by its score, but for standing and the lottery.
func (k *matchingCheck) table(tiers []matcher.TierValue) *[maxPairScore + 1]tuple {
	table := &[maxPairScore + 1]tuple{}
	for score := range table {
		for t, x := range tiers {
			switch {
			case x.Kind == "total":
				table[score][t] = int64(score)
			case x.Kind == "band" && score <= x.Number:
				table[score][t] = -1
			}
		}
	}
	return table
}

func (k *matchingCheck) value(tiers []matcher.TierValue, v *tuple, j, i int) tuple {
	x := *v
	for t, tier := range tiers {
		switch {
		case tier.Kind == "lottery":
			x[t] = k.lot(j, i)
		case tier.Kind == "total" && len(k.standing) > 0 && k.standing[[2]int{j, i}]:
			x[t] += int64(k.m.Input.Stickiness)
		}
	}
	return x
}

func (k *matchingCheck) isLocked(j, i int) bool {
	return k.locks[j] > 0 && slices.ContainsFunc(k.pairs[j], func(p matchedAt) bool { return p.mentor == i && p.locked })
}

// shape checks that there is a price of each for everybody, and none too large.
func (k *matchingCheck) shape(tiers []matcher.TierValue, p *matcher.Prices) error {
	in := &k.m.Input
	if len(p.Mentees) != len(in.Mentees) || len(p.Good) != len(in.Mentees) || len(p.Mentors) != len(in.Mentors) || len(p.Groups) != len(in.Groups) {
		return errors.New("the prices are not one for each mentee, mentor and group")
	}
	for _, list := range []struct {
		name   string
		tuples [][]int64
		may    bool // may be empty
	}{{"mentee", p.Mentees, false}, {"mentee's good pair", p.Good, true}, {"mentor", p.Mentors, false}, {"group", p.Groups, false}} {
		for n, x := range list.tuples {
			if len(x) != len(tiers) && !(list.may && len(x) == 0) {
				return fmt.Errorf("the price of %s %d does not have a number for each tier", list.name, n)
			}
			for _, y := range x {
				if y > maxPrice || y < -maxPrice {
					return fmt.Errorf("the price of %s %d is too large", list.name, n)
				}
			}
		}
	}
	return nil
}
