package mentoring

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// frozen is the whole input of a run: what it finds depends on nothing else.
// People are by code, because the seed breaks ties by it.
type frozen struct {
	Mentees    []frozenPerson `json:"mentees"` // by code
	Mentors    []frozenPerson `json:"mentors"` // by code
	Rules      string         `json:"rules"`
	Objectives []string       `json:"objectives"`
	Locks      []frozenPair   `json:"locks"`
	Forbidden  []frozenPair   `json:"forbidden"` // declined, or made before
	Ordered    []frozenPair   `json:"ordered"`   // forbidden by a directive
	Ended      []frozenPair   `json:"ended"`     // that ended with a concern
	Audited    []string       `json:"audited,omitempty"`
	Floors     map[string]int `json:"floors,omitempty"`
	Seed       string         `json:"seed"`
	// Salt is 32 random bytes that change no result: without them the digest of
	// the input, which staff read, could be compared with guesses about cells that
	// they do not.
	Salt []byte `json:"salt,omitempty"`

	unheld int // floors about a value that nobody has; told when the pool is frozen
}

// frozenPerson holds of a person what the scores are made from, and no more: no
// name, no contact, and no trait that was not released for matching.
type frozenPerson struct {
	ID       string            `json:"id"`
	Code     string            `json:"code"`
	Places   int               `json:"places"`         // free ones
	Has      int               `json:"has,omitempty"`  // of a mentee: mentors that they have, or are proposed
	Best     int               `json:"best,omitempty"` // the best score of these pairs
	Waiting  bool              `json:"waiting,omitempty"`
	Group    string            `json:"group,omitempty"`
	Profile  map[string]string `json:"profile,omitempty"`
	Traits   []Trait           `json:"traits,omitempty"`
	Affinity []AffinityWish    `json:"affinity,omitempty"`
	Wishes   []string          `json:"wishes,omitempty"`
	Never    []string          `json:"never,omitempty"` // codes
	Erased   bool              `json:"erased,omitempty"`
}

// frozenPair names a pair by codes.
type frozenPair struct {
	Mentee string `json:"mentee"`
	Mentor string `json:"mentor"`
}

func (f *frozen) bytes() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(f)
	return b.Bytes(), err
}

func digestOf(frozen []byte) string {
	sum := sha256.Sum256(frozen)
	return "sha256:" + hex.EncodeToString(sum[:])
}

func readFrozen(text []byte) (*frozen, error) {
	f := &frozen{}
	if err := json.Unmarshal(text, f); err != nil {
		return nil, fmt.Errorf("frozen input: %w", err)
	}
	return f, nil
}

// refused reports whether one of two people declined the other for good.
func refused(a, b *Enrollment) bool {
	return slices.Contains(a.Refused, b.ID) || slices.Contains(b.Refused, a.ID)
}

// unwanted reports whether one of two people declined the other for good, or
// never wants to be matched with them.
func unwanted(a, b *Enrollment) bool {
	return refused(a, b) || slices.Contains(a.Never, b.ID) || slices.Contains(b.Never, a.ID)
}

// samePerson reports whether two enrollments are one person's: they come from
// the same application, or have the same address.
func samePerson(a, b *Enrollment) bool {
	return a.Origin != (Origin{}) && a.Origin == b.Origin ||
		a.Contact.Email != "" && strings.EqualFold(a.Contact.Email, b.Contact.Email)
}

// freeze makes the input of a run from everybody who is available now. Pairs
// that have an open proposal or a mentorship stand, and hold their places; those
// that declined, or ended, are not made again.
func freeze(ctx context.Context, tx Tx, p *Plan, m *Matching) (*frozen, error) {
	f := &frozen{Rules: p.Rules, Objectives: m.Objectives, Seed: m.Seed, Audited: p.Audited, Locks: []frozenPair{}, Forbidden: []frozenPair{}, Ended: []frozenPair{}}
	people, err := tx.Enrollments(ctx, EnrollmentQuery{Program: p.Program, States: []EnrollmentState{Available, Paused}})
	if err != nil {
		return nil, err
	}
	places, err := tx.AllPlaces(ctx, p.Program)
	if err != nil {
		return nil, err
	}
	in := map[string]*Enrollment{}
	floors := newFloorGroups(p.Floors)
	for _, e := range people {
		if e.Role == Mentee {
			floors.see(e, places[e.ID].Proposed > 0)
		}
		if e.State != Available {
			continue
		}
		free := places[e.ID].Total - places[e.ID].Proposed
		if free <= 0 || !e.agreed(ForMatching) {
			continue
		}
		in[e.ID] = e
	}
	if left := floors.left(); len(left) > 0 {
		f.Floors = left
	}
	f.unheld = floors.unheld()
	for _, e := range people {
		if in[e.ID] == nil {
			continue
		}
		has := places[e.ID].Proposed
		person := frozenPerson{
			ID: e.ID, Code: e.Code, Places: places[e.ID].Total - has,
			Profile: e.Profile, Wishes: e.Wishes, Waiting: e.Role == Mentee && e.WaitRounds > 0 && has == 0,
		}
		if e.agreed(ForAffinity) {
			person.Affinity = e.Affinity
			for _, t := range e.Traits {
				if t.Matching {
					person.Traits = append(person.Traits, t)
				}
			}
		}
		for _, id := range e.Never {
			if other := in[id]; other != nil {
				person.Never = append(person.Never, other.Code)
			}
		}
		if e.Role == Mentor {
			f.Mentors = append(f.Mentors, person)
			continue
		}
		// The certificate names groups: none that no floor asks for. Who has a mentor
		// was counted already.
		if name := floors.names[floors.of(e)]; f.Floors[name] > 0 && has == 0 {
			person.Group = name
		}
		person.Has = has
		f.Mentees = append(f.Mentees, person)
	}
	byCode := func(a, b frozenPerson) int { return strings.Compare(a.Code, b.Code) }
	slices.SortFunc(f.Mentees, byCode)
	slices.SortFunc(f.Mentors, byCode)
	return f, f.pairs(ctx, tx, p.Program, in)
}

// pairs adds what is ordered, decided or past about pairs of people who are in.
func (f *frozen) pairs(ctx context.Context, tx Tx, program string, in map[string]*Enrollment) error {
	ordered := []frozenPair{}
	forbidden, ended := map[frozenPair]bool{}, map[frozenPair]bool{}
	codes := func(menteeID, mentorID string) (frozenPair, bool) {
		a, b := in[menteeID], in[mentorID]
		if a == nil || b == nil {
			return frozenPair{}, false
		}
		return frozenPair{a.Code, b.Code}, true
	}
	// Only the few who declined somebody, or enrolled twice, are looked at.
	emails, origins := map[string]*Enrollment{}, map[Origin]*Enrollment{}
	for _, e := range in {
		if e.Role == Mentor {
			if e.Contact.Email != "" {
				emails[strings.ToLower(e.Contact.Email)] = e
			}
			if e.Origin != (Origin{}) {
				origins[e.Origin] = e
			}
		}
	}
	for _, e := range in {
		for _, id := range e.Refused {
			pair, ok := codes(e.ID, id)
			if e.Role == Mentor {
				pair, ok = codes(id, e.ID)
			}
			if ok {
				forbidden[pair] = true
			}
		}
		if e.Role == Mentor {
			continue
		}
		for _, self := range []*Enrollment{emails[strings.ToLower(e.Contact.Email)], origins[e.Origin]} {
			if self != nil && samePerson(e, self) {
				forbidden[frozenPair{e.Code, self.Code}] = true
			}
		}
	}
	proposals, err := tx.Proposals(ctx, ProposalQuery{Program: program, States: []ProposalState{Staged, Sent, Accepted, Confirmed, Declined}})
	if err != nil {
		return err
	}
	best, confirmed := map[string]int{}, map[string]int{} // scores, by mentee and by mentorship
	for _, p := range proposals {
		switch {
		case p.State == Confirmed:
			confirmed[p.Mentorship] = p.Score
		case p.State.Open():
			best[p.Mentee] = max(best[p.Mentee], p.Score)
		}
		if pair, ok := codes(p.Mentee, p.Mentor); ok {
			forbidden[pair] = true
		}
	}
	mentorships, err := tx.Mentorships(ctx, MentorshipQuery{Program: program})
	if err != nil {
		return err
	}
	for _, m := range mentorships {
		if m.State.Live() {
			best[m.Mentee] = max(best[m.Mentee], confirmed[m.ID])
		}
		pair, ok := codes(m.Mentee, m.Mentor)
		if !ok {
			continue
		}
		forbidden[pair] = true
		if m.SafeExitFrom != "" {
			ended[pair] = true
		}
	}
	for j := range f.Mentees {
		if e := &f.Mentees[j]; e.Has > 0 {
			e.Best = best[e.ID]
		}
	}
	directives, err := tx.Directives(ctx, DirectiveQuery{Program: program, InForce: true})
	if err != nil {
		return err
	}
	for _, d := range directives {
		pair, ok := codes(d.Mentee, d.Mentor)
		switch {
		case !ok:
		case d.Kind == ForbidPair:
			ordered = append(ordered, pair)
		case !forbidden[pair]: // else it stands already, or must not be again
			f.Locks = append(f.Locks, pair)
		}
	}
	f.Ordered = ordered
	for pair := range forbidden {
		f.Forbidden = append(f.Forbidden, pair)
	}
	for pair := range ended {
		f.Ended = append(f.Ended, pair)
	}
	for _, list := range [][]frozenPair{f.Locks, f.Forbidden, f.Ordered, f.Ended} {
		slices.SortFunc(list, comparePairs)
	}
	return nil
}

func comparePairs(a, b frozenPair) int {
	if c := strings.Compare(a.Mentee, b.Mentee); c != 0 {
		return c
	}
	return strings.Compare(a.Mentor, b.Mentor)
}

// person returns somebody of the input by id, or nil.
func (f *frozen) person(id string) *frozenPerson {
	if p := personIn(f.Mentees, id); p != nil {
		return p
	}
	return personIn(f.Mentors, id)
}

func personIn(list []frozenPerson, id string) *frozenPerson {
	at := slices.IndexFunc(list, func(p frozenPerson) bool { return p.ID == id })
	if at < 0 {
		return nil
	}
	return &list[at]
}
