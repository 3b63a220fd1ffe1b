package server_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/internal/presets"
	"github.com/openfairlead/fairlead/internal/server"
	"github.com/openfairlead/fairlead/internal/server/problem"
	"github.com/openfairlead/fairlead/internal/sqlstore"
	"github.com/openfairlead/fairlead/internal/sqlstore/storetest"
	"github.com/openfairlead/fairlead/internal/vault"
	"github.com/openfairlead/fairlead/introductions"
	"github.com/openfairlead/fairlead/mentoring"
)

// world is a whole server over a real store, with a clock of its own and both
// doors open.
type world struct {
	t         testing.TB
	svc       *applications.Service
	mentoring *mentoring.Service
	networks  *introductions.Service
	app       *server.App
	log       *logBuffer
	rest      string // base URL
	conn      *grpc.ClientConn
	api       *apiDocument

	mu  sync.Mutex
	now time.Time

	admin string // token
}

// noon is when every world begins.
var noon = time.Date(2027, 1, 15, 20, 0, 0, 0, time.UTC)

func newWorld(t testing.TB) *world {
	t.Helper()
	v, err := vault.Generate()
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, now: noon, log: &logBuffer{}, api: openDocument(t)}
	log := slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	shipped, err := presets.All()
	if err != nil {
		t.Fatal(err)
	}
	w.svc = &applications.Service{
		Store: storetest.OpenWith(t, v), Secrets: v, Log: log, Now: w.clock,
		NewID: func() string { return uuid.Must(uuid.NewV7()).String() }, Random: rand.Reader, Engine: "test", Presets: shipped,
	}
	store := w.svc.Store.(*sqlstore.Store)
	w.mentoring = &mentoring.Service{
		Store: store.Mentoring(), Secrets: v, Log: log, Now: w.clock, NewID: w.svc.NewID, Random: rand.Reader, Engine: "test",
	}
	w.networks = &introductions.Service{
		Store: store.Networks(), Secrets: v, Log: log, Now: w.clock, NewID: w.svc.NewID, Random: rand.Reader, Engine: "test",
	}
	if w.app, err = server.NewApp(server.Options{Service: w.svc, Mentoring: w.mentoring, Networks: w.networks, Log: log}); err != nil {
		t.Fatal(err)
	}
	rest := httptest.NewServer(w.app.HTTP)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- w.app.GRPC.Serve(l) }()
	if w.conn, err = grpc.NewClient(l.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials())); err != nil {
		t.Fatal(err)
	}
	w.rest = rest.URL
	t.Cleanup(func() {
		w.conn.Close()
		rest.Close()
		w.app.Close()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	if w.admin, err = w.svc.FirstToken(context.Background()); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

// token makes a token with one role, for one program or for all.
func (w *world) token(role access.Role, program string) string {
	w.t.Helper()
	secret, err := w.svc.IssueToken(context.Background(), access.Principal{Subject: "test", Grants: []access.Grant{{Role: access.Administrator}}},
		&applications.Token{Grants: []access.Grant{{Role: role, Program: program}}}, applications.Idempotency{})
	if err != nil {
		w.t.Fatal(err)
	}
	return secret
}

// person makes a token of a member of staff with one role.
func (w *world) person(role access.Role, program string) string {
	w.t.Helper()
	ctx := context.Background()
	admin := access.Principal{Subject: "test", Grants: []access.Grant{{Role: access.Administrator}}}
	user, err := w.svc.CreateUser(ctx, admin, &applications.User{Name: "Invented Staff", Grants: []access.Grant{{Role: role, Program: program}}}, applications.Idempotency{})
	if err != nil {
		w.t.Fatal(err)
	}
	secret, err := w.svc.IssueToken(ctx, admin, &applications.Token{User: user.ID}, applications.Idempotency{})
	if err != nil {
		w.t.Fatal(err)
	}
	return secret
}

// ---- the two doors ----

// outcome is what came of one call, told alike by both doors.
type outcome struct {
	code   string // as google.rpc.Code spells it
	reason string
	fields []string // of the violations
	status int      // REST only
	header http.Header
	body   []byte // REST: the body; gRPC: empty
}

func (o outcome) ok() bool { return o.code == "OK" }

// answer is a REST answer.
type answer struct {
	outcome
}

// into decodes a body.
func (a answer) into(t testing.TB, v any) {
	t.Helper()
	if err := json.Unmarshal(a.body, v); err != nil {
		t.Fatalf("%v in %s", err, a.body)
	}
}

// call is one REST call; headers are "Name: value",
// sent as often as they are there. Its answer is checked
// against the OpenAPI document.
func (w *world) call(method, path, token, body string, headers ...string) answer {
	w.t.Helper()
	req, err := http.NewRequest(method, w.rest+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		if name == "Content-Type" {
			req.Header.Del(name)
		}
		req.Header.Add(name, value)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	if method != http.MethodHead {
		w.api.check(w.t, method, path, resp, b)
	}
	return answer{restOutcome(w.t, resp, b)}
}

// must is call for what has to succeed.
func (w *world) must(method, path, token, body string, headers ...string) answer {
	w.t.Helper()
	a := w.call(method, path, token, body, headers...)
	if a.status/100 != 2 {
		w.t.Fatalf("%s %s: %d %s", method, path, a.status, a.body)
	}
	return a
}

func restOutcome(t testing.TB, resp *http.Response, body []byte) outcome {
	t.Helper()
	o := outcome{code: "OK", status: resp.StatusCode, header: resp.Header, body: body}
	if resp.StatusCode/100 == 2 {
		return o
	}
	if got := resp.Header.Get("Content-Type"); got != problem.ContentType {
		t.Fatalf("%d as %q: %s", resp.StatusCode, got, body)
	}
	var p problem.Problem
	if err := json.Unmarshal(body, &p); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	if p.Status != resp.StatusCode {
		t.Fatalf("status %d with a problem that says %d", resp.StatusCode, p.Status)
	}
	o.code, o.reason = p.Code, p.Reason
	for _, v := range p.Violations {
		o.fields = append(o.fields, v.Field)
	}
	return o
}

func grpcOutcome(err error) outcome {
	st := status.Convert(err)
	if err == nil {
		return outcome{code: "OK"}
	}
	p := problem.From(st, false)
	o := outcome{code: p.Code, reason: p.Reason}
	for _, v := range p.Violations {
		o.fields = append(o.fields, v.Field)
	}
	return o
}

// with is a context for gRPC calls.
func with(ctx context.Context, token string) context.Context {
	if token == "" {
		return ctx
	}
	return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token)
}

// ---- things in the world ----

// form is a small form of its own, so that a test reads at a glance.
const form = `{
 "attributes": [
  {"key": "county", "kind": "SINGLE", "question": {"en": "Which county?"}, "label": {"en": "County"}, "decline": true,
   "sensitivity": "PERSONAL", "purposes": ["BALANCE"],
   "values": [{"code": "island", "label": {"en": "Island"}}, {"code": "skagit", "label": {"en": "Skagit"}}, {"code": "whatcom", "label": {"en": "Whatcom"}}]},
  {"key": "sector", "kind": "MULTI", "question": {"en": "Which sector?"}, "label": {"en": "Sector"}, "required": true,
   "sensitivity": "INTERNAL", "purposes": ["BALANCE", "LOGISTICS"],
   "values": [{"code": "health", "label": {"en": "Health"}}, {"code": "housing", "label": {"en": "Housing"}}, {"code": "food", "label": {"en": "Food"}}]},
  {"key": "why_now", "kind": "TEXT", "question": {"en": "Why now?"}, "label": {"en": "Why now"}, "sensitivity": "PERSONAL", "purposes": ["REPORT"]}
 ],
 "pages": [
  {"key": "contact", "title": {"en": "You"}},
  {"key": "work", "title": {"en": "Your work"}, "attributes": ["county", "sector", "why_now"]},
  {"key": "consent", "title": {"en": "Consent"}}
 ],
 "consents": [{"key": "take_part", "text": {"en": "I ask to be considered."}, "required": true}]
}`

const criteria = `{"title": "test", "size": 3, "minSize": 2,
 "rules": [{"kind": "SPREAD", "attribute": "sector", "min": 2, "priority": 1}, {"kind": "CAP", "attribute": "sector", "max": 2},
  {"kind": "SPREAD", "attribute": "county", "min": 2, "priority": 2}]}`

// draft makes a program that is ready to be opened.
func (w *world) draft(id string) {
	w.t.Helper()
	w.must("POST", "/v1/programs?programId="+id, w.admin, `{
  "title": {"en": "Program `+id+`"}, "summary": {"en": "A program."}, "audience": {"en": "Anybody."}, "effort": {"en": "A day."},
  "selectionNote": {"en": "By targets."}, "contact": {"en": "Ask us, 555-0100."}, "region": {"en": "Here"},
  "codePrefix": "NS", "minSeats": 2, "seats": 3,
  "window": {"openTime": "2027-01-15T00:00:00Z", "closeTime": "2027-02-15T00:00:00Z", "timeZone": "America/Los_Angeles"}}`)
	w.must("POST", "/v1/programs/"+id+"/forms", w.admin, form)
	w.must("POST", "/v1/programs/"+id+"/criteria", w.token(access.Facilitator, id), criteria)
}

// open makes a program and opens its call.
func (w *world) open(id string) {
	w.t.Helper()
	w.draft(id)
	w.must("POST", "/v1/programs/"+id+":open", w.admin, "{}")
}

// choose closes a call, chooses a cohort and returns the run's name.
func (w *world) choose(program string) string {
	w.t.Helper()
	w.must("POST", "/v1/programs/"+program+":close", w.admin, "{}")
	var run struct{ Name string }
	w.must("POST", "/v1/programs/"+program+"/selections", w.token(access.Facilitator, program), `{"seed": "s", "lottery": "NONE"}`).into(w.t, &run)
	for {
		worked, err := applications.NewRunner(w.svc, "test").RunOne(context.Background())
		if err != nil {
			w.t.Fatal(err)
		}
		if !worked {
			return run.Name
		}
	}
}

// offered makes a program whose cohort of three was sent offers, and returns
// their names.
func (w *world) offered(program string) []string {
	w.t.Helper()
	w.open(program)
	for n := range 6 {
		w.apply(program, n, true)
	}
	run, person := w.choose(program), w.person(access.Facilitator, program)
	var made struct{ Offers []struct{ Name string } }
	w.must("POST", "/v1/programs/"+program+"/offers:prepare", person, `{"selection": "`+run+`", "reason": "as proposed"}`).into(w.t, &made)
	w.must("POST", "/v1/programs/"+program+"/offers:send", person, `{"expireTime": "2027-03-01T00:00:00Z"}`)
	var names []string
	for _, o := range made.Offers {
		names = append(names, o.Name)
	}
	return names
}

// offer puts an offer that was sent straight into the store, whatever state
// its program is in, and returns its id.
func (w *world) offer(program, application string) string {
	w.t.Helper()
	o := &applications.Offer{
		Program: program, ID: w.svc.NewID(), Application: application, Code: "NS-0001", State: applications.OfferSent,
		SendTime: w.clock(), ExpireTime: w.clock().AddDate(0, 1, 0), CreateTime: w.clock(), UpdateTime: w.clock(),
	}
	ctx := context.Background()
	err := w.svc.Store.Update(ctx, func(tx applications.Tx) error {
		if err := tx.OpenSeats(ctx, program, 3); err != nil {
			return err
		}
		if err := tx.OfferSeats(ctx, program, 1, true); err != nil {
			return err
		}
		return tx.InsertOffer(ctx, o)
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return o.ID
}

// applicationBody is the n-th applicant's application, complete.
func applicationBody(n int) string {
	county := []string{"island", "skagit", "whatcom"}[n%3]
	sector := []string{"health", "housing", "food"}[n/3%3]
	return fmt.Sprintf(`{"contact": {"name": "Invented Person %d", "email": "person-%d@example.org"},
 "answers": {"county": {"values": [%q]}, "sector": {"values": [%q]}}, "consents": [{"key": "take_part"}]}`, n, n, county, sector)
}

// applicant is an application with what opens it.
type applicant struct {
	Application struct{ Name, Code, State, Etag string }
	Token       string
	ReturnCode  string
}

func (w *world) apply(program string, n int, submit bool) applicant {
	w.t.Helper()
	path := "/v1/programs/" + program + "/applications"
	if submit {
		path += "?submit=true"
	}
	var a applicant
	w.must("POST", path, "", applicationBody(n)).into(w.t, &a)
	return a
}

// logBuffer can be read while it is written.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.b.Len() > 16<<20 { // after hours of fuzzing
		l.b.Reset()
	}
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
