// Package web is the pages: server-rendered HTML that works without
// JavaScript, for people who apply and for those who run a selection. It calls
// the service layer in process and holds no state of its own but a limit on
// guessing return codes.
package web

import (
	"bytes"
	"context"
	"crypto/rand"
	"embed"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/mentoring"
)

// Options are what the pages need.
type Options struct {
	Service *applications.Service
	// Mentoring is the same for mentors and mentees; nil: they have no pages.
	Mentoring *mentoring.Service
	// Secrets seals cookies and kept forms, under labels that begin "web/".
	Secrets applications.Secrets
	// PublicURL is the address that people type, "https://apply.example.org",
	// or "" if it is not known. Forms posted from it are accepted also where a
	// proxy changes the Host header.
	PublicURL string
	// Secure says that people reach the pages over https: cookies get the
	// __Host- prefix and the Secure flag.
	Secure bool
	// Languages of the pages, the first being the default; nil: English and
	// Spanish.
	Languages []string
	// ClientAddress tells who asks, for the limit on guessing; nil: the host
	// of RemoteAddr. A server behind a trusted proxy knows better.
	ClientAddress func(*http.Request) string
	// Tries counts wrong return codes, together with the other doors to them;
	// nil: those of the pages alone.
	Tries *applications.Tries
	// Admit lets a request in until leave is called, or fails: then the page
	// says that the service is busy. The answer goes to the writer it returns.
	// nil: all are let in.
	Admit func(http.ResponseWriter, *http.Request) (admitted http.ResponseWriter, leave func(), err error)
	Log   *slog.Logger     // nil: slog.Default()
	Now   func() time.Time // nil: Service.Now, or else time.Now
}

// beginnings is how many applications to one call can be begun from one address
// in a minute: more people than sit down at the machines behind one in the last
// minute of a call, and a small part of what a robot would like to.
const beginnings = 60

type server struct {
	Options
	svc     *applications.Service
	pages   pages
	sealer  sealer
	signIn  *applications.Tries // wrong staff tokens
	begun   *applications.Tries // new applications
	handler http.Handler
}

// New returns the handler of all pages. It answers every path: what it does
// not know gets a readable 404. It panics if its own templates or messages are
// broken, which the tests of this package exclude.
func New(o Options) http.Handler {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Now == nil && o.Service != nil {
		o.Now = o.Service.Now
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Languages == nil {
		o.Languages = []string{"en", "es"}
	}
	if o.Tries == nil {
		o.Tries = applications.NewReturnCodeTries()
	}
	if o.ClientAddress == nil {
		o.ClientAddress = func(r *http.Request) string {
			host, _, err := net.SplitHostPort(r.RemoteAddr)
			if err != nil {
				return r.RemoteAddr
			}
			return host
		}
	}
	s := &server{
		Options: o,
		svc:     o.Service,
		pages:   mustPages(o.Languages),
		sealer:  newSealer(o.Secrets),
		signIn:  applications.NewTries(10, time.Hour),
		begun:   applications.NewTries(beginnings, time.Minute),
	}
	s.handler = s.headers(s.recovered(s.crossOrigin(s.routes())))
	return s
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

func (s *server) routes() http.Handler {
	mux := http.NewServeMux()
	handle := func(pattern string, h func(http.ResponseWriter, *http.Request) error) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			if err := s.admitted(w, r, h); err != nil {
				s.fail(w, r, err)
			}
		})
	}
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/calls", http.StatusSeeOther)
	})
	mux.Handle("GET /assets/", assetHandler())

	handle("GET /calls", s.getCalls)
	handle("GET /calls/{program}", s.getCall)
	handle("GET /calls/{program}/privacy", s.getPrivacy)

	handle("GET /apply/{program}", s.getApply)
	handle("GET /apply/{program}/questions/{page}", s.getQuestion)
	handle("POST /apply/{program}/questions/{page}", s.postQuestion)
	handle("GET /apply/{program}/check", s.getCheck)
	handle("POST /apply/{program}/check", s.postCheck)
	handle("GET /apply/{program}/saved", s.getSaved)
	handle("GET /apply/{program}/return", s.getReturn)
	handle("POST /apply/{program}/return", s.postReturn)
	handle("POST /apply/{program}/leave", s.postLeave)
	handle("GET /apply/{program}/receipt", s.getReceipt)
	handle("GET /apply/{program}/status", s.getStatus)
	handle("POST /apply/{program}/accept", s.postAccept)
	handle("GET /apply/{program}/decline", s.getDecline)
	handle("POST /apply/{program}/decline", s.postDecline)
	handle("GET /apply/{program}/withdraw", s.getWithdraw)
	handle("POST /apply/{program}/withdraw", s.postWithdraw)

	handle("GET /apply/{program}/slip/{selection}", s.getSlip)
	handle("GET /apply/{program}/slip/{selection}/{file}", s.getSlipFile)

	handle("GET /mentoring/{program}/enroll", s.getEnroll)
	handle("POST /mentoring/{program}/enroll", s.postEnroll)
	handle("GET /mentoring/{program}/return", s.getMentorReturn)
	handle("POST /mentoring/{program}/return", s.postMentorReturn)
	handle("GET /mentoring/{program}/profile/{section}", s.getProfile)
	handle("POST /mentoring/{program}/profile/{section}", s.postProfile)
	handle("GET /mentoring/{program}/review", s.getEnrollReview)
	handle("POST /mentoring/{program}/review", s.postEnrollReview)
	handle("GET /mentoring/{program}/receipt", s.getEnrollReceipt)
	handle("GET /mentoring/{program}/saved", s.getEnrollReceipt)
	handle("GET /mentoring/{program}/withdraw", s.getEnrollWithdraw)
	handle("POST /mentoring/{program}/withdraw", s.postEnrollWithdraw)
	handle("GET /mentoring/{program}", s.getMentoring)
	handle("POST /mentoring/{program}/state", s.postMentoringState)
	handle("POST /mentoring/{program}/leave", s.postMentoringLeave)
	handle("POST /mentoring/{program}/proposals/{proposal}/accept", s.postProposalAccept)
	handle("GET /mentoring/{program}/proposals/{proposal}/decline", s.getProposalDecline)
	handle("POST /mentoring/{program}/proposals/{proposal}/decline", s.postProposalDecline)
	handle("GET /mentoring/{program}/mentorships/{mentorship}", s.getMentorship)
	handle("POST /mentoring/{program}/mentorships/{mentorship}", s.postMentorship)
	handle("GET /mentoring/{program}/mentorships/{mentorship}/exit", s.getExit)
	handle("POST /mentoring/{program}/mentorships/{mentorship}/exit", s.postExit)

	handle("GET /draws/{program}/{selection}", s.getDraw)
	handle("GET /draws/{program}/{selection}/{file}", s.getDrawFile)
	handle("GET /verify", s.getVerify)
	handle("POST /verify", s.postVerify)

	handle("GET /enter/{code}", s.getEnter)
	handle("POST /enter/{code}", s.postEnter)
	handle("GET /sign-in", s.getSignIn)
	handle("POST /sign-in", s.postSignIn)
	handle("POST /sign-out", s.postSignOut)

	handle("GET /programs", s.getPrograms)
	handle("GET /programs/{program}/criteria", s.getEditor)
	handle("POST /programs/{program}/criteria", s.postEditor)
	handle("POST /programs/{program}/criteria/check", s.postCriteriaCheck)
	handle("GET /programs/{program}/criteria/{version}", s.getVersion)
	handle("POST /programs/{program}/criteria/{version}/register", s.postRegister)
	handle("GET /programs/{program}/outreach", s.getOutreach)
	handle("GET /programs/{program}/extend", s.getExtend)
	handle("POST /programs/{program}/extend", s.postExtend)
	handle("GET /programs/{program}/selections", s.getRuns)
	handle("POST /programs/{program}/selections", s.postRun)
	handle("GET /programs/{program}/selections/{selection}", s.getRun)
	handle("POST /programs/{program}/selections/{selection}/cancel", s.postCancel)
	handle("GET /programs/{program}/selections/{selection}/draw", s.getCeremony)
	handle("POST /programs/{program}/selections/{selection}/draw", s.postDraw)
	handle("POST /programs/{program}/selections/{selection}/commit", s.postCommit)
	handle("GET /programs/{program}/selections/{selection}/people/{code}", s.getPerson)
	handle("GET /programs/{program}/selections/{selection}/people/{code}/what-if", s.getWhatIf)
	handle("GET /programs/{program}/selections/{selection}/alternatives", s.getOptions)
	handle("GET /programs/{program}/selections/{selection}/standby", s.getStandby)
	handle("GET /programs/{program}/selections/{selection}/swap", s.getSwap)
	handle("POST /programs/{program}/selections/{selection}/choose", s.postChoose)
	handle("GET /programs/{program}/selections/{selection}/report", s.getBoard)
	handle("GET /programs/{program}/selections/{selection}/replace", s.getReplace)
	handle("POST /programs/{program}/selections/{selection}/replace", s.postReplace)
	handle("GET /programs/{program}/selections/{selection}/offers", s.getMakeOffers)
	handle("POST /programs/{program}/selections/{selection}/offers", s.postMakeOffers)
	handle("GET /programs/{program}/offers", s.getOffers)
	handle("GET /programs/{program}/offers/send", s.getSendOffers)
	handle("POST /programs/{program}/offers/send", s.postSendOffers)
	handle("GET /programs/{program}/offers/{offer}", s.getOffer)
	handle("POST /programs/{program}/offers/{offer}", s.postOffer)

	handle("GET /programs/{program}/matchings", s.getMatchings)
	handle("POST /programs/{program}/matchings", s.postMatching)
	handle("GET /programs/{program}/matchings/{matching}", s.getMatching)
	handle("POST /programs/{program}/matchings/{matching}/cancel", s.postMatchingCancel)
	handle("GET /programs/{program}/matchings/{matching}/pairs/{mentee}", s.getMentee)
	handle("GET /programs/{program}/matchings/{matching}/try", s.getTry)
	handle("GET /programs/{program}/matchings/{matching}/edits", s.getEdits)
	handle("POST /programs/{program}/matchings/{matching}/edits", s.postEdit)
	handle("GET /programs/{program}/matchings/{matching}/publish", s.getPublish)
	handle("POST /programs/{program}/matchings/{matching}/publish", s.postPublish)
	handle("GET /programs/{program}/matchings/{matching}/audit", s.getAudit)
	handle("GET /programs/{program}/matchings/{matching}/pairs.csv", s.getPairsFile)
	handle("GET /programs/{program}/matchings/{matching}/certificate", s.getCertificate)
	handle("GET /programs/{program}/proposals", s.getProposals)
	handle("POST /programs/{program}/proposals", s.postByHand)
	handle("GET /programs/{program}/proposals/{proposal}", s.getProposal)
	handle("POST /programs/{program}/proposals/{proposal}", s.postProposal)
	handle("GET /programs/{program}/mentorships", s.getShips)
	handle("GET /programs/{program}/mentorships/{mentorship}", s.getShip)
	handle("POST /programs/{program}/mentorships/{mentorship}", s.postShip)
	handle("GET /programs/{program}/measures", s.getMeasures)

	s.peopleRoutes(handle)

	handle("/", func(http.ResponseWriter, *http.Request) error { return errNoPage })
	return mux
}

// admitted lets a request in once it is read whole: whoever sends slowly keeps
// nobody out.
func (s *server) admitted(w http.ResponseWriter, r *http.Request, h func(http.ResponseWriter, *http.Request) error) error {
	if s.Admit == nil {
		return h(w, r)
	}
	if r.Method == http.MethodPost {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return badForm(err)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	admitted, leave, err := s.Admit(w, r)
	if err != nil {
		w.Header().Set("Retry-After", "1")
		return errBusy
	}
	defer leave()
	return h(admitted, r)
}

var errBusy = applications.Errorf(applications.Unavailable, "OVERLOADED", "the service has more to do just now than it can")

var errNoPage = applications.Errorf(applications.NotFound, "PAGE_NOT_FOUND", "there is no page at this address")

// contentSecurityPolicy leaves nothing to third parties and no room for inline
// code. The few scripts are files of our own, and no page needs them.
const contentSecurityPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

func (s *server) headers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", contentSecurityPolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		// Not no-referrer: browsers would then post with "Origin: null", and
		// the check against cross-origin posts could not tell ours.
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
		if !strings.HasPrefix(r.URL.Path, "/assets/") {
			h.Set("Cache-Control", "no-store") // shared computers
			h.Add("Vary", "Cookie, Accept-Language")
		}
		if l := r.URL.Query().Get("lang"); r.Method == http.MethodGet && slices.Contains(s.Languages, l) {
			s.setCookie(w, languageCookie, l)
		}
		// 64 KiB is five times the longest page of a form.
		most := int64(64 << 10)
		if s.uploads(r) {
			most = mostUpload
		}
		r.Body = http.MaxBytesReader(w, r.Body, most)
		next.ServeHTTP(w, r)
	})
}

// crossOrigin refuses posts that another site made a browser send. It needs no
// token in the form, so a tab opened days ago still submits.
func (s *server) crossOrigin(next http.Handler) http.Handler {
	p := http.NewCrossOriginProtection()
	if u, err := url.Parse(s.PublicURL); err == nil && u.Host != "" {
		if err := p.AddTrustedOrigin(u.Scheme + "://" + u.Host); err != nil {
			s.Log.Warn("public URL is no origin", "error", err)
		}
	}
	p.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.fail(w, r, applications.Errorf(applications.PermissionDenied, "CROSS_ORIGIN",
			"the form was sent from another site"))
	}))
	return p.Handler(next)
}

func (s *server) recovered(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			p := recover()
			if p == nil {
				return
			}
			if p == http.ErrAbortHandler {
				panic(p)
			}
			// The value may hold an answer: only its type is logged.
			s.Log.ErrorContext(r.Context(), "page panicked", "type", typeName(p), "stack", stack())
			s.fail(w, r, errPanicked)
		}()
		next.ServeHTTP(w, r)
	})
}

var errPanicked = errors.New("a page panicked")

// fail answers with the page for an error. What is not the caller's to mend is
// logged under a reference, and the caller is told nothing but the reference.
func (s *server) fail(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, context.Canceled) && r.Context().Err() != nil {
		return // nobody is listening
	}
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		err = applications.Errorf(applications.ResourceExhausted, "BODY_TOO_LARGE", "the form is larger than 64 KiB")
	}
	code := applications.CodeOf(err)
	if code == applications.Unauthenticated && r.Method == http.MethodGet && strings.HasPrefix(r.URL.Path, "/programs") {
		http.Redirect(w, r, "/sign-in?"+url.Values{"to": {r.URL.RequestURI()}}.Encode(), http.StatusSeeOther)
		return
	}
	if errors.Is(err, errNoLink) && r.Method == http.MethodGet {
		if page, err := s.newMentorReturnPage(r, "", ""); err == nil {
			s.render(w, r, http.StatusUnauthorized, "enroll-return", page)
			return
		}
	}
	page := &errorPage{frame: s.frame(r)}
	page.fill(code, applications.ReasonOf(err), err)
	if tooLarge != nil && s.uploads(r) {
		page.Text = page.tongue.say("people.import.large", "n", mostListPeople)
	}
	var erased *erasedError
	if errors.As(err, &erased) {
		// Once: the next page is that of somebody who has not applied.
		s.dropApplicant(w, erased.program)
		page.gone()
		s.render(w, r, page.status, "error", page)
		return
	}
	if code == applications.Internal || code == applications.DataLoss {
		var b [4]byte
		rand.Read(b[:])
		page.Reference = hex.EncodeToString(b[:])
		s.Log.ErrorContext(r.Context(), "page failed", "reference", page.Reference, "error", err)
	}
	s.render(w, r, page.status, "error", page)
}

//go:embed assets
var assetFiles embed.FS

// assetHandler serves the style sheet, the scripts and the mark under a name that changes
// with their contents, so that browsers may keep them for good.
func assetHandler() http.Handler {
	sub, err := fs.Sub(assetFiles, "assets")
	if err != nil {
		panic(err)
	}
	files := http.StripPrefix("/assets/"+assetTag+"/", http.FileServerFS(sub))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/assets/"+assetTag+"/") || strings.HasSuffix(r.URL.Path, "/") {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
		files.ServeHTTP(w, r)
	})
}
