package mentoring

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/internal/calls"
	"github.com/openfairlead/fairlead/internal/filter"
	"github.com/openfairlead/fairlead/internal/listing"
	"github.com/openfairlead/fairlead/internal/problem"
	"github.com/openfairlead/fairlead/internal/words"
	"github.com/openfairlead/fairlead/mentoring/scoring"
)

// Bounds of a profile.
const (
	mostColumns = 100
	longestCell = 4000 // characters
	mostTraits  = 30
)

// Enroll makes an enrollment, and submits it if asked to. The public does so
// while the plan is open; an applicant's token also when it is not, if the
// application holds a seat: a member of the cohort, or of an earlier one; staff
// with MatchingsRun enroll anybody, with a reason, which is recorded. The token
// is shown once; it can be renewed.
func (s *Service) Enroll(ctx context.Context, who access.Principal, e *Enrollment, submit bool, onBehalfReason string, idem Idempotency) (*Enrollment, string, error) {
	var reason string
	staff := isStaff(who, access.MatchingsRun, e.Program)
	if staff {
		var bad []Violation
		if reason, bad = calls.StaffReason("on_behalf_reason", onBehalfReason); len(bad) > 0 {
			return nil, "", problem.Invalid("REASON_MISSING", "to enroll somebody else needs a reason, which is recorded: how they agreed", bad...)
		}
	}
	made, err := once(ctx, s, who, e.Program, "Enroll", idem, func(tx Tx) (*Enrollment, string, error) {
		p, err := tx.Plan(ctx, e.Program)
		if err != nil {
			return nil, "", err
		}
		origin := e.Origin
		switch {
		case staff:
		case who.Application != "":
			origin = Origin{Program: who.Program, Application: who.Application}
		case !p.Open:
			return nil, "", problem.Errorf(problem.FailedPrecondition, "ENROLLMENT_CLOSED", "this program takes no mentors or mentees just now")
		default:
			origin = Origin{}
		}
		if origin != (Origin{}) {
			member, err := tx.IsMember(ctx, origin.Program, origin.Application)
			if err != nil {
				return nil, "", err
			}
			if !member {
				return nil, "", problem.Errorf(problem.FailedPrecondition, "NOT_A_MEMBER", "only somebody who holds a seat in a cohort can enroll with their application")
			}
		}
		made, err := s.enroll(ctx, tx, who, p, e, origin, submit, reason)
		if err != nil {
			return nil, "", err
		}
		return made.shownTo(who, true), made.ID, nil
	})
	if err != nil {
		return nil, "", err
	}
	// A retry with the same id gets the same token.
	return made, tokens.Make(s.Secrets.MAC, made.Program, made.ID, made.TokenGeneration), nil
}

// enroll stores one new enrollment; reason is that of staff who enroll somebody
// else.
func (s *Service) enroll(ctx context.Context, tx Tx, who access.Principal, p *Plan, e *Enrollment, origin Origin, submit bool, reason string) (*Enrollment, error) {
	now := s.now()
	made := &Enrollment{
		Program: e.Program, ID: s.NewID(), Role: e.Role, State: Draft, Origin: origin, TokenGeneration: 1,
		CreateTime: now, UpdateTime: now,
	}
	if reason != "" {
		made.OnBehalf = who.Subject
	}
	if e.Role != Mentor && e.Role != Mentee {
		return nil, problem.Invalid("ENROLLMENT_INVALID", "the enrollment cannot be kept like this", Violation{Field: "role", Message: "MENTOR or MENTEE"})
	}
	if reason != "" {
		if err := staffMayGive(e); err != nil {
			return nil, err
		}
	}
	// The code first: cells name people by it, and are read under it.
	n, err := tx.NextEnrollment(ctx, e.Program, e.Role)
	if err != nil {
		return nil, err
	}
	made.Code = fmt.Sprintf("%s-%04d", codePrefix(e.Role), n)
	if err := s.take(ctx, tx, p, made, e, enrollmentFieldNames); err != nil {
		return nil, err
	}
	if submit {
		if err := made.complete(); err != nil {
			return nil, err
		}
		made.State, made.SubmitTime = Submitted, now
		if !p.Screening {
			made.State = Available
		}
	}
	if err := tx.InsertEnrollment(ctx, made); err != nil {
		return nil, err
	}
	return made, tx.AppendEvents(ctx, s.event(who, "enrollment.create", made.name(), reason, transition("", made.State)))
}

// staffMayGive refuses what only the person may say of themself.
func staffMayGive(e *Enrollment) error {
	const alone = "only the person may say this: leave it out, and send them a link"
	var bad []Violation
	for _, f := range []struct {
		name  string
		given int
	}{{"traits", len(e.Traits)}, {"affinity", len(e.Affinity)}, {"never", len(e.Never)}} {
		if f.given > 0 {
			bad = append(bad, Violation{Field: f.name, Message: alone})
		}
	}
	for _, column := range privateCells {
		if strings.TrimSpace(e.Profile[column]) != "" {
			bad = append(bad, Violation{Field: "profile." + column, Message: alone})
		}
	}
	if len(bad) == 0 {
		return nil
	}
	return problem.Invalid("ENROLLMENT_INVALID", "the enrollment cannot be kept like this", bad...)
}

func codePrefix(r Role) string {
	if r == Mentor {
		return "MO"
	}
	return "ME"
}

// ImportEnrollments enrolls many of one role at once, all or none, as staff who
// say how these people agreed. Each is submitted.
func (s *Service) ImportEnrollments(ctx context.Context, who access.Principal, program string, role Role, list []*Enrollment, reason string, idem Idempotency) (int, error) {
	if err := calls.Need(who, access.MatchingsRun, program); err != nil {
		return 0, err
	}
	reason, bad := calls.StaffReason("reason", reason)
	if len(list) > mostImported {
		bad = append(bad, Violation{Field: "enrollments", Message: fmt.Sprintf("at most %d at once", mostImported)})
	}
	if len(bad) > 0 {
		return 0, problem.Invalid("IMPORT_INVALID", "the list cannot be imported like this", bad...)
	}
	return once(ctx, s, who, program, "ImportEnrollments", idem, func(tx Tx) (int, string, error) {
		p, err := tx.Plan(ctx, program)
		if err != nil {
			return 0, "", err
		}
		var bad []Violation
		seen := map[string]int{}
		for i, e := range list {
			if first := twice(seen, i, e); first >= 0 {
				bad = append(bad, Violation{Field: fmt.Sprintf("row %d, contact", i+1), Message: samePersonAs(first)})
				continue
			}
			row := *e
			row.Program, row.Role = program, role
			_, err := s.enroll(ctx, tx, who, p, &row, e.Origin, true, reason)
			var ours *Error
			switch {
			case err == nil:
				continue
			case asError(err, &ours) && ours.Code == problem.InvalidArgument:
				for _, v := range ours.Violations {
					bad = append(bad, Violation{Field: fmt.Sprintf("row %d, %s", i+1, v.Field), Message: v.Message})
				}
			case asError(err, &ours) && ours.Code == problem.AlreadyExists:
				bad = append(bad, Violation{Field: fmt.Sprintf("row %d", i+1), Message: ours.Message})
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
		return len(list), program, nil
	})
}

const mostImported = 20_000

// twice returns the row, from 0, in which a list has the same person already, by
// name and how they are reached; -1 if it has not.
func twice(seen map[string]int, row int, e *Enrollment) int {
	at := e.Contact.reach()
	if at == "" {
		return -1
	}
	key := strings.ToLower(strings.Join(strings.Fields(e.Contact.Name), " ")) + "\x00" + at
	if first, there := seen[key]; there {
		return first
	}
	seen[key] = row
	return -1
}

func samePersonAs(row int) string {
	return fmt.Sprintf("this is the same person as in row %d: keep one of the two", row+1)
}

// enrollmentFieldNames are what an update may name.
var enrollmentFieldNames = []string{"contact", "language", "seats", "wanted", "profile", "traits", "affinity", "wishes", "never", "consents"}

var languageShape = regexp.MustCompile(`^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$`)

// take puts the named fields of what was given into an enrollment, cleaned and
// checked.
func (s *Service) take(ctx context.Context, tx Tx, p *Plan, e, given *Enrollment, fields []string) error {
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
			e.Contact = Contact{
				Name: clean("contact.name", c.Name, false, 200), Goes: clean("contact.preferred_name", c.Goes, false, 200),
				Email: clean("contact.email", c.Email, false, 254), Phone: clean("contact.phone", c.Phone, false, 40),
			}
			if e.Contact.Email != "" && !words.Email(e.Contact.Email) {
				wrong("contact.email", "this does not look like an e-mail address; it has the form name@example.org")
			}
			if e.Contact.Phone != "" && !words.Phone(e.Contact.Phone) {
				wrong("contact.phone", "this does not look like a telephone number; write it with its digits, for example 360-555-0100")
			}
		case "language":
			if e.Language = given.Language; e.Language != "" && !languageShape.MatchString(e.Language) {
				wrong("language", `a language tag, such as "en" or "es"`)
			}
		case "seats":
			e.Seats = given.Seats
			switch {
			case e.Role == Mentee && e.Seats != 0:
				wrong("seats", "only a mentor has seats")
			case e.Role == Mentor && (e.Seats < 0 || e.Seats > p.MaxSeats):
				wrong("seats", "from 0 to %d", p.MaxSeats)
			}
		case "wanted":
			e.Wanted = given.Wanted
			switch {
			case e.Role == Mentor && e.Wanted != 0:
				wrong("wanted", "only a mentee asks for mentors")
			case e.Role == Mentee && (e.Wanted < 1 || e.Wanted > p.MaxWanted):
				wrong("wanted", "from 1 to %d", p.MaxWanted)
			}
		case "profile":
			e.Profile = map[string]string{}
			if len(given.Profile) > mostColumns {
				wrong("profile", "at most %d answers", mostColumns)
				break
			}
			for _, column := range slices.Sorted(maps.Keys(given.Profile)) {
				if column == "" || utf8.RuneCountInString(column) > 100 || !utf8.ValidString(column) {
					wrong("profile", "names of columns have 1 to 100 characters")
					continue
				}
				if slices.Contains(ownFields, column) {
					wrong("profile."+column, "this has a field of its own")
					continue
				}
				if cell := clean("profile."+column, given.Profile[column], true, longestCell); cell != "" {
					e.Profile[column] = cell
				}
			}
		case "traits":
			e.Traits = nil
			if len(given.Traits) > mostTraits {
				wrong("traits", "at most %d", mostTraits)
				break
			}
			for i, t := range given.Traits {
				at := fmt.Sprintf("traits[%d]", i)
				t.Attribute, t.Value = clean(at, t.Attribute, false, 100), clean(at, t.Value, false, 200)
				if t.Attribute == "" || t.Value == "" {
					wrong(at, "an attribute and a value")
				}
				t.Explained = t.Explained && t.Matching
				e.Traits = append(e.Traits, t)
			}
		case "affinity":
			e.Affinity = nil
			if e.Role == Mentor && len(given.Affinity) > 0 || len(given.Affinity) > mostTraits {
				wrong("affinity", "at most %d, and only of mentees", mostTraits)
				break
			}
			for i, a := range given.Affinity {
				at := fmt.Sprintf("affinity[%d]", i)
				a.Attribute, a.Value = clean(at, a.Attribute, false, 100), clean(at, a.Value, false, 200)
				if a.Attribute == "" || a.Value == "" || !slices.Contains([]string{"NICE", "IMPORTANT", "REQUIRED"}, a.Strength) {
					wrong(at, "an attribute, a value, and NICE, IMPORTANT or REQUIRED")
				}
				e.Affinity = append(e.Affinity, a)
			}
		case "wishes":
			e.Wishes = nil
			if len(given.Wishes) > p.MaxWishes {
				wrong("wishes", "at most %d", p.MaxWishes)
				break
			}
			for i, code := range given.Wishes {
				code = clean(fmt.Sprintf("wishes[%d]", i), code, false, 20)
				if slices.Contains(e.Wishes, code) {
					wrong(fmt.Sprintf("wishes[%d]", i), "this code is there twice")
				}
				e.Wishes = append(e.Wishes, code)
			}
		case "never":
			problems, err := takeNever(ctx, tx, p, e, given.Never)
			if err != nil {
				return err
			}
			bad = append(bad, problems...)
		case "consents":
			bad = append(bad, e.agree(given.Consents, s.now())...)
		default:
			wrong("update_mask", "there is no field %.40q that can be changed", field)
		}
	}
	if slices.Contains(fields, "profile") && len(bad) == 0 {
		bad = append(bad, checkCells(p, e)...)
	}
	if len(bad) > 0 {
		return problem.Invalid("ENROLLMENT_INVALID", "the enrollment cannot be kept like this", bad...)
	}
	return nil
}

// takeNever keeps a short list of ids of people of the other side, given by id or
// code.
func takeNever(ctx context.Context, tx Tx, p *Plan, e *Enrollment, never []string) ([]Violation, error) {
	if len(never) > p.MaxNever {
		return []Violation{{Field: "never", Message: fmt.Sprintf("at most %d people; talk to the people of the program if there are more", p.MaxNever)}}, nil
	}
	var bad []Violation
	e.Never = nil
	for i, id := range never {
		other, err := tx.Enrollment(ctx, e.Program, id)
		if problem.CodeOf(err) == problem.NotFound { // people know each other by codes
			if other, err = tx.EnrollmentByCode(ctx, e.Program, id); err == nil {
				id = other.ID
			}
		}
		switch {
		case problem.CodeOf(err) == problem.NotFound || err == nil && other.Role != e.Role.other():
			bad = append(bad, Violation{Field: fmt.Sprintf("never[%d]", i), Message: "there is no such " + string(e.Role.other())})
		case err != nil:
			return nil, err
		case !slices.Contains(e.Never, id):
			e.Never = append(e.Never, id)
		}
	}
	return bad, nil
}

// ownFields are columns of a file of profiles that are no part of Profile here:
// nobody but the owner may read some of them.
var ownFields = []string{
	"wishes", "never", "affinity", "affinity_match", "affinity_name", // as scoring names them in files
	"seeks", "traits", "traits_match", "traits_named",
}

// privateCells are columns of Profile that staff neither read nor give.
var privateCells = []string{"conflicts", "managers"}

// checkCells reads the profile as a run will, under the same code, so that nobody
// waits for the run to hear that a cell cannot be read.
func checkCells(p *Plan, e *Enrollment) []Violation {
	rules, err := p.ScoringRules()
	if err != nil {
		return []Violation{{Field: "profile", Message: "the program's rules cannot be read: tell its people"}}
	}
	in := scoring.NewIntake(rules, scoring.ShippedTopics(), shippedTravel())
	var problems []scoring.CellProblem
	if e.Role == Mentor {
		_, problems = in.Mentor(e.Code, e.Profile)
	} else {
		_, problems = in.Mentee(e.Code, e.Profile)
	}
	var bad []Violation
	for _, c := range problems {
		bad = append(bad, Violation{Field: "profile." + c.Column, Message: c.Message})
	}
	return bad
}

var purposes = []Purpose{ForMatching, ForContact, ForAffinity, ForMeasures}

// agree notes the answers that changed, with the time.
func (e *Enrollment) agree(given []Consent, now time.Time) []Violation {
	for i, c := range given {
		if !slices.Contains(purposes, c.Purpose) {
			return []Violation{{Field: fmt.Sprintf("consents[%d].purpose", i), Message: "MATCHING, CONTACT, AFFINITY or MEASURES"}}
		}
	}
	var kept []Consent
	for _, purpose := range purposes {
		at := slices.IndexFunc(e.Consents, func(c Consent) bool { return c.Purpose == purpose })
		asked := slices.IndexFunc(given, func(c Consent) bool { return c.Purpose == purpose })
		switch {
		case asked >= 0 && (at < 0 || e.Consents[at].Given != given[asked].Given):
			kept = append(kept, Consent{Purpose: purpose, Given: given[asked].Given, Time: now})
		case at >= 0:
			kept = append(kept, e.Consents[at])
		}
	}
	e.Consents = kept
	return nil
}

func (e *Enrollment) agreed(purpose Purpose) bool {
	return slices.ContainsFunc(e.Consents, func(c Consent) bool { return c.Purpose == purpose && c.Given })
}

// complete refuses to submit what cannot be matched: FailedPrecondition
// ENROLLMENT_INCOMPLETE.
func (e *Enrollment) complete() error {
	var bad []Violation
	if e.Contact.Name == "" {
		bad = append(bad, Violation{Field: "contact.name", Message: "how should we call you?"})
	}
	if e.Contact.Email == "" && e.Contact.Phone == "" {
		bad = append(bad, Violation{Field: "contact.email", Message: "an e-mail address or a telephone number, so that people can reach you"})
	}
	if !e.agreed(ForMatching) {
		bad = append(bad, Violation{Field: "consents", Message: "agree that your answers are used to find pairs; without it nobody can be matched"})
	}
	if len(bad) == 0 {
		return nil
	}
	return &Error{Code: problem.FailedPrecondition, Reason: "ENROLLMENT_INCOMPLETE", Message: "something is missing before this can be submitted", Violations: bad}
}

// load reads the plan, which makes changes of one program take turns, and an
// enrollment that is there. Who may touch it, mayTouch has said before.
func (s *Service) load(ctx context.Context, tx Tx, program, id string) (*Plan, *Enrollment, error) {
	p, err := tx.Plan(ctx, program)
	if err != nil {
		return nil, nil, err
	}
	e, err := tx.Enrollment(ctx, program, id)
	if err == nil && e.State == Erased {
		err = noEnrollment()
	}
	return p, e, err
}

func noEnrollment() error {
	return problem.Errorf(problem.NotFound, "ENROLLMENT_NOT_FOUND", "there is no such enrollment")
}

// mayTouch refuses who neither owns the enrollment nor holds the permission. The
// owner of another one learns nothing.
func mayTouch(who access.Principal, perm access.Permission, program, id string) error {
	if who.Enrolled(program, id) {
		return nil
	}
	if who.Enrollment != "" {
		return noEnrollment()
	}
	return calls.Need(who, perm, program)
}

// UpdateEnrollment changes the named fields (nil: all) of one's own enrollment,
// or, with a reason, of somebody's. What only its owner may decide stays with
// the owner: traits, affinity, the list of whom they never want, the cells that
// staff do not read, which are kept as they are, and what they agree to, which
// staff only take back. Who has withdrawn may still change what they agree to.
func (s *Service) UpdateEnrollment(ctx context.Context, who access.Principal, e *Enrollment, fields []string, onBehalfReason string, idem Idempotency) (*Enrollment, error) {
	if err := mayTouch(who, access.MatchingsRun, e.Program, e.ID); err != nil {
		return nil, err
	}
	own := who.Enrolled(e.Program, e.ID)
	reason, err := calls.OnBehalf(own, onBehalfReason)
	if err != nil {
		return nil, err
	}
	private := []string{"traits", "affinity", "never"}
	if fields == nil {
		fields = slices.Clone(enrollmentFieldNames)
		if !own {
			fields = slices.DeleteFunc(fields, func(f string) bool { return slices.Contains(private, f) })
		}
	}
	for _, f := range fields {
		if !own && slices.Contains(private, f) {
			return nil, problem.Errorf(problem.PermissionDenied, "OWNER_ONLY", "only the person may change %s", f)
		}
	}
	if !own && slices.Contains(fields, "profile") {
		for _, column := range privateCells {
			if _, given := e.Profile[column]; given {
				return nil, problem.Errorf(problem.PermissionDenied, "OWNER_ONLY", "only the person may change profile.%s: leave it out, and it stays as it is", column)
			}
		}
	}
	action := editEnrollment
	if slices.Equal(fields, []string{"consents"}) {
		action = agreeEnrollment
	}
	return once(ctx, s, who, e.Program, "UpdateEnrollment", idem, func(tx Tx) (*Enrollment, string, error) {
		p, stored, err := s.load(ctx, tx, e.Program, e.ID)
		if err != nil {
			return nil, "", err
		}
		if err := calls.SameRevision(e.Revision, stored.Revision); err != nil {
			return nil, "", err
		}
		if _, err := stored.State.after(action); err != nil {
			return nil, "", err
		}
		if !own && slices.Contains(fields, "consents") {
			for _, c := range e.Consents {
				if c.Given && slices.Contains(purposes, c.Purpose) && !stored.agreed(c.Purpose) {
					return nil, "", problem.Errorf(problem.PermissionDenied, "OWNER_ONLY", "only the person may agree to %s, with a link or token of their own", c.Purpose)
				}
			}
		}
		kept := stored.Profile
		if err := s.take(ctx, tx, p, stored, e, fields); err != nil {
			return nil, "", err
		}
		if !own && slices.Contains(fields, "profile") {
			// Only now: an error about a cell that staff do not read must not tell it.
			for _, column := range privateCells {
				if cell, there := kept[column]; there {
					stored.Profile[column] = cell
				}
			}
		}
		if stored.State != Draft && stored.State != Withdrawn {
			if err := stored.complete(); err != nil {
				return nil, "", err
			}
		}
		stored.UpdateTime = s.now()
		if err := tx.UpdateEnrollment(ctx, stored); err != nil {
			return nil, "", err
		}
		// Which of the private fields it was would tell that there is something to hide.
		shown := slices.DeleteFunc(slices.Sorted(slices.Values(fields)), func(f string) bool { return slices.Contains(private, f) })
		if len(shown) < len(fields) {
			shown = append(shown, privateRule)
		}
		detail := fmt.Sprintf("fields=%v", shown)
		return stored.shownTo(who, true), stored.ID, tx.AppendEvents(ctx, s.event(who, "enrollment.update", stored.name(), reason, detail))
	})
}

// enrollmentEvents are the words of the audit log.
var enrollmentEvents = map[enrollmentAction]string{
	submitEnrollment: "enrollment.submit", screenEnrollment: "enrollment.screen", returnEnrollment: "enrollment.return",
	offerEnrollment: "enrollment.available", pauseEnrollment: "enrollment.pause", withdrawEnrollment: "enrollment.withdraw",
}

// SubmitEnrollment hands an enrollment in: it waits for screening, or is
// available at once if the plan wants none.
func (s *Service) SubmitEnrollment(ctx context.Context, who access.Principal, program, id, reason string, revision int64, idem Idempotency) (*Enrollment, error) {
	return s.move(ctx, who, submitEnrollment, program, id, reason, revision, idem)
}

// ScreenEnrollment notes that staff looked at an enrollment; OfferEnrollment
// then makes it available.
func (s *Service) ScreenEnrollment(ctx context.Context, who access.Principal, program, id, reason string, revision int64, idem Idempotency) (*Enrollment, error) {
	return s.move(ctx, who, screenEnrollment, program, id, reason, revision, idem)
}

// ReturnEnrollment gives an enrollment back to its owner to complete, with a
// reason that the owner reads nowhere: tell them.
func (s *Service) ReturnEnrollment(ctx context.Context, who access.Principal, program, id, reason string, revision int64, idem Idempotency) (*Enrollment, error) {
	return s.move(ctx, who, returnEnrollment, program, id, reason, revision, idem)
}

// OfferEnrollment makes an enrollment available: after screening, by staff, or
// after a pause, by its owner or staff.
func (s *Service) OfferEnrollment(ctx context.Context, who access.Principal, program, id, reason string, revision int64, idem Idempotency) (*Enrollment, error) {
	return s.move(ctx, who, offerEnrollment, program, id, reason, revision, idem)
}

// PauseEnrollment keeps an enrollment out of runs; proposals that are out and
// mentorships go on.
func (s *Service) PauseEnrollment(ctx context.Context, who access.Principal, program, id, reason string, revision int64, idem Idempotency) (*Enrollment, error) {
	return s.move(ctx, who, pauseEnrollment, program, id, reason, revision, idem)
}

// WithdrawEnrollment ends an enrollment for good: open proposals are taken back,
// mentorships end.
func (s *Service) WithdrawEnrollment(ctx context.Context, who access.Principal, program, id, reason string, revision int64, idem Idempotency) (*Enrollment, error) {
	return s.move(ctx, who, withdrawEnrollment, program, id, reason, revision, idem)
}

func (s *Service) move(ctx context.Context, who access.Principal, action enrollmentAction, program, id, reason string, revision int64, idem Idempotency) (*Enrollment, error) {
	byStaff := action == screenEnrollment || action == returnEnrollment
	if byStaff {
		if err := calls.Need(who, access.MatchingsRun, program); err != nil {
			return nil, err
		}
	}
	if err := mayTouch(who, access.MatchingsRun, program, id); err != nil {
		return nil, err
	}
	own := who.Enrolled(program, id)
	reason, err := calls.OnBehalf(own, reason)
	if err != nil {
		return nil, err
	}
	return once(ctx, s, who, program, "Enrollment."+string(action), idem, func(tx Tx) (*Enrollment, string, error) {
		p, e, err := s.load(ctx, tx, program, id)
		if err != nil {
			return nil, "", err
		}
		if err := calls.SameRevision(revision, e.Revision); err != nil {
			return nil, "", err
		}
		from := e.State
		if e.State, err = from.after(action); err != nil {
			return nil, "", err
		}
		if action == offerEnrollment && own && from == Screened {
			return nil, "", calls.Need(who, access.MatchingsRun, program)
		}
		var events []Event
		now := s.now()
		switch action {
		case submitEnrollment:
			if err := e.complete(); err != nil {
				return nil, "", err
			}
			if e.SubmitTime = now; !p.Screening {
				e.State = Available
			}
		case withdrawEnrollment:
			if events, err = s.leave(ctx, tx, who, e); err != nil {
				return nil, "", err
			}
		}
		e.UpdateTime = now
		if err := tx.UpdateEnrollment(ctx, e); err != nil {
			return nil, "", err
		}
		events = append(events, s.event(who, enrollmentEvents[action], e.name(), reason, transition(from, e.State)))
		return e.shownTo(who, true), e.ID, tx.AppendEvents(ctx, events...)
	})
}

// Enrollment returns one's own enrollment, or any with MatchingsRead; with
// MatchingsRun also its contact, which is recorded.
func (s *Service) Enrollment(ctx context.Context, who access.Principal, program, id string) (*Enrollment, error) {
	if err := mayTouch(who, access.MatchingsRead, program, id); err != nil {
		return nil, err
	}
	var e *Enrollment
	err := s.Store.View(ctx, func(tx Tx) (err error) {
		if _, err := tx.Plan(ctx, program); err != nil {
			return err
		}
		e, err = tx.Enrollment(ctx, program, id)
		return err
	})
	if err != nil {
		return nil, err
	}
	withContact := !who.Enrolled(program, id) && who.Can(access.MatchingsRun, program) && e.State != Erased
	if withContact {
		err := s.Store.Update(ctx, func(tx Tx) error {
			return tx.AppendEvents(ctx, s.event(who, "identity.read", e.name(), "", "contact"))
		})
		if err != nil {
			return nil, err
		}
	}
	return e.shownTo(who, withContact), nil
}

// shownTo is what the caller sees of an enrollment. Nobody but its owner sees
// traits that are not released, the list of whom they never want, or what they
// prefer in lived experience; the contact is in no list.
func (e *Enrollment) shownTo(who access.Principal, withContact bool) *Enrollment {
	r := *e
	if who.Enrolled(e.Program, e.ID) {
		r.OnBehalf = ""
		return &r
	}
	if !withContact {
		r.Contact = Contact{}
	}
	r.Profile = maps.Clone(e.Profile)
	for _, column := range privateCells {
		delete(r.Profile, column)
	}
	r.Never, r.Refused, r.Affinity, r.Traits = nil, nil, nil, nil
	for _, t := range e.Traits {
		if t.Matching && t.Explained && e.agreed(ForAffinity) {
			r.Traits = append(r.Traits, t)
		}
	}
	return &r
}

var enrollmentFields = []filter.Field{
	{Name: "state", Type: filter.Enum, Values: names(enrollmentStates)},
	{Name: "code", Type: filter.String},
	{Name: "seats", Type: filter.Int},
	{Name: "wanted", Type: filter.Int},
	{Name: "wait_rounds", Type: filter.Int},
	{Name: "create_time", Type: filter.Time},
	{Name: "update_time", Type: filter.Time},
	{Name: "submit_time", Type: filter.Time},
}

func enrollmentValue(e *Enrollment, field string) filter.Value {
	switch field {
	case "state":
		return listing.Text(string(e.State))
	case "code":
		return listing.Text(e.Code)
	case "seats":
		return filter.Value{Present: e.Role == Mentor, Int: int64(e.Seats)}
	case "wanted":
		return filter.Value{Present: e.Role == Mentee, Int: int64(e.Wanted)}
	case "wait_rounds":
		return filter.Value{Present: true, Int: int64(e.WaitRounds)}
	case "create_time":
		return listing.Time(e.CreateTime)
	case "update_time":
		return listing.Time(e.UpdateTime)
	case "submit_time":
		return listing.Time(e.SubmitTime)
	}
	return filter.Value{}
}

// Enrollments lists a program's mentors or mentees in the order in which they
// enrolled, without anybody's contact.
func (s *Service) Enrollments(ctx context.Context, who access.Principal, program string, role Role, q ListQuery) (*ListPage[*Enrollment], error) {
	if who.Enrollment != "" {
		return nil, noEnrollment()
	}
	if err := calls.Need(who, access.MatchingsRead, program); err != nil {
		return nil, err
	}
	l, err := listing.New(q, enrollmentFields, enrollmentValue, "create_time")
	if err != nil {
		return nil, err
	}
	var page *ListPage[*Enrollment]
	err = s.Store.View(ctx, func(tx Tx) error {
		if _, err := tx.Plan(ctx, program); err != nil {
			return err
		}
		id, show := func(e *Enrollment) string { return e.ID }, func(e *Enrollment) *Enrollment { return e.shownTo(who, false) }
		page, err = l.Page(id, show, func(after string) ([]*Enrollment, error) {
			return tx.Enrollments(ctx, EnrollmentQuery{Program: program, Role: role, AfterID: after, Descending: l.Descending, Limit: listing.Batch})
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	return page, nil
}

// Places counts what an enrollment has given away.
func (s *Service) Places(ctx context.Context, who access.Principal, program, id string) (Places, error) {
	if err := mayTouch(who, access.MatchingsRead, program, id); err != nil {
		return Places{}, err
	}
	var p Places
	err := s.Store.View(ctx, func(tx Tx) (err error) {
		p, err = tx.Places(ctx, program, id)
		return err
	})
	return p, err
}
