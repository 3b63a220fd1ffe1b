package introductions

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// frozen is the whole input of a round: what it finds depends on nothing else.
// People are by code, because the seed breaks ties by it.
type frozen struct {
	People    []frozenPerson `json:"people"` // by code
	Min       int            `json:"min"`
	Max       int            `json:"max"`
	Different []string       `json:"different,omitempty"`
	Points    []Points       `json:"points,omitempty"`
	Spread    []string       `json:"spread,omitempty"`
	Met       []frozenPair   `json:"met"`
	// Never are pairs of whom one never wants to meet the other. No result tells
	// them from others.
	Never  []frozenPair `json:"never"`
	Absent []Absent     `json:"absent"`
	Seed   string       `json:"seed"`
	// Salt is 32 random bytes that change no result: without them the digest of
	// the input, which staff read, could be compared with guesses about who never
	// wants to meet whom.
	Salt []byte `json:"salt"`
}

// frozenPerson holds of a person what the groups are made from, and no more: no
// name, no contact, and of the profile what the network's rules name.
type frozenPerson struct {
	ID      string            `json:"id"`
	Code    string            `json:"code"`
	Waited  int               `json:"waited,omitempty"`
	Skipped int               `json:"skipped,omitempty"`
	Profile map[string]string `json:"profile,omitempty"`
	Erased  bool              `json:"erased,omitempty"`
}

// frozenPair are places in People, the smaller first.
type frozenPair [2]int

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

// freeze makes the input of a round from everybody who takes part now. Whoever was
// in an introduction with somebody, however it ended, has met them: no pair puts
// them together again, and circles avoid it.
func freeze(ctx context.Context, tx Tx, n *Network, seed string, now time.Time) (*frozen, error) {
	f := &frozen{
		Min: n.MinSize, Max: n.MaxSize, Different: n.Different, Points: n.Points, Spread: n.Spread,
		People: []frozenPerson{}, Met: []frozenPair{}, Never: []frozenPair{}, Absent: []Absent{}, Seed: seed,
	}
	members, err := tx.Members(ctx, MemberQuery{Program: n.Program, Network: n.ID})
	if err != nil {
		return nil, err
	}
	open, err := tx.InOpen(ctx, n.Program, n.ID)
	if err != nil {
		return nil, err
	}
	used := slices.Concat(n.Different, n.Spread)
	for _, p := range n.Points {
		used = append(used, p.Attribute)
	}
	absent := map[AbsentReason]int{}
	var in []*Member
	for _, m := range members {
		if m.Erased {
			continue
		}
		if why := m.absence(open, now); why != "" {
			absent[why]++
			continue
		}
		in = append(in, m)
	}
	slices.SortFunc(in, func(a, b *Member) int { return strings.Compare(a.Code, b.Code) })
	at := make(map[string]int, len(in))
	for i, m := range in {
		at[m.ID] = i
		p := frozenPerson{ID: m.ID, Code: m.Code, Waited: m.Waited, Skipped: m.Skipped, Profile: map[string]string{}}
		for _, column := range used {
			if cell := m.Profile[column]; cell != "" {
				p.Profile[column] = cell
			}
		}
		f.People = append(f.People, p)
	}
	for _, m := range in {
		for _, id := range slices.Concat(m.Never, m.Refused) {
			if other, there := at[id]; there {
				f.Never = append(f.Never, pairOf(at[m.ID], other))
			}
		}
	}
	past, err := tx.Met(ctx, n.Program, n.ID)
	if err != nil {
		return nil, err
	}
	for _, group := range past {
		for i, a := range group {
			for _, b := range group[i+1:] {
				x, okX := at[a]
				y, okY := at[b]
				if okX && okY {
					f.Met = append(f.Met, pairOf(x, y))
				}
			}
		}
	}
	f.Never, f.Met = inOrder(f.Never), inOrder(f.Met)
	for _, why := range []AbsentReason{IsPaused, NotAgreed, IsResting, AnswerOpen} {
		if absent[why] > 0 {
			f.Absent = append(f.Absent, Absent{why, absent[why]})
		}
	}
	return f, nil
}

// absence is why a member takes no part now, or "". open are those whose
// introduction waits for answers, ascending.
func (m *Member) absence(open []string, now time.Time) AbsentReason {
	_, waits := slices.BinarySearch(open, m.ID)
	switch {
	case !m.Agreed:
		return NotAgreed
	case m.Paused:
		return IsPaused
	case waits:
		return AnswerOpen
	case m.RestDays > 0 && !m.IntroduceTime.IsZero() && now.Before(m.IntroduceTime.AddDate(0, 0, m.RestDays)):
		return IsResting
	}
	return ""
}

func pairOf(a, b int) frozenPair { return frozenPair{min(a, b), max(a, b)} }

func inOrder(pairs []frozenPair) []frozenPair {
	slices.SortFunc(pairs, func(a, b frozenPair) int { return slices.Compare(a[:], b[:]) })
	return slices.Compact(pairs)
}
