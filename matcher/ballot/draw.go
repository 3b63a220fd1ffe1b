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
// should it not be as good as the record says, that is an error.
func Draw(sealed *matcher.Record, from matcher.DrawSource) (*matcher.Record, error) {
	if !sealed.Lottery.Drawable() || sealed.Certificate == nil || sealed.Certificate.Input == nil {
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
	if err := count(&r, input); err != nil {
		return nil, err
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

// count fills in what the cohort is, counted from the definitions, and compares
// it with what was proved before the draw.
func count(r *matcher.Record, input *matcher.Input) error {
	c := &input.Criteria
	r.Rules = selection.Count(input.People, *c, r.Cohort)
	if r.Size.Got = len(r.Cohort); r.Size.Got != r.Size.Bound {
		return fmt.Errorf("ballot: the cohort has %d people, not the %d that are possible", r.Size.Got, r.Size.Bound)
	}
	var deviation [matcher.MaxPriority + 1]int64
	for i, n := range r.Rules {
		deviation[n.Priority] += int64(c.Rules[i].Weight) * int64(n.Short+n.Over)
		if n.Priority == matcher.Must && n.Short+n.Over > 0 {
			return fmt.Errorf("ballot: the cohort does not keep rule %d, which must hold", n.Row)
		}
	}
	r.Deviation = slices.Clone(r.Deviation)
	for i := range r.Deviation {
		d := &r.Deviation[i]
		d.Value = deviation[d.Priority]
		if d.Value < d.Bound.Bound || d.Value > d.Bound.Bound+c.Allow[d.Priority] {
			return fmt.Errorf("ballot: the cohort's deviation of priority %d is %d, and the best is %d", d.Priority, d.Value, d.Bound.Bound)
		}
	}
	total := int64(0)
	for _, id := range r.Cohort {
		total += int64(c.Scores[id])
	}
	if r.Score.Value = total; total != r.Score.Bound {
		return fmt.Errorf("ballot: the cohort's score is %d, and the best is %d", total, r.Score.Bound)
	}
	for _, id := range c.Include {
		if !slices.Contains(r.Cohort, id) {
			return errors.New("ballot: the cohort lacks somebody who is included by name")
		}
	}
	return nil
}
