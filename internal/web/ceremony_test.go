package web

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/matcher/verify"
)

// sealed starts a run with what the start form takes, and works until its pool
// and ticket book are sealed. It returns the run's address.
func (x *site) sealed(pairs ...string) string {
	x.Helper()
	started := x.fill(x.get("/programs/"+testProgram+"/selections"), pairs...)
	if started.status != http.StatusSeeOther {
		x.Fatalf("starting gave %d: %s", started.status, started.text())
	}
	x.work(func() bool { return x.get(started.to).header.Get("Refresh") == "" })
	return started.to
}

// Two people make the seed: each is bound before any text is told; a text that
// is another than the one that was bound is refused; everybody can check it.
func TestDrawWithTwoPeople(t *testing.T) {
	x := newSite(t)
	// One of the pool, with a browser of their own.
	_, code := x.begin("Invented Applicant")
	own := must(x.svc.Resume(t.Context(), testProgram, code))(x).Application
	who := access.Principal{Subject: "applications/" + own.ID, Program: own.Program, Application: own.ID}
	own.Answers = applications.Answers{"role_authority": {Values: []string{"structural_change"}}, "county": {Values: []string{"skagit"}}}
	must(x.svc.UpdateApplication(t.Context(), who, own, []string{"answers"}, applications.Idempotency{}))(x)
	x.do(http.MethodPost, apply+"/check", url.Values{"c.take_part": {"yes"}}, nil)
	applicant := x.browser
	x.pool(30)
	x.signedIn(access.Facilitator)

	refused := x.fill(x.get("/programs/"+testProgram+"/selections"), "seed_kind", "COMMIT_REVEAL", "first", "The chair", "second", "the chair")
	x.has(refused, "There is a problem", "two different people")
	x.has(x.fill(refused, "second", "A board member", "include", "NS-9999"), "There is a problem", "nobody in the pool has this id or code", "say why")
	run := x.sealed("seed_kind", "COMMIT_REVEAL", "first", "The chair", "second", "A board member")
	stage := x.get(run + "/draw")
	x.has(stage, "Sealed and ready for the draw", "The chair", "A board member", "Ticket book")
	x.hasNot(stage, "Go on to the draw")

	texts := []string{"the tide comes in twice a day", "salmon swim up  the Skagit in fall"}
	commit := func(person, text string) *answer {
		sum := sha256.Sum256([]byte(text))
		return x.do(http.MethodPost, run+"/commit", url.Values{"person": {person}, "digest": {hex.EncodeToString(sum[:])}}, nil)
	}
	x.has(x.do(http.MethodPost, run+"/commit", url.Values{"person": {"The chair"}, "digest": {"abc"}}, nil), "There is a problem", "64 digits")
	x.has(x.do(http.MethodPost, run+"/commit", url.Values{"person": {"Somebody else"}, "digest": {strings.Repeat("ab", 32)}}, nil), "There is a problem", "one of: The chair")
	x.follow(commit("The chair", texts[0]))
	x.has(commit("A board member", texts[1]), "There is a problem", "somebody else, under their own name")
	x.signedIn(access.Facilitator)
	x.has(commit("A board member", texts[0]), "There is a problem") // a copy of the other's
	x.follow(commit("A board member", texts[1]))
	x.follow(commit("A board member", "another text that is long")) // pressed twice: the first one stands

	stage = x.get(run + "/draw")
	x.has(stage, "Bound to a text", "Entered by the account tokens/", "Go on to the draw")
	x.has(x.fill(stage, "p1.text", texts[0]), "There is a problem", "Enter the text")
	wrong := x.fill(x.fill(stage, "p1.text", texts[0], "p2.text", "salmon swim up the Skagit in fall"))
	x.has(wrong, "There is a problem", "this is not the text that A board member committed to")
	review := x.fill(stage, "p1.text", texts[0], "p2.text", texts[1])
	x.has(review, "This is about to be drawn", texts[0])
	drawn := x.follow(x.fill(review))
	x.has(drawn, "Drawn", "DRAWN", texts[0], "The 15 people")

	// Everybody, without signing in: the page, the file, and the check of it.
	x.browser = x.newBrowser()
	public := "/draws/" + testProgram + strings.TrimPrefix(run, "/programs/"+testProgram+"/selections")
	x.has(x.get("/calls/"+testProgram), "Draws", "Sealed Nov")
	page := x.get(public)
	x.has(page, "The draw, for everybody to check", "Every check held that this file alone allows", "takes another file", "fairlead verify")
	x.hasNot(page, "NS-", "Skagit County")
	id := run[strings.LastIndexByte(run, '/')+1:]
	file := x.get(public + "/draw-" + id + ".json")
	if file.status != http.StatusOK || file.header.Get("Content-Disposition") == "" || !strings.HasPrefix(file.body, `{"format"`) {
		t.Fatalf("the file: %d %s", file.status, file.body)
	}
	if a := x.get(public + "/anything.json"); a.status != http.StatusNotFound {
		t.Errorf("another name gave %d", a.status)
	}
	x.has(x.do(http.MethodPost, "/verify", url.Values{"pasted": {file.body}}, nil), "Every check held", "public record")
	x.has(x.do(http.MethodPost, "/verify", url.Values{"pasted": {strings.Replace(file.body, `"ticket":`, `"ticket":1`, 1)}}, nil), "Refused", "broken")
	x.has(x.do(http.MethodPost, "/verify", url.Values{}, nil), "Choose a file")
	x.has(x.do(http.MethodPost, "/verify", url.Values{"pasted": {"not a record"}}, nil), "cannot be read")
	x.has(x.do(http.MethodPost, "/verify", url.Values{"pasted": {`{"format":"fairlead public record","version":99}`}}, nil), "newer version")
	x.has(x.upload("/verify", map[string]string{"file": file.body + "\n"}), "Every check held")

	// The applicant's slip, for the applicant alone.
	slip := "/apply/" + testProgram + "/slip/" + id
	if a := x.get(slip); a.to != apply+"/return" {
		t.Errorf("a slip without a session leads to %d %q", a.status, a.to)
	}
	x.browser = applicant
	status := x.get(apply + "/status")
	x.has(status, "Your slip")
	x.has(x.get(slip), "It proves that your application was in the pool", "Every check held", "slip")
	mine := x.get(slip + "/slip-" + id + ".json")
	var opened struct {
		Salt, Application string
		Answers           map[string][]string
	}
	if err := json.Unmarshal([]byte(mine.body), &opened); err != nil {
		t.Fatal(err)
	}
	salt, _ := hex.DecodeString(opened.Salt)
	leaf := verify.PoolLeaf(salt, opened.Application, verify.AnswersDigest(opened.Answers))
	x.has(x.get(apply+"/receipt"), "Fingerprint of your application", hex.EncodeToString(leaf[:]))
	if !strings.Contains(mine.body, "skagit") {
		t.Errorf("the slip does not hold the answers: %s", mine.body)
	}
	x.has(x.upload("/verify", map[string]string{"file": mine.body, "public": file.body}), "Every check held", "applicant's slip")
	x.has(x.upload("/verify", map[string]string{"file": strings.Replace(mine.body, "skagit", "island", 1), "public": file.body}), "Refused")
	if strings.Contains(x.log.String(), texts[0]) {
		t.Error("the log holds a text of the seed")
	}
}

// upload posts files as a browser does.
func (x *site) upload(path string, files map[string]string) *answer {
	x.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, field := range slices.Sorted(maps.Keys(files)) {
		part, err := w.CreateFormFile(field, field+".json")
		if err != nil {
			x.Fatal(err)
		}
		part.Write([]byte(files[field]))
	}
	w.WriteField("pasted", "")
	w.Close()
	return x.send(http.MethodPost, path, &b, http.Header{"Content-Type": {w.FormDataContentType()}})
}

func TestDrawWithAPublicNumber(t *testing.T) {
	x := newSite(t)
	x.pool(30)
	x.signedIn(access.Facilitator)
	runs := "/programs/" + testProgram + "/selections"
	x.has(x.fill(x.get(runs), "seed_kind", "PUBLIC_NUMBER"), "There is a problem", "say how, when and where")
	run := x.sealed("seed_kind", "PUBLIC_NUMBER", "source", "Six invented dice.")
	stage := x.get(run + "/draw")
	x.has(stage, "Six invented dice.", "The number that was drawn")
	// For the phones in the room: the address of the public page and nothing else.
	public := x.server.URL + "/draws/" + testProgram + strings.TrimPrefix(run, runs)
	if code := qrCode(public, "QR code of this address, to open it with a phone"); code == "" || strings.Count(stage.body, string(code)) != 1 {
		t.Errorf("the QR code of %s is not on the page", public)
	}
	x.has(x.fill(stage, "value", ""), "Enter the number that was drawn")
	x.has(x.fill(x.fill(stage, "value", "six")), "There is a problem", "digits")
	review := x.fill(stage, "value", "4-1 62")
	x.has(review, "This is about to be drawn", "4-1 62")
	x.has(x.follow(x.fill(review)), "4 1 6 2", "DRAWN")
	// Once more, with a reason, and never with the same number.
	again := x.fill(x.fill(x.get(run+"/draw"), "value", "4 1 6 2", "reason", "A withdrawal."))
	x.has(again, "There is a problem", "this number was used")
	x.has(x.follow(x.fill(x.fill(x.get(run+"/draw"), "value", "3 3", "reason", "A withdrawal."))), "Draw 2", "A withdrawal.")
	x.has(x.get("/draws/"+testProgram+strings.TrimPrefix(run, runs)), "Every check held")
	// A trial is never drawn.
	trial := x.sealed("trial", "yes")
	x.has(x.get(trial), "What is possible", "Smallest chance", "Trial")
	if a := x.get(trial + "/draw"); a.to != trial {
		t.Errorf("the draw of a trial: %d", a.status)
	}
	// Others than those who run selections look on.
	x.signedIn(access.ProgramAdministrator)
	x.hasNot(x.get(run+"/draw"), "Go on to the draw")
	if a := x.do(http.MethodPost, run+"/draw", url.Values{"value": {"5"}, "reason": {"x"}, "sure": {"yes"}}, nil); a.status != http.StatusForbidden {
		t.Errorf("a program administrator drawing: %d", a.status)
	}
	x.has(x.get(run), "Kept for facilitators: chances")
}

// A page of a run says how long it has worked; one that ended, how long it took.
func TestRunTellsTheTime(t *testing.T) {
	x := newSite(t)
	x.pool(30)
	x.signedIn(access.Facilitator)
	run := x.fill(x.get("/programs/" + testProgram + "/selections")).to
	x.pass(75 * time.Second)
	x.has(x.get(run), "Time since then", "1 min 15 s")
	x.follow(x.do(http.MethodPost, run+"/cancel", url.Values{}, nil))
	x.work(func() bool { return x.get(run).header.Get("Refresh") == "" })
	ended := x.get(run)
	x.has(ended, "Canceled", "Time it took", "1 min 15 s")
	x.pass(time.Hour)
	if again := x.get(run); again.text() != ended.text() {
		t.Errorf("the time of a run that ended goes on: %s", again.text())
	}
	l := tongue("en")
	for d, want := range map[time.Duration]string{-time.Second: "0 s", 59900 * time.Millisecond: "59 s", time.Minute: "1 min 0 s", 3 * time.Hour: "3 h 0 min", 25*time.Hour + 61*time.Second: "25 h 1 min"} {
		if got := l.elapsed(d); got != want {
			t.Errorf("%v is %q, want %q", d, got, want)
		}
	}
}

// A way out that takes back a lock leads to a trial without that lock, with the
// others and their reasons as they were.
func TestTrialWithoutALock(t *testing.T) {
	x := newSite(t)
	_, who, _ := x.staffToken(access.Facilitator)
	c := must(x.svc.SaveCriteria(t.Context(), who, &applications.Criteria{
		Program: testProgram, Name: "own", Size: 15, MinSize: 15,
		Rules: []applications.CriteriaRule{{Kind: "quota", Attribute: "county", Values: []string{"skagit"}, Max: number(1)}},
	}, applications.Idempotency{}))(x)
	must(x.svc.RegisterCriteria(t.Context(), who, testProgram, c.Version, "To be tried.", "An Invented Colleague", applications.Idempotency{}))(x)
	x.pool(30)
	x.signedIn(access.Facilitator)
	runs := "/programs/" + testProgram + "/selections"
	// Two of Skagit, where one is the most; somebody else is locked in, too.
	include, exclude := "NS-0003 NS-0001 NS-0008", "NS-0021 NS-0022"
	run := x.sealed("include", include, "exclude", exclude, "lock_reason", "As the invented board asked.")
	page := x.get(run)
	x.has(page, "Ways out", "Release the lock on NS-0003", "Release the lock on NS-0008", "Try it in a trial")
	link := runs + "?from=" + run[strings.LastIndexByte(run, '/')+1:] + "&unlock=NS-0003"
	if !strings.Contains(page.body, `href="`+strings.ReplaceAll(link, "&", "&amp;")+`"`) {
		t.Fatalf("there is no link %s", link)
	}
	form := x.get(link)
	_, filled := form.form()
	for name, value := range map[string]string{"include": "NS-0001 NS-0008", "exclude": exclude, "lock_reason": "As the invented board asked."} {
		if got := filled.Get(name); got != value {
			t.Errorf("%s is %q, want %q", name, got, value)
		}
	}
	trial := x.fill(form)
	x.work(func() bool { return x.get(trial.to).header.Get("Refresh") == "" })
	x.has(x.get(trial.to), "Trial")
	x.hasNot(x.get(trial.to), "Ways out")
	if filled.Get("trial") != "yes" {
		t.Error("it is no trial")
	}
	if a := x.get(runs + "?from=nothing"); a.status != http.StatusNotFound {
		t.Errorf("a run that is not: %d", a.status)
	}
	x.signedIn(access.ProgramAdministrator) // looks on
	x.hasNot(x.get(run), "Try it in a trial")
}

// A reason of one lock is nobody else's: where they differ the form asks anew.
func TestTrialWithoutALockKeepsReasonsApart(t *testing.T) {
	lock := func(code, reason string) applications.Lock { return applications.Lock{Code: code, Reason: reason} }
	run := &applications.Selection{Include: []applications.Lock{lock("NS-0001", "one"), lock("NS-0002", "other"), lock("NS-0003", "one")}}
	for unlocked, want := range map[string]string{"NS-0002": "one", "NS-0003": ""} {
		v := &startView{}
		if v.without(run, []string{unlocked}); v.LockReason != want {
			t.Errorf("without %s: %q, want %q", unlocked, v.LockReason, want)
		}
	}
}
