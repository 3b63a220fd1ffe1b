package demo

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/openfairlead/fairlead/matcher/verify"
)

// members of the cohort who take their seat and ask for a mentor.
const membersWithMentor = 5

type matchingMessage struct {
	Name  string                            `json:"name,omitempty"`
	State string                            `json:"state,omitempty"`
	Seed  string                            `json:"seed,omitempty"`
	Error *struct{ Reason, Message string } `json:"error,omitempty"`
}

type matchedMessage struct {
	Status       string
	Pairs        []pairMessage
	Unmatched    []unmatchedMessage
	CoveredCount int
	WorstScore   int
}

type pairMessage struct {
	Mentee, Mentor, MenteeCode, MentorCode string
	Score                                  int
	Parts                                  []partMessage
}

type partMessage struct {
	Feature      string
	Points, Most int
	Evidence     []string
}

type unmatchedMessage struct {
	MenteeCode, Reason, Rule            string
	MenteeCount, MentorCount, SeatCount int
}

type auditMessage struct {
	Smallest   int
	Attributes []struct {
		Attribute string
		Groups    []servedMessage
	}
}

type servedMessage struct {
	Group                     string
	Suppressed                bool
	MenteeCount, CoveredCount int
	ScoreSum                  int64 `json:",string"`
	CoverageRatio, ScoreRatio int
	Gap                       *struct {
		Rule        string
		MenteeCount int
	}
}

type recruitmentMessage struct {
	UnservedCount, SeatCount, MentorCount int
	Kinds                                 []struct {
		LanguageLabel, PlaceLabel string
		ServesCount, MenteeCount  int
	}
}

// mentoring matches invented mentors with invented mentees, some of whom are
// members of the cohort that was drawn.
func (d *demo) mentoring(ctx context.Context) error {
	d.p.heading("6. Mentors for the cohort")
	taken, err := d.enrollMembers(ctx)
	if err != nil {
		return err
	}
	if err := d.importPeople(ctx, program); err != nil {
		return err
	}
	seats := 0
	for _, m := range mentors {
		seats += m.seats
	}
	all := len(mentees) + taken
	do := "ask"
	if d.o.Once {
		do = "take their seat and ask"
	}
	d.p.line("%d of the cohort %s for a mentor, and so do %d others. %d mentors offer %d seats.", taken, do, len(mentees), len(mentors), seats)
	begin := time.Now()
	if err := d.match(ctx); err != nil {
		return err
	}
	var found matchedMessage
	if err := d.coordinator.get(ctx, "/v1/"+d.matching.Name+"/result", &found); err != nil {
		return err
	}
	if len(found.Pairs) == 0 {
		return fmt.Errorf("the matching has no pairs")
	}
	d.pair = found.Pairs[0]
	d.p.line("%s in %.1f s: %d of %d mentees have a mentor; whoever is served worst has a pair of %d of 1000.", d.p.paint(green, found.Status), time.Since(begin).Seconds(), found.CoveredCount, all, found.WorstScore)
	if err := d.proof(ctx); err != nil {
		return err
	}
	d.pairs(found.Pairs)
	d.unmatched(found.Unmatched)
	if err := d.recruit(ctx); err != nil {
		return err
	}
	return d.audit(ctx)
}

// enrollMembers enrolls some of the drawn cohort as mentees. With --once they are
// offered their seats, accept, and enroll with what opens their application. A
// call in which seats are offered draws no more, and a demo that stays up is there
// to draw with: then they enroll as anybody does.
func (d *demo) enrollMembers(ctx context.Context) (int, error) {
	err := d.coordinator.call(ctx, http.MethodPatch, "/v1/"+program+"/mentoringPlan", map[string]any{
		"open": true, "contact": nobody["en"], "audited": []string{"area", "places"},
	}, nil)
	if err != nil {
		return 0, err
	}
	if d.o.Once {
		prepare := map[string]string{"selection": d.run.Name, "reason": "Demonstration with invented people."}
		if err := d.facilitator.post(ctx, "/v1/"+program+"/offers:prepare", prepare, nil); err != nil {
			return 0, err
		}
		send := map[string]any{"expireTime": time.Now().Add(14 * 24 * time.Hour).UTC().Truncate(time.Second)}
		if err := d.facilitator.post(ctx, "/v1/"+program+"/offers:send", send, nil); err != nil {
			return 0, err
		}
	}
	n := 0
	for _, m := range members(d.result) {
		if n == membersWithMentor {
			break
		}
		member := d.client.as(d.tokens[m.Code])
		var a struct {
			Offer   string
			Contact contactMessage
			Answers map[string]answerMessage
		}
		if err := member.get(ctx, "/v1/"+m.Application, &a); err != nil {
			return n, err
		}
		if d.o.Once {
			if err := member.post(ctx, "/v1/"+a.Offer+":accept", struct{}{}, nil); err != nil {
				return n, err
			}
		} else {
			member = d.client
		}
		e := enrollmentMessage{
			Contact: a.Contact, Wanted: 1, Language: "en", Consents: agreed,
			Profile: map[string]string{
				"wants": memberWants[n%len(memberWants)], "experience": "10", "languages": "English", "zone": clock,
				"hours": evenings + "; " + noons, "units": a.Answers["organization"].Text, "area": rural,
			},
		}
		if county := a.Answers["county"].Values; len(county) > 0 {
			e.Profile["places"] = county[0]
			if slices.Contains([]string{"snohomish", "whatcom"}, county[0]) {
				e.Profile["area"] = towns
			}
		}
		if err := member.post(ctx, "/v1/"+program+"/mentees:enroll", map[string]any{"mentee": e, "submit": true}, nil); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// importPeople enrolls the invented mentors and mentees, as staff do from a list.
func (d *demo) importPeople(ctx context.Context, program string) error {
	var offer, ask []enrollmentMessage
	for n := range mentors {
		offer = append(offer, mentors[n].message(n+1))
	}
	for n := range mentees {
		ask = append(ask, mentees[n].message(n+1))
	}
	const reason = "Demonstration: invented people, who agree to everything."
	if err := d.coordinator.post(ctx, "/v1/"+program+"/mentors:import", map[string]any{"mentors": offer, "reason": reason}, nil); err != nil {
		return err
	}
	return d.coordinator.post(ctx, "/v1/"+program+"/mentees:import", map[string]any{"mentees": ask, "reason": reason}, nil)
}

// match starts a run and waits for its result.
func (d *demo) match(ctx context.Context) error {
	run := &d.matching
	if err := d.coordinator.post(ctx, "/v1/"+program+"/matchings", matchingMessage{Seed: d.o.Seed}, run); err != nil {
		return err
	}
	for {
		switch run.State {
		case "SOLVED":
			return nil
		case "QUEUED", "SOLVING":
		default:
			why := ""
			if run.Error != nil {
				why = ": " + run.Error.Message
			}
			return fmt.Errorf("the matching ended as %s%s", run.State, why)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
		if err := d.coordinator.get(ctx, "/v1/"+run.Name, run); err != nil {
			return err
		}
	}
}

// proof checks the certificate as a stranger does.
func (d *demo) proof(ctx context.Context) error {
	var certificate json.RawMessage
	if err := d.coordinator.get(ctx, "/v1/"+d.matching.Name+"/certificate", &certificate); err != nil {
		return err
	}
	report, err := verify.File(certificate, verify.Options{})
	if err != nil {
		return err
	}
	held := 0
	for _, c := range report.Checks {
		switch c.State {
		case verify.Held:
			held++
		case verify.Broken:
			return fmt.Errorf("the certificate of %s breaks check %s (%s): %s", d.matching.Name, c.Number, c.Title, c.Why)
		}
	}
	d.p.line("A certificate of %d bytes proves that no matching is better; %d checks of it hold here, and with the scores all do (fairlead verify).", len(certificate), held)
	return nil
}

// pairs prints each pair with what its score is made of, and one of them in full.
func (d *demo) pairs(pairs []pairMessage) {
	d.p.heading("The pairs, and what their scores are made of (points; they sum to the score)")
	var rows [][]cell
	best := pairs[0]
	for _, p := range pairs {
		if p.Score > best.Score {
			best = p
		}
		var parts []string
		slices.SortStableFunc(p.Parts, func(a, b partMessage) int { return cmp.Compare(b.Points, a.Points) })
		for _, x := range p.Parts {
			if x.Points > 0 {
				parts = append(parts, fmt.Sprintf("%s %d", x.Feature, x.Points))
			}
		}
		rows = append(rows, []cell{left(p.MenteeCode), left(p.MentorCode), number(p.Score), left(clip(strings.Join(parts, ", "), max(40, d.o.Width-32)))})
	}
	d.p.table([]cell{left("Mentee"), left("Mentor"), {text: "Score", right: true}, left("Made of")}, rows)
	d.p.heading("Why %s with %s", best.MenteeCode, best.MentorCode)
	rows = nil
	for _, x := range best.Parts {
		rows = append(rows, []cell{number(x.Points), number(x.Most), left(x.Feature), left(clip(strings.Join(x.Evidence, "; "), max(40, d.o.Width-32)))})
	}
	d.p.table([]cell{{text: "Points", right: true}, {text: "of", right: true}, left("For"), left("Because")}, rows)
}

func (d *demo) unmatched(list []unmatchedMessage) {
	d.p.heading("Without a mentor, and why")
	if len(list) == 0 {
		d.p.line("  nobody")
	}
	for _, u := range list {
		why := u.Reason
		switch u.Reason {
		case "NO_ELIGIBLE_MENTOR":
			why = "the hard rules keep every mentor from them"
		case "NO_SEATS":
			why = "no mentor whom they could have has a seat"
		case "TOO_FEW_SEATS":
			why = fmt.Sprintf("%d mentees can be served only by %d mentors, who have %d seats", u.MenteeCount, u.MentorCount, u.SeatCount)
		}
		if u.Rule != "" {
			why += fmt.Sprintf("; what does it is the rule on %s", u.Rule)
		}
		d.p.line("  %s  %s", d.p.paint(yellow, u.MenteeCode), why)
	}
}

func (d *demo) recruit(ctx context.Context) error {
	var r recruitmentMessage
	if err := d.coordinator.get(ctx, "/v1/"+d.matching.Name+":recruitment", &r); err != nil {
		return err
	}
	if r.UnservedCount == 0 {
		return nil
	}
	d.p.line("\n  It takes at least %s more until nobody is left. Whom to look for first:", counted(r.SeatCount, "seat"))
	shown := 0
	for _, k := range r.Kinds {
		const most = 3
		if shown == most || k.ServesCount == 0 || k.PlaceLabel == "" || k.MenteeCount == 0 {
			continue
		}
		shown++
		d.p.line("    one more mentor in %s who speaks %s: one mentee more is served", k.PlaceLabel, k.LanguageLabel)
	}
	return nil
}

func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// audit says in words how groups were served.
func (d *demo) audit(ctx context.Context) error {
	var a auditMessage
	if err := d.coordinator.get(ctx, "/v1/"+d.matching.Name+"/audit", &a); err != nil {
		return err
	}
	d.p.heading("Was every group served alike? (a mentee without a mentor counts with a score of 0)")
	for _, attribute := range a.Attributes {
		hidden := 0
		for _, g := range attribute.Groups {
			if g.Suppressed {
				hidden++
				continue
			}
			line := fmt.Sprintf("  %s: %d of %d have a mentor, mean score %.0f", cmp.Or(g.Group, "did not say"), g.CoveredCount, g.MenteeCount, float64(g.ScoreSum)/float64(g.MenteeCount))
			if g.CoverageRatio < 1000 {
				line += fmt.Sprintf("; %.1f %% of the coverage of the group that is served best", float64(g.CoverageRatio)/10)
			}
			if g.Gap != nil && g.Gap.MenteeCount > 0 {
				line += fmt.Sprintf("; without the rule on %s %s of them could have one", g.Gap.Rule, fmt.Sprint(g.Gap.MenteeCount))
			}
			d.p.line("%s", line)
		}
		if hidden > 0 {
			d.p.line("  %s: %d groups are not shown: with fewer than %d people, numbers would tell of single ones", attribute.Attribute, hidden, a.Smallest)
		}
	}
	return nil
}

// mentoringLinks are links of one pair and of the coordinator. The program of
// the next call gets the same people, who are not matched yet.
func (d *demo) mentoringLinks(ctx context.Context) (mentee, mentor, coordinator string, err error) {
	plan := map[string]any{"open": true, "contact": nobody["en"], "audited": []string{"area", "places"}}
	if err := d.coordinator.call(ctx, http.MethodPatch, "/v1/"+nextCall+"/mentoringPlan", plan, nil); err != nil {
		return "", "", "", err
	}
	if err := d.importPeople(ctx, nextCall); err != nil {
		return "", "", "", err
	}
	ask := map[string]string{"ttl": linkValid, "reason": "Demonstration with invented people."}
	for _, l := range []struct {
		path string
		body map[string]string
		to   *string
	}{
		{d.pair.Mentee + ":issueSignInLink", ask, &mentee},
		{d.pair.Mentor + ":issueSignInLink", ask, &mentor},
		{"signInLinks:issue", map[string]string{"ttl": linkValid}, &coordinator},
	} {
		var link linkMessage
		if err := d.coordinator.post(ctx, "/v1/"+l.path, l.body, &link); err != nil {
			return "", "", "", err
		}
		*l.to = link.URI
	}
	return mentee, mentor, coordinator, nil
}
