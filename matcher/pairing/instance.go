package pairing

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
)

// A code is what the matrix holds for a pair: NotEligible, a score, or for a
// standing pair standingFrom and its score.
const (
	standingFrom = MaxScore + 1
	codes        = standingFrom + MaxScore + 2 // tables are by code + 1
)

func scoreOf(code int16) int16 {
	if code >= standingFrom {
		return code - standingFrom
	}
	return code
}

// instance is a problem with everybody sorted by id, so that the order in which
// people were listed cannot matter, and with the locked pairs taken out of it.
type instance struct {
	problem *Problem
	mentees []Mentee
	mentors []Mentor
	rowOf   []int32 // place in the problem, by mentee
	colOf   []int32

	codes  []int16 // by mentee, then mentor
	shared bool    // codes belong to the caller

	want, seats []int32 // demand and seats that the locks leave
	locks       [][]locked
	lockedSeats []int32 // by mentor
	lockBest    []int16 // the best locked score of a mentee; -1 without locks, MaxScore of who has a mentor already

	groups    []group
	groupOf   []int32 // by mentee; -1: in no group with a floor
	waiting   bool    // whether anybody is
	standing  bool    // whether a pair is
	keyMentee []uint64
	keyMentor []uint64
}

type locked struct {
	mentor int32
	code   int16
}

// group is a group with a floor.
type group struct {
	name    string
	floor   int
	members []int32 // who want a mentor and have none, nor a lock
	covered int     // by locks, and before
}

func (in *instance) nJ() int { return len(in.mentees) }
func (in *instance) nI() int { return len(in.mentors) }

func (in *instance) row(j int32) []int16 {
	n := len(in.mentors)
	return in.codes[int(j)*n : int(j)*n+n : int(j)*n+n]
}

func (in *instance) code(j, i int32) int16 { return in.codes[int(j)*len(in.mentors)+int(i)] }

// held is how many mentors a mentee has before any is found: by locks, and from
// before. The next one is that and one.
func (in *instance) held(j int32) int { return in.mentees[j].Has + len(in.locks[j]) }

// smaller is the size of the smaller side: no way through the network visits more
// mentors, or more mentees, than that and one.
func (in *instance) smaller() int { return min(in.nJ(), in.nI()) + 1 }

// turned is 0…n as two spans, the first from a place that the mentee's key says.
// Where many mentors are equal, who reads them in this order takes up others than
// everybody else does.
func (in *instance) turned(j int32, n int) [2][2]int {
	if n == 0 {
		return [2][2]int{}
	}
	from := int(in.keyMentee[j] % uint64(n))
	return [2][2]int{{from, n}, {0, from}}
}

const lotteryBits = 44

// lot is the place of a pair in the lottery.
func (in *instance) lot(j, i int32) int64 {
	return int64(splitMix(in.keyMentee[j]^in.keyMentor[i]) >> (64 - lotteryBits))
}

// splitMix is the output function of SplitMix64 (Steele, Lea, Flood 2014).
func splitMix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// lotteryKey is the first 8 bytes of SHA-256(seed ‖ 0 ‖ role ‖ 0 ‖ id).
func lotteryKey(seed, role, id string) uint64 {
	sum := sha256.Sum256([]byte(seed + "\x00" + role + "\x00" + id))
	return binary.BigEndian.Uint64(sum[:])
}

// newInstance checks a problem, sorts it and scores every pair.
func newInstance(ctx context.Context, p *Problem, tell func(done int)) (*instance, error) {
	in := &instance{problem: p}
	if err := in.people(); err != nil {
		return nil, err
	}
	if p.Scores == nil {
		return nil, &InputError{List: "scores", Message: "are missing"}
	}
	if err := in.score(ctx, tell); err != nil {
		return nil, err
	}
	if err := in.directives(); err != nil {
		return nil, err
	}
	return in, in.floors()
}

func (in *instance) people() error {
	p := in.problem
	for k, m := range p.Mentees {
		switch {
		case m.ID == "":
			return &InputError{"mentees", k, "the id is empty"}
		case m.Demand < 0 || m.Demand > MaxDemand:
			return &InputError{"mentees", k, fmt.Sprintf("%q wants %d mentors: a demand is from 0 to %d", m.ID, m.Demand, MaxDemand)}
		case m.Has < 0 || m.Has > MaxDemand:
			return &InputError{"mentees", k, fmt.Sprintf("%q has %d mentors: from 0 to %d", m.ID, m.Has, MaxDemand)}
		case m.HasScore < 0 || m.HasScore > MaxScore || m.HasScore > 0 && m.Has == 0:
			return &InputError{"mentees", k, fmt.Sprintf("%q has a mentor with a score of %d: from 0 to %d, and 0 without one", m.ID, m.HasScore, MaxScore)}
		}
	}
	for k, m := range p.Mentors {
		switch {
		case m.ID == "":
			return &InputError{"mentors", k, "the id is empty"}
		case m.Seats < 0 || m.Seats > MaxSeats:
			return &InputError{"mentors", k, fmt.Sprintf("%q has %d seats: seats are from 0 to %d", m.ID, m.Seats, MaxSeats)}
		}
	}
	in.rowOf = order(len(p.Mentees), func(k int32) string { return p.Mentees[k].ID })
	in.colOf = order(len(p.Mentors), func(k int32) string { return p.Mentors[k].ID })
	for at, k := range in.rowOf {
		m := p.Mentees[k]
		if at > 0 && in.mentees[at-1].ID == m.ID {
			return &InputError{"mentees", int(k), fmt.Sprintf("%q is listed twice", m.ID)}
		}
		in.mentees = append(in.mentees, m)
		in.keyMentee = append(in.keyMentee, lotteryKey(p.Seed, "mentee", m.ID))
		in.waiting = in.waiting || m.Waiting
	}
	for at, k := range in.colOf {
		m := p.Mentors[k]
		if at > 0 && in.mentors[at-1].ID == m.ID {
			return &InputError{"mentors", int(k), fmt.Sprintf("%q is listed twice", m.ID)}
		}
		in.mentors = append(in.mentors, m)
		in.keyMentor = append(in.keyMentor, lotteryKey(p.Seed, "mentor", m.ID))
	}
	if in.smaller() > MaxPeople {
		return &InputError{"mentors", MaxPeople, fmt.Sprintf("more than %d mentors and as many mentees cannot be matched at once", MaxPeople)}
	}
	if p.Stickiness < 0 || p.Stickiness > MaxStickiness {
		return &InputError{"stickiness", 0, fmt.Sprintf("it is %d: from 0 to %d", p.Stickiness, MaxStickiness)}
	}
	return nil
}

// order sorts places by id; equal ids stay in the order of the list.
func order(n int, id func(int32) string) []int32 {
	places := make([]int32, n)
	for k := range places {
		places[k] = int32(k)
	}
	slices.SortStableFunc(places, func(a, b int32) int { return strings.Compare(id(a), id(b)) })
	return places
}

func (in *instance) mentee(id string) (int32, bool) {
	at, ok := slices.BinarySearchFunc(in.mentees, id, func(m Mentee, id string) int { return cmp.Compare(m.ID, id) })
	return int32(at), ok
}

func (in *instance) mentor(id string) (int32, bool) {
	at, ok := slices.BinarySearchFunc(in.mentors, id, func(m Mentor, id string) int { return cmp.Compare(m.ID, id) })
	return int32(at), ok
}

// score fills the matrix, or takes the caller's if it is sorted already.
func (in *instance) score(ctx context.Context, tell func(int)) error {
	nJ, nI := in.nJ(), in.nI()
	inOrder := slices.IsSorted(in.rowOf) && slices.IsSorted(in.colOf)
	if d, ok := in.problem.Scores.(Dense); ok {
		if len(d) != nJ*nI {
			return &InputError{List: "scores", Message: fmt.Sprintf("%d scores are no matrix of %d mentees and %d mentors", len(d), nJ, nI)}
		}
		if inOrder {
			in.codes, in.shared = d, true
		}
	}
	if in.codes == nil {
		in.codes = make([]int16, nJ*nI)
	}
	faults := make([]*InputError, nJ)
	each(nJ, func(from, to int) {
		buffer := make([]int16, nI)
		for j := from; j < to; j++ {
			if ctx.Err() != nil {
				return
			}
			row := in.row(int32(j))
			if !in.shared {
				given := row
				if !inOrder {
					given = buffer
				}
				in.problem.Scores.Row(int(in.rowOf[j]), given)
				if !inOrder {
					for i, k := range in.colOf {
						row[i] = given[k]
					}
				}
			}
			for i, s := range row {
				if uint16(s+1) > MaxScore+1 {
					faults[j] = &InputError{"scores", int(in.rowOf[j]), fmt.Sprintf("the score of %q with %q is %d: scores are from 0 to %d, and %d for a pair that must not be", in.mentees[j].ID, in.mentors[i].ID, s, MaxScore, NotEligible)}
					break
				}
			}
		}
	})
	tell(nJ)
	for _, f := range faults {
		if f != nil {
			return f
		}
	}
	return nil
}

// own makes the matrix ours before it is changed.
func (in *instance) own() {
	if in.shared {
		in.codes, in.shared = slices.Clone(in.codes), false
	}
}

func (in *instance) put(j, i int32, code int16) {
	if in.code(j, i) != code {
		in.own()
		in.codes[int(j)*in.nI()+int(i)] = code
	}
}

// find looks up the people of a directive.
func (in *instance) find(list string, row int, p Pair) (j, i int32, err error) {
	j, ok := in.mentee(p.Mentee)
	if !ok {
		return 0, 0, &InputError{list, row, fmt.Sprintf("there is no mentee %q", p.Mentee)}
	}
	i, ok = in.mentor(p.Mentor)
	if !ok {
		return 0, 0, &InputError{list, row, fmt.Sprintf("there is no mentor %q", p.Mentor)}
	}
	return j, i, nil
}

// directives applies forbidden, standing and locked pairs.
func (in *instance) directives() error {
	p := in.problem
	for j := range in.mentees {
		if i, ok := in.mentor(in.mentees[j].ID); ok {
			in.put(int32(j), i, NotEligible)
		}
	}
	for row, pair := range p.Standing {
		j, i, err := in.find("standing", row, pair)
		if err != nil {
			return err
		}
		if c := in.code(j, i); c >= 0 && c < standingFrom {
			in.put(j, i, c+standingFrom)
			in.standing = true
		}
	}
	forbidden := make(map[Pair]bool, len(p.Forbidden))
	for row, pair := range p.Forbidden {
		j, i, err := in.find("forbidden", row, pair)
		if err != nil {
			return err
		}
		forbidden[pair] = true
		in.put(j, i, NotEligible)
	}
	in.locks, in.lockBest = make([][]locked, in.nJ()), make([]int16, in.nJ())
	in.want, in.seats = make([]int32, in.nJ()), make([]int32, in.nI())
	in.lockedSeats = make([]int32, in.nI())
	for j, m := range in.mentees {
		in.want[j], in.lockBest[j] = int32(min(m.Demand, in.nI())), -1
		if m.Has > 0 {
			in.lockBest[j] = MaxScore
		}
	}
	for i, m := range in.mentors {
		in.seats[i] = int32(min(m.Seats, in.nJ()))
	}
	seen := make(map[Pair]bool, len(p.Locks))
	for row, pair := range p.Locks {
		refuse := func(format string, args ...any) error {
			return &InputError{"locks", row, fmt.Sprintf(format, args...)}
		}
		j, i, err := in.find("locks", row, pair)
		if err != nil {
			return err
		}
		code := in.code(j, i)
		switch {
		case pair.Mentee == pair.Mentor:
			return refuse("%q cannot be matched to themself", pair.Mentee)
		case seen[pair]:
			return refuse("the pair of %q and %q is locked twice", pair.Mentee, pair.Mentor)
		case forbidden[pair]:
			return refuse("the pair of %q and %q is forbidden too: keep one of the two", pair.Mentee, pair.Mentor)
		case code == NotEligible:
			return refuse("the pair of %q and %q is not eligible: it has no score", pair.Mentee, pair.Mentor)
		case in.want[j] == 0:
			return refuse("more pairs of %q are locked than the %d mentors they want", pair.Mentee, in.mentees[j].Demand)
		case in.seats[i] == 0:
			return refuse("more pairs of %q are locked than their %d seats", pair.Mentor, in.mentors[i].Seats)
		}
		seen[pair] = true
		in.want[j]--
		in.seats[i]--
		in.lockedSeats[i]++
		in.locks[j] = append(in.locks[j], locked{i, code})
		in.lockBest[j] = max(in.lockBest[j], scoreOf(code))
	}
	for j, list := range in.locks {
		for _, l := range list {
			in.put(int32(j), l.mentor, NotEligible)
		}
	}
	return nil
}

func (in *instance) floors() error {
	in.groupOf = make([]int32, in.nJ())
	for j := range in.groupOf {
		in.groupOf[j] = -1
	}
	byName := map[string]int32{}
	for row, f := range in.problem.Floors {
		refuse := func(format string, args ...any) error {
			return &InputError{"floors", row, fmt.Sprintf(format, args...)}
		}
		size := 0
		for _, m := range in.mentees {
			if m.Group == f.Group {
				size++
			}
		}
		_, twice := byName[f.Group]
		switch {
		case f.Group == "" || size == 0:
			return refuse("no mentee is in the group %q", f.Group)
		case twice:
			return refuse("the group %q has two floors: keep one of them", f.Group)
		case f.Covered < 0 || f.Covered > size:
			return refuse("%d of the group %q cannot be covered: it has %d mentees", f.Covered, f.Group, size)
		}
		byName[f.Group] = int32(len(in.groups))
		in.groups = append(in.groups, group{name: f.Group, floor: f.Covered})
	}
	// By name, so that the order of the list does not matter.
	slices.SortFunc(in.groups, func(a, b group) int { return strings.Compare(a.name, b.name) })
	for g := range in.groups {
		byName[in.groups[g].name] = int32(g)
	}
	for j, m := range in.mentees {
		g, ok := byName[m.Group]
		if !ok {
			continue
		}
		switch {
		case in.held(int32(j)) > 0:
			in.groups[g].covered++
		case in.want[j] > 0:
			in.groupOf[j] = g
			in.groups[g].members = append(in.groups[g].members, int32(j))
		}
	}
	return nil
}

// each cuts 0…n into one part for each processor. Parts write to places of their
// own, so that the result does not depend on how many there are.
func each(n int, part func(from, to int)) {
	workers := min(runtime.GOMAXPROCS(0), n/64+1)
	if workers == 1 {
		part(0, n)
		return
	}
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() { part(w*n/workers, (w+1)*n/workers) })
	}
	all.Wait()
}
