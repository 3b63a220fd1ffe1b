package web

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/mentoring"
)

// revisionOf is the revision of what a form was made from; 0 if it does not say.
func revisionOf(r *http.Request) int64 {
	n, err := strconv.ParseInt(r.PostForm.Get("revision"), 10, 64)
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// editsPage lists what people changed in a run, and takes the last change back.
type editsPage struct {
	frame
	Path     string
	Sub      []tab
	Views    []tab
	Number   int
	Lede     string
	Edits    []editLine
	MayUndo  bool
	Request  string
	Revision int64
	Faults   []fault
}

// editLine is one edit: joined ones are one.
type editLine struct {
	Number int
	What   string
	Reason string
	By     string
	When   moment
	Cost   costView
}

func (s *server) getEdits(w http.ResponseWriter, r *http.Request) error {
	d, err := s.matchDesk(r)
	if err != nil {
		return err
	}
	return s.showEdits(w, r, d, http.StatusOK, nil)
}

func (s *server) showEdits(w http.ResponseWriter, r *http.Request, d *matchDesk, status int, faults []fault) error {
	v, err := s.reviewed(r, d)
	if err != nil {
		return err
	}
	mentees, mentors := map[string]string{}, map[string]string{}
	for _, p := range v.res.Pairs {
		mentees[p.Mentee], mentors[p.Mentor] = p.MenteeCode, p.MentorCode
	}
	for _, u := range v.res.Unmatched {
		mentees[u.Mentee] = u.MenteeCode
	}
	// A mentor without a pair is known by no pair of the result.
	for _, e := range v.run.Edits {
		if mentors[e.Mentor] != "" {
			continue
		}
		for _, p := range slices.Concat(e.Cost.Removed, e.Cost.Added) {
			mentors[p.Mentor] = p.MentorCode
		}
	}
	page := newEditsPage(s.staffFrame(r, "programs"), d, v, mentees, mentors)
	if page.Faults = faults; len(faults) > 0 {
		page.Failed, page.Languages = true, nil
	}
	s.render(w, r, status, "matching-edits", page)
	return nil
}

func newEditsPage(f frame, d *matchDesk, v *reviewed, mentees, mentors map[string]string) *editsPage {
	l, zone := f.tongue, zoneOf(d.program)
	page := &editsPage{
		frame: f, Path: d.run(v.run.ID), Sub: mentoringTabs(l, d.program.ID, "matchings"), Views: d.tabs(l, v.run, "edits"), Number: v.number,
		Request: nonce(), Revision: v.run.Revision, MayUndo: d.mayRun && inReview(v.run) && len(v.run.Edits) > 0,
	}
	for i, e := range v.run.Edits {
		if e.Joined {
			continue
		}
		mentee, mentor := mentees[e.Mentee], mentors[e.Mentor]
		if mentor == "" {
			mentor = l.say("matching.somebody")
		}
		line := editLine{
			Number: len(page.Edits) + 1, Reason: e.Reason, By: e.By, When: l.moment(e.Time, zone), Cost: newCostView(l, &e.Cost),
			What: l.say("matching.edit."+string(e.Kind), "mentee", mentee, "mentor", mentor),
		}
		if i+1 < len(v.run.Edits) && v.run.Edits[i+1].Joined {
			line.What = l.say("matching.edit.swap", "a", mentee, "b", mentees[v.run.Edits[i+1].Mentee])
		}
		page.Edits = append(page.Edits, line)
	}
	page.Lede = l.count("matching.edited", len(page.Edits))
	title := l.say("matching.edits")
	page.Crumbs = d.crumbs(l, crumb{l.said(l.say("matching.title")), d.path("/matchings")}, crumb{l.said(l.say("run.number", "n", v.number)), page.Path}, crumb{l.said(title), ""})
	page.titled(title, l.say("run.number", "n", v.number), l.phrase(d.program.Title).Text, "Fairlead")
	return page
}

// publishPage says what will be sent to how many, and asks once more.
type publishPage struct {
	frame
	Path      string
	Sub       []tab
	Number    int
	Lede      string
	Sent      string
	Lines     []string
	Empty     bool
	Overtaken bool
	Request   string
	Revision  int64
	Reason    string
	Fault     string
	Faults    []fault
}

func (s *server) getPublish(w http.ResponseWriter, r *http.Request) error {
	d, err := s.matchDesk(r)
	if err != nil {
		return err
	}
	if !d.mayRun {
		return permissionMissing(access.MatchingsRun)
	}
	return s.showPublish(w, r, d, http.StatusOK, nil, "")
}

func (s *server) showPublish(w http.ResponseWriter, r *http.Request, d *matchDesk, status int, faults []fault, fieldFault string) error {
	v, err := s.reviewed(r, d)
	if err != nil {
		return err
	}
	if !inReview(v.run) { // published meanwhile, by whomever: its page says so
		seeOther(w, r, d.run(v.run.ID))
		return nil
	}
	plan, err := s.Mentoring.Plan(r.Context(), d.who, d.program.ID)
	if err != nil {
		return err
	}
	runs, err := s.allMatchings(r, d.who, d.program.ID)
	if err != nil {
		return err
	}
	page := newPublishPage(s.staffFrame(r, "programs"), d, v, plan, runs)
	page.Reason, page.Fault = r.PostForm.Get("reason"), fieldFault
	if page.Faults = faults; len(faults) > 0 {
		page.Failed, page.Languages = true, nil
	}
	s.render(w, r, status, "matching-publish", page)
	return nil
}

func newPublishPage(f frame, d *matchDesk, v *reviewed, plan *mentoring.Plan, runs []*mentoring.Matching) *publishPage {
	l := f.tongue
	page := &publishPage{
		frame: f, Path: d.run(v.run.ID), Sub: mentoringTabs(l, d.program.ID, "matchings"), Number: v.number,
		Request: nonce(), Revision: v.run.Revision, Empty: len(v.res.Pairs) == 0,
	}
	for _, run := range runs {
		if run.State == mentoring.Published {
			page.Overtaken = run.ID != v.run.Base
		}
	}
	page.Lede = strings.Join(pairsHeadline(l, v.res), " · ")
	mentees, mentors := map[string]bool{}, map[string]bool{}
	for _, p := range v.res.Pairs {
		mentees[p.Mentee], mentors[p.Mentor] = true, true
	}
	page.Sent = l.count("matching.publish.sends", len(v.res.Pairs),
		"mentees", l.count("matching.mentees", len(mentees)), "mentors", l.count("matching.mentors", len(mentors)))
	page.Lines = []string{
		l.say("matching.publish.sees"),
		l.say("matching.publish.time", "time", daysWords(l, plan.AnswerTime)),
	}
	if n := len(v.res.Unmatched); n > 0 {
		page.Lines = append(page.Lines, l.count("matching.publish.wait", n))
	}
	if n := len(v.run.Edits); n > 0 {
		page.Lines = append(page.Lines, l.count("matching.publish.edits", n))
	}
	page.Lines = append(page.Lines, l.say("matching.publish.once"))
	title := l.say("matching.publish")
	page.Crumbs = d.crumbs(l, crumb{l.said(l.say("matching.title")), d.path("/matchings")}, crumb{l.said(l.say("run.number", "n", v.number)), page.Path}, crumb{l.said(title), ""})
	page.titled(title, l.say("run.number", "n", v.number), l.phrase(d.program.Title).Text, "Fairlead")
	return page
}

func (s *server) postPublish(w http.ResponseWriter, r *http.Request) error {
	d, err := s.matchForm(r)
	if err != nil {
		return err
	}
	id := r.PathValue("matching")
	_, err = s.Mentoring.PublishMatching(r.Context(), d.who, d.program.ID, id, clean(r.PostForm.Get("reason"), false), revisionOf(r), pressed(r))
	if err == nil {
		seeOther(w, r, d.run(id))
		return nil
	}
	l := s.tongueOf(r)
	text, refused := matchRefusal(l, err)
	if !refused {
		return err
	}
	if applications.ReasonOf(err) == "REASON_MISSING" {
		text = l.say("matching.fault.who_looked")
		return s.showPublish(w, r, d, http.StatusUnprocessableEntity, []fault{{"reason", text}}, text)
	}
	faults := []fault{{"", text}}
	if applications.ReasonOf(err) == "PAIRS_GONE" {
		const shown = 20
		for i, v := range asViolations(err) {
			if i == shown {
				break
			}
			faults = append(faults, fault{"", v.Field + ": " + goneWords(l, v.Message)})
		}
	}
	return s.showPublish(w, r, d, http.StatusConflict, faults, "")
}

// goneWords says why a pair cannot be proposed any more, in the page's language.
func goneWords(l tongue, message string) string {
	for _, key := range []string{"matching.gone.away", "matching.gone.impossible", "matching.gone.full"} {
		if catalogs["en"][key] == message {
			return l.say(key)
		}
	}
	return message
}
