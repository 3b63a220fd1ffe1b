package introductions

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/internal/calls"
	"github.com/openfairlead/fairlead/internal/filter"
	"github.com/openfairlead/fairlead/internal/listing"
	"github.com/openfairlead/fairlead/internal/problem"
	"github.com/openfairlead/fairlead/internal/words"
)

// CreateMember adds a member, as staff who say how they agreed.
func (s *Service) CreateMember(ctx context.Context, who access.Principal, m *Member, reason string, idem Idempotency) (*Member, error) {
	if err := calls.Need(who, access.MatchingsRun, m.Program); err != nil {
		return nil, err
	}
	reason, err := calls.OnBehalf(false, reason)
	if err != nil {
		return nil, err
	}
	return once(ctx, s, who, m.Program, "CreateMember", idem, func(tx Tx) (*Member, string, error) {
		if _, err := tx.Network(ctx, m.Program, m.Network); err != nil {
			return nil, "", err
		}
		first, err := tx.NextMember(ctx, m.Program, m.Network, 1)
		if err != nil {
			return nil, "", err
		}
		made, err := s.join(ctx, tx, who, m, first)
		if err != nil {
			return nil, "", err
		}
		return made.shownTo(who, true), made.ID, tx.AppendEvents(ctx, s.event(who, "member.create", made.name(), reason, ""))
	})
}

// ImportMembers adds many members at once, all or none, as staff who say how
// they agreed, and returns how many.
func (s *Service) ImportMembers(ctx context.Context, who access.Principal, program, network string, list []*Member, reason string, idem Idempotency) (int, error) {
	if err := calls.Need(who, access.MatchingsRun, program); err != nil {
		return 0, err
	}
	reason, err := calls.Reason(reason)
	if err != nil {
		return 0, err
	}
	if len(list) > mostImported {
		return 0, problem.Invalid("IMPORT_INVALID", "the list cannot be imported like this", Violation{Field: "members", Message: fmt.Sprintf("at most %d at once", mostImported)})
	}
	return once(ctx, s, who, program, "ImportMembers", idem, func(tx Tx) (int, string, error) {
		if _, err := tx.Network(ctx, program, network); err != nil {
			return 0, "", err
		}
		first, err := tx.NextMember(ctx, program, network, len(list))
		if err != nil {
			return 0, "", err
		}
		var bad []Violation
		rows := map[string]int{}
		events := make([]Event, 0, len(list))
		for i, m := range list {
			row := *m
			row.Program, row.Network = program, network
			if before := rows[m.Reference]; before > 0 && m.Reference != "" {
				bad = append(bad, Violation{Field: fmt.Sprintf("row %d, reference", i+1), Message: fmt.Sprintf("row %d has the same", before)})
				continue
			}
			rows[m.Reference] = i + 1
			made, err := s.join(ctx, tx, who, &row, first+i)
			var ours *Error
			switch {
			case err == nil:
				events = append(events, s.event(who, "member.create", made.name(), reason, ""))
			case asError(err, &ours) && ours.Code == problem.InvalidArgument:
				for _, v := range ours.Violations {
					bad = append(bad, Violation{Field: fmt.Sprintf("row %d, %s", i+1, v.Field), Message: v.Message})
				}
			case asError(err, &ours) && ours.Code == problem.AlreadyExists:
				bad = append(bad, Violation{Field: fmt.Sprintf("row %d, reference", i+1), Message: "somebody with this reference is in the network already"})
			default:
				return 0, "", err
			}
			const enough = 100
			if len(bad) >= enough {
				break
			}
		}
		if len(bad) > 0 {
			return 0, "", problem.Invalid("IMPORT_INVALID", "nothing was imported", bad...)
		}
		return len(list), network, tx.AppendEvents(ctx, events...)
	})
}

// labelReference is the label of the key that references are told apart by: a
// stolen database confirms no guess at one.
const labelReference = "member reference"

// join stores one new member.
func (s *Service) join(ctx context.Context, tx Tx, who access.Principal, given *Member, number int) (*Member, error) {
	now := s.now()
	m := &Member{
		Program: given.Program, Network: given.Network, ID: s.NewID(), Code: fmt.Sprintf("NM-%05d", number), OnBehalf: who.Subject,
		TokenGeneration: 1, CreateTime: now, UpdateTime: now,
	}
	var bad []Violation
	var why string
	if m.Reference, why = words.Clean(given.Reference, false, 100); why != "" {
		bad = append(bad, Violation{Field: "reference", Message: why})
	}
	if len(given.Never) > 0 {
		bad = append(bad, Violation{Field: "never", Message: "only the person says whom they never want to meet, with a token of their own"})
	}
	bad = append(bad, s.take(m, given, []string{"contact", "profile", "agreed", "paused", "rest_days"})...)
	bad = append(bad, m.reachable()...)
	if len(bad) > 0 {
		return nil, problem.Invalid("MEMBER_INVALID", "the member cannot be kept like this", bad...)
	}
	var reference []byte
	if m.Reference != "" {
		reference = s.Secrets.MAC(labelReference, []byte(m.Program+"\x00"+m.Network+"\x00"+m.Reference))
	}
	return m, tx.InsertMember(ctx, m, reference)
}

// memberFields are what an update may name.
var memberFields = []string{"contact", "profile", "agreed", "paused", "rest_days", "never"}

// take puts the named fields of what was given into a member, cleaned.
func (s *Service) take(m, given *Member, fields []string) []Violation {
	var bad []Violation
	wrong := func(field, format string, args ...any) {
		bad = append(bad, Violation{Field: field, Message: fmt.Sprintf(format, args...)})
	}
	clean := func(field, text string, lines bool, most int) string {
		text, why := words.Clean(text, lines, most)
		if why != "" {
			wrong(field, "%s", why)
		}
		return text
	}
	for _, field := range fields {
		switch field {
		case "contact":
			c := given.Contact
			m.Contact = Contact{
				Name: clean("contact.name", c.Name, false, 200), Goes: clean("contact.preferred_name", c.Goes, false, 200),
				Email: clean("contact.email", c.Email, false, 254), Phone: clean("contact.phone", c.Phone, false, 40),
			}
			if m.Contact.Email != "" && !words.Email(m.Contact.Email) {
				wrong("contact.email", "this does not look like an e-mail address; it has the form name@example.org")
			}
			if m.Contact.Phone != "" && !words.Phone(m.Contact.Phone) {
				wrong("contact.phone", "this does not look like a telephone number; write it with its digits, for example 360-555-0100")
			}
		case "profile":
			bad = append(bad, m.takeProfile(given.Profile, clean)...)
		case "agreed":
			if m.Agreed != given.Agreed || m.AgreeTime.IsZero() && given.Agreed {
				m.Agreed, m.AgreeTime = given.Agreed, s.now()
			}
		case "paused":
			m.Paused = given.Paused
		case "rest_days":
			if m.RestDays = given.RestDays; m.RestDays < 0 || m.RestDays > mostRest {
				wrong("rest_days", "from 0 to %d", mostRest)
			}
		case "never": // see UpdateMember
		default:
			wrong("update_mask", "there is no field %.40q that can be changed", field)
		}
	}
	return bad
}

func (m *Member) takeProfile(given map[string]string, clean func(field, text string, lines bool, most int) string) []Violation {
	if len(given) > mostColumns {
		return []Violation{{Field: "profile", Message: fmt.Sprintf("at most %d answers", mostColumns)}}
	}
	var bad []Violation
	m.Profile = map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if !utf8.ValidString(name) {
			bad = append(bad, Violation{Field: "profile", Message: "names of columns are UTF-8 text"})
			continue
		}
		key, why := column(name)
		if why != "" {
			bad = append(bad, Violation{Field: "profile." + name, Message: why})
			continue
		}
		cell := clean("profile."+name, given[name], true, longestCell)
		if _, twice := m.Profile[key]; twice {
			bad = append(bad, Violation{Field: "profile." + name, Message: "this column is there twice"})
		}
		if answers := len(values(cell)); answers > 0 && refuses(cell) {
			bad = append(bad, Violation{Field: "profile." + name, Message: "holds an answer and a refusal to answer: keep one of the two"})
		}
		if cell != "" {
			m.Profile[key] = cell
		}
	}
	return bad
}

// refuses reports whether a cell holds a refusal to answer.
func refuses(cell string) bool {
	for part := range strings.SplitSeq(cell, ";") {
		if declines[words.Fold(strings.TrimSpace(part))] {
			return true
		}
	}
	return false
}

// reachable is what is missing of who agreed to be introduced.
func (m *Member) reachable() []Violation {
	if !m.Agreed {
		return nil
	}
	var bad []Violation
	if m.Contact.Name == "" {
		bad = append(bad, Violation{Field: "contact.name", Message: "without a name nobody can be introduced"})
	}
	if m.Contact.Email == "" && m.Contact.Phone == "" {
		bad = append(bad, Violation{Field: "contact.email", Message: "an e-mail address or a telephone number: who agrees to be introduced has to be reached"})
	}
	return bad
}

// load reads the network, which makes changes of it take turns, and a member who
// is there.
func (s *Service) load(ctx context.Context, tx Tx, program, network, id string) (*Member, error) {
	if _, err := tx.Network(ctx, program, network); err != nil {
		return nil, err
	}
	m, err := tx.Member(ctx, program, network, id)
	if err == nil && m.Erased {
		err = problem.Errorf(problem.FailedPrecondition, "MEMBER_ERASED", "this member was erased: nothing of them can be changed")
	}
	return m, err
}

// UpdateMember changes the named fields (nil: all) of one's own membership, or,
// with a reason, of somebody's. Whom somebody never wants to meet only they
// change, and only they agree: staff may only take that back.
func (s *Service) UpdateMember(ctx context.Context, who access.Principal, m *Member, fields []string, onBehalfReason string, idem Idempotency) (*Member, error) {
	if err := mayTouch(who, access.MatchingsRun, m.Program, m.Network, m.ID); err != nil {
		return nil, err
	}
	own := who.MemberOf(m.Program, m.Network, m.ID)
	reason, err := calls.OnBehalf(own, onBehalfReason)
	if err != nil {
		return nil, err
	}
	if fields == nil {
		fields = slices.Clone(memberFields)
		if !own {
			fields = slices.DeleteFunc(fields, func(f string) bool { return f == "never" })
		}
	}
	if !own && slices.Contains(fields, "never") {
		return nil, problem.Errorf(problem.PermissionDenied, "OWNER_ONLY", "only the person may change never")
	}
	return once(ctx, s, who, m.Program, "UpdateMember", idem, func(tx Tx) (*Member, string, error) {
		stored, err := s.load(ctx, tx, m.Program, m.Network, m.ID)
		if err != nil {
			return nil, "", err
		}
		if err := calls.SameRevision(m.Revision, stored.Revision); err != nil {
			return nil, "", err
		}
		if !own && slices.Contains(fields, "agreed") && m.Agreed && !stored.Agreed {
			return nil, "", problem.Errorf(problem.PermissionDenied, "OWNER_ONLY", "only the person may agree, with a token of their own")
		}
		bad := s.take(stored, m, fields)
		if slices.Contains(fields, "never") {
			wrong, err := takeNever(ctx, tx, stored, m.Never)
			if err != nil {
				return nil, "", err
			}
			bad = append(bad, wrong...)
		}
		if bad = append(bad, stored.reachable()...); len(bad) > 0 {
			return nil, "", problem.Invalid("MEMBER_INVALID", "the member cannot be kept like this", bad...)
		}
		stored.UpdateTime = s.now()
		if err := tx.UpdateMember(ctx, stored); err != nil {
			return nil, "", err
		}
		shown := slices.Sorted(slices.Values(fields))
		for i := range shown {
			if shown[i] == "never" {
				shown[i] = "private" // as a mentoring enrollment's; staff see the new etag anyway
			}
		}
		return stored.shownTo(who, true), stored.ID, tx.AppendEvents(ctx, s.event(who, "member.update", stored.name(), reason, fmt.Sprintf("fields=%v", shown)))
	})
}

// takeNever keeps a short list of ids of other members.
func takeNever(ctx context.Context, tx Tx, m *Member, never []string) ([]Violation, error) {
	if len(never) > mostNever {
		return []Violation{{Field: "never", Message: fmt.Sprintf("at most %d people; talk to the people of the program if there are more", mostNever)}}, nil
	}
	var bad []Violation
	m.Never = nil
	for i, id := range never {
		_, err := tx.Member(ctx, m.Program, m.Network, id)
		switch {
		case problem.CodeOf(err) == problem.NotFound || id == m.ID:
			bad = append(bad, Violation{Field: fmt.Sprintf("never[%d]", i), Message: "there is no such other member"})
		case err != nil:
			return nil, err
		case !slices.Contains(m.Never, id):
			m.Never = append(m.Never, id)
		}
	}
	return bad, nil
}

// Member returns one's own membership, or any with MatchingsRead; with
// MatchingsRun also its contact, which is recorded.
func (s *Service) Member(ctx context.Context, who access.Principal, program, network, id string) (*Member, error) {
	if err := mayTouch(who, access.MatchingsRead, program, network, id); err != nil {
		return nil, err
	}
	var m *Member
	err := s.Store.View(ctx, func(tx Tx) (err error) {
		m, err = tx.Member(ctx, program, network, id)
		return err
	})
	if err != nil {
		return nil, err
	}
	withContact := !who.MemberOf(program, network, id) && who.Can(access.MatchingsRun, program) && !m.Erased
	if withContact {
		err := s.Store.Update(ctx, func(tx Tx) error {
			return tx.AppendEvents(ctx, s.event(who, "identity.read", m.name(), "", "contact"))
		})
		if err != nil {
			return nil, err
		}
	}
	return m.shownTo(who, withContact), nil
}

// shownTo is what the caller sees of a member. Nobody but its owner sees whom
// they never want to meet; the contact is in no list.
func (m *Member) shownTo(who access.Principal, withContact bool) *Member {
	r := *m
	r.Refused = nil
	if who.MemberOf(m.Program, m.Network, m.ID) {
		r.OnBehalf = ""
		return &r
	}
	if !withContact {
		r.Contact = Contact{}
	}
	r.Never = nil
	return &r
}

var memberFilters = []filter.Field{
	{Name: "code", Type: filter.String},
	{Name: "agreed", Type: filter.Bool},
	{Name: "paused", Type: filter.Bool},
	{Name: "erased", Type: filter.Bool},
	{Name: "waited_count", Type: filter.Int},
	{Name: "skipped_count", Type: filter.Int},
	{Name: "create_time", Type: filter.Time},
	{Name: "update_time", Type: filter.Time},
	{Name: "introduce_time", Type: filter.Time},
}

func memberValue(m *Member, field string) filter.Value {
	switch field {
	case "code":
		return listing.Text(m.Code)
	case "agreed":
		return filter.Value{Present: true, Bool: m.Agreed}
	case "paused":
		return filter.Value{Present: true, Bool: m.Paused}
	case "erased":
		return filter.Value{Present: true, Bool: m.Erased}
	case "waited_count":
		return filter.Value{Present: true, Int: int64(m.Waited)}
	case "skipped_count":
		return filter.Value{Present: true, Int: int64(m.Skipped)}
	case "create_time":
		return listing.Time(m.CreateTime)
	case "update_time":
		return listing.Time(m.UpdateTime)
	case "introduce_time":
		return listing.Time(m.IntroduceTime)
	}
	return filter.Value{}
}

// Members lists a network's members in the order in which they were added,
// without anybody's contact.
func (s *Service) Members(ctx context.Context, who access.Principal, program, network string, q ListQuery) (*ListPage[*Member], error) {
	if err := calls.Need(who, access.MatchingsRead, program); err != nil {
		return nil, err
	}
	l, err := listing.New(q, memberFilters, memberValue, "create_time")
	if err != nil {
		return nil, err
	}
	var page *ListPage[*Member]
	err = s.Store.View(ctx, func(tx Tx) error {
		if _, err := tx.Network(ctx, program, network); err != nil {
			return err
		}
		id, show := func(m *Member) string { return m.ID }, func(m *Member) *Member { return m.shownTo(who, false) }
		page, err = l.Page(id, show, func(after string) ([]*Member, error) {
			return tx.Members(ctx, MemberQuery{Program: program, Network: network, AfterID: after, Descending: l.Descending, Limit: listing.Batch})
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	return page, nil
}
