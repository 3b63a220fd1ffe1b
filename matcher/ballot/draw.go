package ballot

import (
	"errors"
	"fmt"
	"slices"

	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/draw"
	"github.com/openfairlead/fairlead/matcher/selection"
)

// ErrNothingToDraw: the record has no lottery that could be drawn from.
var ErrNothingToDraw = errors.New("ballot: the record holds no lottery to draw from")

// Draw draws a cohort from the lottery of a record: the sealed one, or one that
// was drawn before, whose draw is then forgotten. Ticket of the source is
// ignored and computed. The cohort is counted from the definitions of the rules;
// should it break a condition, or not be as good as the record says, that is an
// error.
func Draw(sealed *matcher.Record, from matcher.DrawSource) (*matcher.Record, error) {
	if sealed.Status != matcher.Optimal || !sealed.Lottery.Drawable() || sealed.Certificate == nil || sealed.Certificate.Input == nil {
		return nil, ErrNothingToDraw
	}
	input := sealed.Certificate.Input
	ticket, cohort, err := Cohort(&sealed.Lottery, input.Criteria.Links, from)
	if err != nil {
		return nil, err
	}
	from.Ticket = ticket
	r := *sealed
	r.Cohort, r.Seed = cohort, from.Value
	r.Alternates = nil
	if err := selection.Recount(input.People, input.Criteria, &r.Outcome); err != nil {
		return nil, fmt.Errorf("ballot: what was drawn: %w", err)
	}
	certificate := *sealed.Certificate
	certificate.Draw = &from
	r.Certificate = &certificate
	r.Seal()
	return &r, nil
}

// FromSeed is the source of a draw on one's own files: what is sealed is the
// input, and the seed is the public value.
func FromSeed(sealed *matcher.Record, seed string) matcher.DrawSource {
	return matcher.DrawSource{Root: sealed.InputDigest, Value: seed, Attempt: 1}
}

// Cohort is the ticket that a source draws, and who it names. links are those of
// the criteria.
func Cohort(l *matcher.Lottery, links []matcher.Link, from matcher.DrawSource) (ticket int64, cohort []string, err error) {
	root, err := matcher.ParseDigest(from.Root)
	if err != nil {
		return 0, nil, fmt.Errorf("ballot: root: %w", err)
	}
	if from.Attempt < 1 {
		return 0, nil, fmt.Errorf("ballot: attempt %d: attempts count from 1", from.Attempt)
	}
	seed := draw.Seed(root, from.Value, from.Selection, from.Attempt)
	stream := draw.NewStream(seed[:])
	ticket = stream.Below(matcher.Tickets)
	line := l.At(ticket)
	if line == nil {
		return 0, nil, fmt.Errorf("ballot: the book has fewer than %d tickets", matcher.Tickets)
	}
	cohort, err = members(l, line, links, stream)
	return ticket, cohort, err
}

// members shuffles, type by type, who of the people that are alike is meant.
func members(l *matcher.Lottery, line *matcher.BookLine, links []matcher.Link, stream *draw.Stream) ([]string, error) {
	var cohort []string
	for _, c := range line.Counts {
		blocks := Blocks(l.Types[c.Type], links)
		each := int64(len(blocks[0]))
		for _, b := range blocks {
			if int64(len(b)) != each || c.Count%each != 0 {
				return nil, fmt.Errorf("ballot: type t%d: its people come in blocks of different sizes", c.Type+1)
			}
		}
		for _, k := range stream.Choose(int(c.Count/each), len(blocks)) {
			cohort = append(cohort, blocks[k]...)
		}
	}
	slices.Sort(cohort)
	return cohort, nil
}

// Blocks are the people of a type as they come: those tied together as one, in
// the order of their first ids. ids must be sorted.
func Blocks(ids []string, links []matcher.Link) [][]string {
	root := make(map[string]string, len(ids))
	for _, id := range ids {
		root[id] = id
	}
	find := func(id string) string {
		for root[id] != id {
			root[id] = root[root[id]]
			id = root[id]
		}
		return id
	}
	for _, l := range links {
		if l.Kind != matcher.Together {
			continue
		}
		for _, id := range l.IDs[1:] {
			if root[id] != "" && root[l.IDs[0]] != "" {
				a, b := find(l.IDs[0]), find(id)
				root[max(a, b)] = min(a, b)
			}
		}
	}
	at := map[string]int{}
	var blocks [][]string
	for _, id := range ids {
		r := find(id)
		if _, ok := at[r]; !ok {
			at[r] = len(blocks)
			blocks = append(blocks, nil)
		}
		blocks[at[r]] = append(blocks[at[r]], id)
	}
	return blocks
}
