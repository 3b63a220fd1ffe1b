package introductions

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"

	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/internal/calls"
	"github.com/openfairlead/fairlead/internal/filter"
	"github.com/openfairlead/fairlead/internal/listing"
	"github.com/openfairlead/fairlead/internal/problem"
	"github.com/openfairlead/fairlead/internal/words"
	"github.com/openfairlead/fairlead/matcher/peers"
)

// CreateNetwork makes a network. Sizes of 0 are pairs, an answer time of 0 is 14
// days.
func (s *Service) CreateNetwork(ctx context.Context, who access.Principal, n *Network, idem Idempotency) (*Network, error) {
	if err := calls.Need(who, access.MatchingsRun, n.Program); err != nil {
		return nil, err
	}
	clean, err := cleanNetwork(n)
	if err != nil {
		return nil, err
	}
	return once(ctx, s, who, n.Program, "CreateNetwork", idem, func(tx Tx) (*Network, string, error) {
		if err := tx.HasProgram(ctx, n.Program); err != nil {
			return nil, "", err
		}
		made := *clean
		made.Revision, made.Rounds = 0, 0
		made.CreateTime = s.now()
		made.UpdateTime = made.CreateTime
		if err := tx.InsertNetwork(ctx, &made); err != nil {
			return nil, "", err
		}
		return &made, made.ID, tx.AppendEvents(ctx, s.event(who, "network.create", made.name(), "", ""))
	})
}

// UpdateNetwork changes what is set of a network; n is the whole of it. Rounds
// that were frozen before keep what they have.
func (s *Service) UpdateNetwork(ctx context.Context, who access.Principal, n *Network, idem Idempotency) (*Network, error) {
	if err := calls.Need(who, access.MatchingsRun, n.Program); err != nil {
		return nil, err
	}
	clean, err := cleanNetwork(n)
	if err != nil {
		return nil, err
	}
	return once(ctx, s, who, n.Program, "UpdateNetwork", idem, func(tx Tx) (*Network, string, error) {
		stored, err := tx.Network(ctx, n.Program, n.ID)
		if err != nil {
			return nil, "", err
		}
		if err := calls.SameRevision(n.Revision, stored.Revision); err != nil {
			return nil, "", err
		}
		kept := *clean
		kept.Revision, kept.Rounds, kept.CreateTime, kept.UpdateTime = stored.Revision, stored.Rounds, stored.CreateTime, s.now()
		if err := tx.UpdateNetwork(ctx, &kept); err != nil {
			return nil, "", err
		}
		return &kept, kept.ID, tx.AppendEvents(ctx, s.event(who, "network.update", kept.name(), "", ""))
	})
}

// Network returns a network: to staff with MatchingsRead, and to its members,
// who see by what they are put together.
func (s *Service) Network(ctx context.Context, who access.Principal, program, id string) (*Network, error) {
	if !isOwn(who, program, id) {
		if err := calls.Need(who, access.MatchingsRead, program); err != nil {
			return nil, err
		}
	}
	var n *Network
	err := s.Store.View(ctx, func(tx Tx) (err error) {
		n, err = tx.Network(ctx, program, id)
		return err
	})
	return n, err
}

// Networks lists a program's networks, by id.
func (s *Service) Networks(ctx context.Context, who access.Principal, program string, q ListQuery) (*ListPage[*Network], error) {
	if err := calls.Need(who, access.MatchingsRead, program); err != nil {
		return nil, err
	}
	none := func(*Network, string) filter.Value { return filter.Value{} }
	l, err := listing.New(q, nil, none, "name")
	if err != nil {
		return nil, err
	}
	var page *ListPage[*Network]
	err = s.Store.View(ctx, func(tx Tx) error {
		if err := tx.HasProgram(ctx, program); err != nil {
			return err
		}
		page, err = l.Page(func(n *Network) string { return n.ID }, func(n *Network) *Network { return n }, func(after string) ([]*Network, error) {
			return tx.Networks(ctx, program, after, l.Descending, listing.Batch)
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	return page, nil
}

var networkID = regexp.MustCompile(`^[a-z][a-z0-9-]{2,62}$`)

func cleanNetwork(given *Network) (*Network, error) {
	n := *given
	var bad []Violation
	wrong := func(field, format string, args ...any) {
		bad = append(bad, Violation{Field: field, Message: fmt.Sprintf(format, args...)})
	}
	if !networkID.MatchString(n.ID) {
		wrong("network_id", `3 to 63 of a-z, 0-9 and "-", beginning with a letter`)
	}
	n.Title = map[string]string{}
	for _, language := range slices.Sorted(maps.Keys(given.Title)) {
		title, why := words.Clean(given.Title[language], false, 200)
		if why != "" {
			wrong("title."+language, "%s", why)
		}
		if title != "" {
			n.Title[language] = title
		}
	}
	if n.MinSize == 0 {
		n.MinSize = 2
	}
	if n.MaxSize == 0 {
		n.MaxSize = max(2, n.MinSize)
	}
	switch {
	case n.MinSize < 2 || n.MinSize > mostSize:
		wrong("min_group_size", "from 2 to %d", mostSize)
	case n.MaxSize < n.MinSize || n.MaxSize > mostSize:
		wrong("max_group_size", "from min_group_size to %d", mostSize)
	}
	n.Different, n.Spread, n.Shown = columns("different", given.Different, mostDifferent, wrong), columns("spread", given.Spread, mostDifferent, wrong), columns("shown", given.Shown, mostShown, wrong)
	n.Points = nil
	if len(given.Points) > mostPoints {
		wrong("points", "at most %d", mostPoints)
	}
	for i, p := range given.Points {
		at := fmt.Sprintf("points[%d]", i)
		key, why := column(p.Attribute)
		switch {
		case why != "":
			wrong(at+".attribute", "%s", why)
		case p.Points < 0 || p.Points > peers.MaxScore:
			wrong(at+".points", "from 0 to %d", peers.MaxScore)
		case slices.ContainsFunc(n.Points, func(o Points) bool { return o.Attribute == key && o.Unlike == p.Unlike }):
			wrong(at+".attribute", "this column is there twice")
		}
		n.Points = append(n.Points, Points{Attribute: key, Points: p.Points, Unlike: p.Unlike})
	}
	if n.Pairs() && len(n.Spread) > 0 {
		wrong("spread", "is for circles: pairs take points")
	}
	if !n.Pairs() && len(n.Points) > 0 {
		wrong("points", "are for pairs: circles take different and spread")
	}
	if n.AnswerTime == 0 {
		n.AnswerTime = usualReply
	}
	if n.AnswerTime < shortestReply || n.AnswerTime > longestReply {
		wrong("answer_time", "from an hour to 90 days")
	}
	if len(bad) > 0 {
		return nil, problem.Invalid("NETWORK_INVALID", "the network cannot be kept like this", bad...)
	}
	return &n, nil
}

func columns(field string, given []string, most int, wrong func(field, format string, args ...any)) []string {
	if len(given) > most {
		wrong(field, "at most %d", most)
		return nil
	}
	var kept []string
	for i, c := range given {
		key, why := column(c)
		switch {
		case why != "":
			wrong(fmt.Sprintf("%s[%d]", field, i), "%s", why)
		case slices.Contains(kept, key):
			wrong(fmt.Sprintf("%s[%d]", field, i), "this column is there twice")
		}
		kept = append(kept, key)
	}
	return kept
}
