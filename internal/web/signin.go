package web

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/access"
)

// enterPage is what a sign-in link opens: a button. Mail scanners follow
// links, so opening one must not use it up.
type enterPage struct {
	frame
	Action string
}

func (s *server) getEnter(w http.ResponseWriter, r *http.Request) error {
	page := &enterPage{frame: s.frame(r), Action: r.URL.RequestURI()}
	page.Languages = nil
	page.titled(page.tongue.say("enter.title"), "Fairlead")
	s.render(w, r, http.StatusOK, "enter", page)
	return nil
}

func (s *server) postEnter(w http.ResponseWriter, r *http.Request) error {
	who, err := s.svc.UseSignInLink(r.Context(), r.PathValue("code"))
	if s.Mentoring != nil && applications.CodeOf(err) == applications.NotFound && err != nil {
		mentor, generation, ours := s.Mentoring.UseSignInLink(r.Context(), r.PathValue("code"))
		if ours == nil {
			s.keepMentor(w, mentorSession{Program: mentor.Program, Enrollment: mentor.Enrollment, Generation: generation})
			seeOther(w, r, "/mentoring/"+mentor.Program)
			return nil
		}
		err = ours
	}
	switch applications.CodeOf(err) {
	case applications.NotFound, applications.Unauthenticated, applications.InvalidArgument:
		if err != nil {
			page := &errorPage{frame: s.frame(r)}
			page.Heading, page.Text = page.tongue.say("enter.used"), page.tongue.say("enter.used.text")
			page.Failed = true
			page.titled(page.Heading, "Fairlead")
			s.render(w, r, http.StatusNotFound, "error", page)
			return nil
		}
	}
	if err != nil {
		return err
	}
	to := localPath(r.URL.Query().Get("to"))
	if who.Application != "" {
		app, err := s.svc.Application(r.Context(), who, who.Program, who.Application, false, "")
		if err != nil {
			return err
		}
		s.keepApplicant(w, applicantSession{
			Program: who.Program, Application: who.Application, Generation: app.TokenGeneration,
		})
		if to == "" {
			to = "/apply/" + who.Program
		}
		seeOther(w, r, to)
		return nil
	}
	s.keepStaff(w, who)
	if to == "" {
		to = "/programs"
	}
	seeOther(w, r, to)
	return nil
}

// signInPage takes a staff token.
type signInPage struct {
	frame
	Action string
	Fault  string
	Faults []fault
}

func (s *server) newSignInPage(r *http.Request, message string) *signInPage {
	page := &signInPage{frame: s.frame(r), Action: "/sign-in"}
	if to := localPath(r.URL.Query().Get("to")); to != "" {
		page.Action += "?" + url.Values{"to": {to}}.Encode()
	}
	if message != "" {
		page.Fault, page.Failed = message, true
		page.Faults = []fault{{"token", message}}
	}
	page.titled(page.tongue.say("sign_in.title"), "Fairlead")
	return page
}

func (s *server) getSignIn(w http.ResponseWriter, r *http.Request) error {
	s.render(w, r, http.StatusOK, "sign-in", s.newSignInPage(r, ""))
	return nil
}

func (s *server) postSignIn(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return badForm(err)
	}
	l := s.tongueOf(r)
	address := applications.TriesKey(s.ClientAddress(r), "")
	if wait := s.signIn.Take(address, s.Now()); wait > 0 {
		w.Header().Set("Retry-After", itoa(int(wait.Seconds())+1))
		s.render(w, r, http.StatusTooManyRequests, "sign-in", s.newSignInPage(r, l.count("fault.code_wait", int(wait.Minutes())+1)))
		return nil
	}
	token := strings.TrimSpace(r.PostForm.Get("token"))
	who, err := s.svc.Authenticate(r.Context(), token)
	switch {
	case applications.CodeOf(err) == applications.Unauthenticated && err != nil || err == nil && who.Application != "":
		// An applicant's token is for programs that call the API; their pages
		// open with the return code.
		s.render(w, r, http.StatusUnprocessableEntity, "sign-in", s.newSignInPage(r, l.say("fault.token")))
		return nil
	case err != nil:
		s.signIn.Refund(address)
		return err
	}
	s.signIn.Refund(address)
	s.keepStaff(w, who)
	to := localPath(r.URL.Query().Get("to"))
	if to == "" {
		to = "/programs"
	}
	seeOther(w, r, to)
	return nil
}

func (s *server) postSignOut(w http.ResponseWriter, r *http.Request) error {
	s.setCookie(w, staffCookie, "")
	seeOther(w, r, "/calls")
	return nil
}

// programsPage lists what a member of staff works on.
type programsPage struct {
	frame
	Programs []programLine
}

type programLine struct {
	ID, Href     string
	Title        phrase
	State        string
	Seats        int
	Applications string
	Closes       moment
	Mentoring    string // address, or ""
}

func (s *server) getPrograms(w http.ResponseWriter, r *http.Request) error {
	who, err := s.staff(r)
	if err != nil {
		return err
	}
	page := &programsPage{frame: s.staffFrame(r, "programs")}
	l := page.tongue
	q := applications.ListQuery{PageSize: 200}
	for {
		list, err := s.svc.Programs(r.Context(), who, q)
		if err != nil {
			return err
		}
		for _, p := range list.Items {
			line := newProgramLine(l, p, who)
			if s.Mentoring != nil && who.Can(access.MatchingsRead, p.ID) {
				line.Mentoring = "/programs/" + p.ID + "/mentoring"
			}
			page.Programs = append(page.Programs, line)
		}
		if q.Cursor = list.Next; q.Cursor == "" || len(page.Programs) >= 1000 {
			break
		}
	}
	page.titled(l.say("menu.programs"), "Fairlead")
	s.render(w, r, http.StatusOK, "programs", page)
	return nil
}

func newProgramLine(l tongue, p *applications.Program, who access.Principal) programLine {
	line := programLine{
		ID: p.ID, Title: l.phrase(p.Title), State: l.say("program." + string(p.State)), Seats: p.Seats,
		Applications: masked(l, p.ApplicationCount, facilitates(who, p.ID)),
		Closes:       l.moment(p.Window.Closes, zoneOf(p)),
	}
	if who.Can(access.SelectionsRead, p.ID) {
		line.Href = "/programs/" + p.ID + "/selections"
	}
	return line
}

// facilitates reports whether someone sees small counts: only who may also see
// the answers behind them.
func facilitates(who access.Principal, program string) bool {
	return who.Can(access.IdentityRead, program)
}

// masked writes a count, or that it is too small to be shown.
func masked(l tongue, n int, all bool) string {
	if n == applications.TooFew || n < applications.Fewest && !all {
		return l.say("too_few")
	}
	return l.number(int64(n))
}
