package web

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/matcher/verify"
)

// drawPage is what everybody may know of a draw, checked again on the server,
// with the way to check it without this server.
type drawPage struct {
	frame
	Heading  phrase
	Program  string
	Word     string
	Text     string
	File     string // address of the public record
	FileName string
	Report   reportView
	Record   string
}

// reportView is what the checks of a file found.
type reportView struct {
	There             bool
	Tone, Mark, Title string
	Text              string
	Checks            []checkLine
}

type checkLine struct {
	Number, Mark, Word, Tone string
	Title                    phrase
	Why                      string
}

func newReportView(l tongue, report *verify.Report) reportView {
	v := reportView{There: true, Tone: "ok", Mark: "✓", Title: l.say("report.certified"), Text: l.say("report.level." + levelKey(report.Level))}
	switch {
	case report.Broken() != "":
		v.Tone, v.Mark, v.Title = "warn", "✕", l.say("report.refused", "n", report.Broken())
	case !report.Accepted:
		v.Tone, v.Mark, v.Title = "warn", "✕", l.say("report.refused", "n", "–")
	case !report.Certified:
		v.Tone, v.Mark, v.Title = "", "!", l.say("report.accepted")
	case slices.ContainsFunc(report.Checks, func(c verify.Check) bool { return c.State == verify.NotHere }):
		v.Title = l.say("report.certified_here")
	}
	for _, c := range report.Checks {
		line := checkLine{Number: c.Number, Title: phrase{c.Title, "en"}, Why: c.Why}
		switch c.State {
		case verify.Held:
			line.Mark, line.Word, line.Tone = "✓", l.say("checked.held"), "ok"
		case verify.Broken:
			line.Mark, line.Word, line.Tone = "✕", l.say("checked.broken"), "bad"
		case verify.NotCertified:
			line.Mark, line.Word = "!", l.say("checked.uncertified")
		case verify.NoMatter:
			line.Mark, line.Word = "–", l.say("checked.nothing")
		case verify.NotHere:
			line.Mark, line.Word = "–", l.say("checked.elsewhere")
		default:
			line.Mark, line.Word = "–", l.say("checked.not_run")
		}
		v.Checks = append(v.Checks, line)
	}
	return v
}

func levelKey(level string) string {
	switch level {
	case verify.LevelSlip, verify.LevelAudit:
		return level
	}
	return verify.LevelPublic
}

func (s *server) getDraw(w http.ResponseWriter, r *http.Request) error {
	program, err := s.svc.Program(r.Context(), public, r.PathValue("program"))
	if err != nil {
		return err
	}
	record, err := s.svc.PublicRecord(r.Context(), program.ID, r.PathValue("selection"))
	if err != nil {
		return err
	}
	page, err := newDrawPage(s.callFrame(r, program), program, r.PathValue("selection"), record)
	if err != nil {
		return err
	}
	s.render(w, r, http.StatusOK, "draw", page)
	return nil
}

func newDrawPage(f frame, program *applications.Program, selection string, record []byte) (*drawPage, error) {
	l := f.tongue
	report, err := verify.File(record, verify.Options{})
	if err != nil {
		return nil, err
	}
	name := "draw-" + selection + ".json"
	page := &drawPage{
		frame: f, Heading: l.phrase(program.Title), Program: program.ID, Word: l.say("public.title"), Text: l.say("public.text"),
		File: "/draws/" + program.ID + "/" + selection + "/" + name, FileName: name, Report: newReportView(l, report), Record: string(record),
	}
	page.Narrow = false
	page.titled(page.Word, page.Heading.Text)
	return page, nil
}

// getDrawFile gives the public record as a file.
func (s *server) getDrawFile(w http.ResponseWriter, r *http.Request) error {
	record, err := s.svc.PublicRecord(r.Context(), r.PathValue("program"), r.PathValue("selection"))
	if err != nil {
		return err
	}
	if r.PathValue("file") != "draw-"+r.PathValue("selection")+".json" {
		return errNoPage
	}
	sendFile(w, r.PathValue("file"), record)
	return nil
}

func sendFile(w http.ResponseWriter, name string, b []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": name}))
	w.Write(b)
}

// verifyPage checks a file that somebody has: uploaded or pasted. Nothing of it
// is kept.
type verifyPage struct {
	frame
	Pasted string
	Beside string // the public record beside a slip
	Fault  string
	Faults []fault
	Report reportView
}

func (s *server) newVerifyPage(r *http.Request) *verifyPage {
	page := &verifyPage{frame: s.frame(r)}
	page.titled(page.tongue.say("verify.title"), "Fairlead")
	return page
}

func (s *server) getVerify(w http.ResponseWriter, r *http.Request) error {
	s.render(w, r, http.StatusOK, "verify", s.newVerifyPage(r))
	return nil
}

func (s *server) postVerify(w http.ResponseWriter, r *http.Request) error {
	// Public records and slips are a few kilobytes; what is larger is for the
	// command.
	if err := r.ParseMultipartForm(64 << 10); err != nil && !errors.Is(err, http.ErrNotMultipart) {
		return badForm(err)
	}
	page := s.newVerifyPage(r)
	page.Languages = nil
	l := page.tongue
	page.Pasted, page.Beside = strings.TrimSpace(r.FormValue("pasted")), strings.TrimSpace(r.FormValue("beside"))
	given, err := uploaded(r, "file", page.Pasted)
	if err != nil {
		return badForm(err)
	}
	beside, err := uploaded(r, "public", page.Beside)
	if err != nil {
		return badForm(err)
	}
	var report *verify.Report
	if given != "" {
		o := verify.Options{}
		if beside != "" {
			o.Public = []byte(beside)
		}
		report, err = verify.File([]byte(given), o)
	}
	switch {
	case given == "":
		page.Fault = l.say("verify.fault_empty")
	case errors.Is(err, verify.ErrNewer):
		page.Fault = l.say("verify.fault_newer")
	case err != nil:
		page.Fault = l.say("verify.fault_json")
	default:
		page.Report = newReportView(l, report)
	}
	status := http.StatusOK
	if page.Fault != "" {
		page.Failed, status = true, http.StatusUnprocessableEntity
		page.Faults = []fault{{"pasted", page.Fault}}
	}
	s.render(w, r, status, "verify", page)
	return nil
}

// uploaded is the file of a field, or else what was pasted. A line end after the
// last line is what editors add.
func uploaded(r *http.Request, field, pasted string) (string, error) {
	file, _, err := r.FormFile(field)
	if err != nil {
		return pasted, nil // none was chosen
	}
	defer file.Close()
	b, err := io.ReadAll(file)
	if err != nil || len(b) == 0 {
		return pasted, err
	}
	return strings.TrimRight(string(b), "\r\n"), nil
}

// slipPage is an applicant's proof that they were in the pool that was sealed,
// with their answers as the rules saw them.
type slipPage struct {
	frame
	Program  string
	Missing  string // why there is none
	File     string
	FileName string
	Draw     string // address of the public page
	Report   reportView
	Record   string
}

func slipPath(program, selection string) string { return "/apply/" + program + "/slip/" + selection }

// slip reads the slip of the applicant who asks, for the run in the address;
// missing says why there is none. Without a place they were sent elsewhere.
func (s *server) slip(w http.ResponseWriter, r *http.Request) (p *place, slip []byte, missing string, err error) {
	if p, err = s.placeOfOwn(w, r); p == nil || err != nil {
		return nil, nil, "", err
	}
	slip, err = s.svc.Slip(r.Context(), p.session.principal(), p.program.ID, r.PathValue("selection"), p.app.ID)
	switch reason := applications.ReasonOf(err); reason {
	case "NOT_IN_POOL", "ANSWERS_CHANGED":
		return p, nil, reason, nil
	}
	return p, slip, "", err
}

func (s *server) getSlip(w http.ResponseWriter, r *http.Request) error {
	p, slip, missing, err := s.slip(w, r)
	if p == nil || err != nil {
		return err
	}
	record, err := s.svc.PublicRecord(r.Context(), p.program.ID, r.PathValue("selection"))
	if err != nil {
		return err
	}
	s.keepApplicant(w, *p.session)
	page, err := newSlipPage(s.callFrame(r, p.program), p.program, r.PathValue("selection"), slip, record, missing)
	if err != nil {
		return err
	}
	s.render(w, r, http.StatusOK, "slip", page)
	return nil
}

func newSlipPage(f frame, program *applications.Program, selection string, slip, record []byte, missing string) (*slipPage, error) {
	l := f.tongue
	page := &slipPage{
		frame: f, Program: program.ID, FileName: "slip-" + selection + ".json", Draw: "/draws/" + program.ID + "/" + selection,
		File: slipPath(program.ID, selection) + "/slip-" + selection + ".json", Record: string(slip),
	}
	page.titled(l.say("slip.title"), l.phrase(program.Title).Text)
	switch missing {
	case "NOT_IN_POOL":
		page.Missing = l.say("slip.not_in_pool")
		return page, nil
	case "":
	default:
		page.Missing = l.say("slip.changed")
		return page, nil
	}
	report, err := verify.File(slip, verify.Options{Public: record})
	if err != nil {
		return nil, err
	}
	page.Report = newReportView(l, report)
	return page, nil
}

func (s *server) getSlipFile(w http.ResponseWriter, r *http.Request) error {
	p, slip, missing, err := s.slip(w, r)
	if p == nil || err != nil {
		return err
	}
	if missing != "" || r.PathValue("file") != "slip-"+r.PathValue("selection")+".json" {
		return errNoPage
	}
	sendFile(w, r.PathValue("file"), slip)
	return nil
}
