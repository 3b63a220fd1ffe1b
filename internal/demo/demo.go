// Package demo plays one call for applications from its opening to its
// cohort: it starts the real server on a store that is thrown away, and then
// does everything as a client of the REST gateway.
package demo

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/openfairlead/fairlead/internal/sqlstore"
	"github.com/openfairlead/fairlead/internal/vault"
	"github.com/openfairlead/fairlead/matcher/verify"
)

// Options of one demo.
type Options struct {
	// Seed decides the applicants and the dice: the same seed shows the same
	// people, targets and chances. Who is drawn differs each time, as what is
	// sealed holds salts that nobody knew before.
	Seed string
	// Once ends the demo after printing instead of staying up.
	Once bool
	// Database is the URL of an empty PostgreSQL database to play on, which keeps
	// what the demo wrote; "": a file that is thrown away.
	Database string
	// Color is for a terminal that shows it.
	Color bool
	// Width is how many columns the tables may take; 0: 100.
	Width int
	Out   io.Writer
	// Serve runs `fairlead serve` with these flags until the context ends, and
	// writes its log to the writer.
	Serve func(ctx context.Context, args []string, log io.Writer) error
}

const (
	applicants = 120
	program    = "programs/equity-in-leadership"
	nextCall   = "programs/equity-in-leadership-next"
	preset     = "north-sound"
	// linkValid is as long as the API lets a sign-in link be valid.
	linkValid = "86400s"
)

// Run plays the demo. It returns nil when ctx ends after everything was shown,
// and the context's error when it ends before.
func Run(ctx context.Context, o Options) (err error) {
	dir, err := os.MkdirTemp("", "fairlead-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	begin := time.Now()
	if o.Width == 0 {
		o.Width = 100
	}
	d := &demo{o: o, p: &printer{o.Out, o.Color}}

	d.p.heading("Fairlead demo: one call for applications, from its opening to its cohort")
	then, gone, left := "", "", ""
	if o.Database == "" {
		then, gone, left = " and throws its data away", ", and everything is thrown away", "; nothing is left of it"
		d.p.line("Everybody in it is invented, and everything is thrown away at the end.")
	} else {
		d.p.line("Everybody in it is invented. It plays on the %s.", sqlstore.Describe(o.Database))
	}
	s, err := start(ctx, dir, o.Database, o.Serve)
	if err != nil {
		return err
	}
	defer func() {
		if e := s.stop(); e != nil && err == nil {
			err = e
		}
	}()
	d.client, d.url = newClient(s.url), s.url
	if err := d.staff(ctx, s.adminToken); err != nil {
		return err
	}
	steps := []func(context.Context) error{d.openCall, d.apply, d.closeCall, d.selectBoth, d.showResult, d.compare, d.mentoring}
	if !o.Once { // links would be dead when they are read
		steps = append(steps, d.links)
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			if ctx.Err() != nil {
				return ctx.Err() // Ctrl-C in the middle
			}
			return fmt.Errorf("%w\nwhat the server logged last:\n%s", err, s.lastLog())
		}
	}
	if o.Once {
		d.p.line("\nDone in %.1f s%s. Without --once it stays up, with links to its pages.", time.Since(begin).Seconds(), gone)
		return nil
	}
	d.p.line("\nReady after %.1f s. %s stops the demo%s.", time.Since(begin).Seconds(), d.p.paint(bold, "Ctrl-C"), then)
	select {
	case <-ctx.Done():
		d.p.line("\nStopped%s.", left)
		return nil
	case err := <-s.ended:
		s.ended <- err
		return fmt.Errorf("the server ended by itself: %w\n%s", err, s.lastLog())
	}
}

// nobody is whom the demo's call pages say to ask.
var nobody = text{"en": "This is a demonstration with invented people; nobody answers here."}

// demo is what the steps hand to each other.
type demo struct {
	o      Options
	p      *printer
	client *client
	url    string

	administrator, approver, facilitator, second, coordinator *client

	form              formMessage
	neutral, balanced criteriaMessage
	example           accessMessage // one applicant, for the link
	result, other     resultMessage // balanced, neutral
	run               selectionMessage
	tokens            map[string]string // of the applicants, by code
	matching          matchingMessage
	pair              pairMessage // one of it, for the links
}

// staff makes one token for each of those that a call needs: who runs it, who
// approves the use of identity answers, who selects, and who matches mentors.
// Seats are offered by a person, not by a token of its own.
func (d *demo) staff(ctx context.Context, adminToken string) error {
	admin := d.client.as(adminToken)
	for _, t := range []struct {
		label, role string
		to          **client
	}{
		{"demo administrator", "ROLE_PROGRAM_ADMINISTRATOR", &d.administrator},
		{"demo approver", "ROLE_POLICY_APPROVER", &d.approver},
		{"demo facilitator", "ROLE_FACILITATOR", &d.facilitator},
		{"demo facilitator, the second", "ROLE_FACILITATOR", &d.second},
		{"demo coordinator", "ROLE_COORDINATOR", &d.coordinator},
	} {
		var user struct{ Name string }
		err := admin.post(ctx, "/v1/users", map[string]any{"displayName": t.label, "grants": []any{map[string]string{"role": t.role}}}, &user)
		if err != nil {
			return err
		}
		var token struct{ Secret string }
		err = admin.post(ctx, "/v1/tokens", map[string]any{"user": user.Name, "label": t.label, "expireTime": time.Now().Add(24 * time.Hour).UTC()}, &token)
		if err != nil {
			return err
		}
		*t.to = d.client.as(token.Secret)
	}
	return nil
}

func (d *demo) openCall(ctx context.Context) error {
	d.p.heading("1. The call")
	now := time.Now().UTC().Truncate(time.Second)
	window := &windowMessage{now.Add(-time.Minute), now.Add(21 * 24 * time.Hour), "America/Los_Angeles"}
	var p programMessage
	err := d.administrator.post(ctx, "/v1/programs?programId="+id(program), programMessage{Preset: "presets/" + preset, Contact: nobody, Window: window}, &p)
	if err != nil {
		return err
	}
	if err := d.administrator.get(ctx, "/v1/"+program+"/forms/current", &d.form); err != nil {
		return err
	}
	if err := d.administrator.get(ctx, "/v1/"+program+"/criteria/current", &d.neutral); err != nil {
		return err
	}
	d.p.line("%s, made from the preset %s: %d questions, %d seats.", d.p.paint(bold, p.Title["en"]), preset, len(d.form.questions()), p.Seats)

	// The preset begins with neutral criteria. The balanced ones look at
	// identity answers, which takes an approval on record.
	if err := d.administrator.post(ctx, "/v1/"+d.neutral.Name+":register", struct{}{}, &d.neutral); err != nil {
		return err
	}
	balanced, err := d.balancedCriteria(ctx)
	if err != nil {
		return err
	}
	policy := policyMessage{
		Attributes: d.identityAttributes(balanced), Approver: "demo",
		Reason:     "Demonstration with invented people: show a cohort that is balanced by identity answers.",
		ExpireTime: now.Add(30 * 24 * time.Hour),
	}
	if err := d.approver.post(ctx, "/v1/"+program+"/policies", policy, nil); err != nil {
		return err
	}
	if err := d.administrator.post(ctx, "/v1/"+program+"/criteria", balanced, &d.balanced); err != nil {
		return err
	}
	if err := d.administrator.post(ctx, "/v1/"+d.balanced.Name+":register", struct{}{}, &d.balanced); err != nil {
		return err
	}
	d.p.line("Registered criteria: %s, and %s with an approval on record:", d.p.paint(bold, "neutral"), d.p.paint(bold, "balanced"))
	d.p.line("  approver %s; expires %s; for %s", policy.Approver, policy.ExpireTime.Format(time.DateOnly), strings.Join(policy.Attributes, ", "))
	d.p.line("  reason: %s", policy.Reason)
	if err := d.administrator.post(ctx, "/v1/"+program+":open", struct{}{}, &p); err != nil {
		return err
	}
	d.p.line("The call is %s. From here on nobody can change the criteria unseen.", d.p.paint(green, strings.ToLower(p.State)))
	return nil
}

// balancedCriteria takes the preset's set of that name.
func (d *demo) balancedCriteria(ctx context.Context) (map[string]any, error) {
	var p presetMessage
	if err := d.administrator.get(ctx, "/v1/presets/"+preset, &p); err != nil {
		return nil, err
	}
	for _, c := range p.Criteria {
		if c["title"] == "balanced" {
			return c, nil
		}
	}
	return nil, fmt.Errorf("the preset %s has no criteria called balanced", preset)
}

// identityAttributes lists the identity attributes that the criteria look at;
// the approval names all of them.
func (d *demo) identityAttributes(criteria map[string]any) []string {
	var keys []string
	for _, a := range d.form.Attributes {
		rules, _ := criteria["rules"].([]any)
		named := slices.ContainsFunc(rules, func(r any) bool {
			rule, _ := r.(map[string]any)
			return rule["attribute"] == a.Key
		})
		if named && a.Sensitivity != "INTERNAL" {
			keys = append(keys, a.Key)
		}
	}
	return keys
}

func (d *demo) apply(ctx context.Context) error {
	d.p.heading("2. %d people apply over REST", applicants)
	begin := time.Now()
	declined := 0
	employers := map[string]int{}
	d.tokens = map[string]string{}
	for i, p := range people(d.o.Seed, applicants, d.form.questions()) {
		var got accessMessage
		err := d.client.post(ctx, "/v1/"+program+"/applications?submit=true", d.form.application(p), &got)
		if err != nil {
			return fmt.Errorf("applicant %d: %w", i+1, err)
		}
		d.tokens[got.Application.Code] = got.Token
		// One who is eligible, so that the link leads to somebody in the draw.
		if has := p.Answers["role_authority"].Values; d.example.Token == "" && slices.Contains(has, "structural_change") {
			d.example = got
		}
		for _, a := range p.Answers {
			if a.Declined {
				declined++
				break
			}
		}
		employers[p.Answers["organization"].Text]++
	}
	several := 0
	for name, n := range employers {
		if name != "" && n > 1 {
			several++
		}
	}
	d.p.line("%d submitted in %.1f s, each answered with a token and a return code.", applicants, time.Since(begin).Seconds())
	d.p.line("%d of them declined at least one question; %d organizations sent more than one person.", declined, several)
	return nil
}

func (d *demo) closeCall(ctx context.Context) error {
	d.p.heading("3. The call closes")
	if err := d.administrator.post(ctx, "/v1/"+program+":close", struct{}{}, nil); err != nil {
		return err
	}
	counts := map[string]int{}
	for token := ""; ; {
		var page struct {
			Applications  []applicationMessage
			NextPageToken string
		}
		if err := d.facilitator.get(ctx, "/v1/"+program+"/applications?pageSize=100&pageToken="+token, &page); err != nil {
			return err
		}
		for _, a := range page.Applications {
			counts[a.State]++
		}
		if token = page.NextPageToken; token == "" {
			break
		}
	}
	d.p.line("%d are in the pool; %d are not eligible, by the rule that the call page states.", counts["IN_POOL"], counts["INELIGIBLE"])
	return nil
}

func (d *demo) selectBoth(ctx context.Context) error {
	d.p.heading("4. The selection")
	d.p.line("Among all groups that come as close to the targets as any can (or within what is allowed), a lottery")
	d.p.line("draws one. It makes the smallest chance as large as the rules allow. First everything but the seed is sealed:")
	var runs []selectionMessage
	for _, c := range []criteriaMessage{d.balanced, d.neutral} {
		begin := time.Now()
		run, err := d.selection(ctx, c.Name)
		if err != nil {
			return err
		}
		runs = append(runs, run)
		s := run.Seal
		proved := "proved"
		if !s.Chances.Proved {
			proved = "not proved in full"
		}
		d.p.line("%s: %d in the pool, %d groups on the tickets, sealed in %.1f s", d.p.paint(bold, c.Title), s.PoolSize, s.CohortCount, time.Since(begin).Seconds())
		d.p.line("  chances from %s to %s (%s); certain: %d; without any chance under the rules: %d",
			percent(s.Chances.Smallest), percent(s.Chances.Largest), proved, s.Chances.CertainCount, s.Chances.ImpossibleCount)
	}
	number := dice(d.o.Seed)
	d.p.line("\nThen six dice are thrown in the room: %s. They decide, and nobody else:", d.p.paint(bold, number))
	for i, r := range []struct {
		criteria criteriaMessage
		result   *resultMessage
	}{{d.balanced, &d.result}, {d.neutral, &d.other}} {
		run := runs[i]
		draw := map[string]string{"value": number}
		if run.Seal.Chances.NeedsConfirmation {
			draw["confirmImpossible"] = "Demonstration with invented people."
		}
		if err := d.facilitator.post(ctx, "/v1/"+run.Name+":draw", draw, &run); err != nil {
			return err
		}
		if err := d.facilitator.get(ctx, "/v1/"+run.Name+"/result", r.result); err != nil {
			return err
		}
		if i == 0 {
			d.run = run
		}
		d.p.line("%s: %s, %d of %d seats, ticket %d", d.p.paint(bold, r.criteria.Title), r.result.Status, r.result.Size.Got, r.result.Size.Wanted, run.Draws[0].Ticket)
		for _, v := range r.result.Deviations {
			proof := "proved: no cohort misses less"
			switch {
			case v.Value == 0:
				d.p.line("  priority %d: every target met", v.Priority)
				continue
			case v.Value != v.Bound:
				proof = fmt.Sprintf("proved: no cohort misses less than %d; the rest was allowed beforehand", v.Bound)
			}
			d.p.line("  priority %d: targets missed by %d in all (%s)", v.Priority, v.Value, proof)
		}
	}
	return d.check(ctx)
}

// check shows what a stranger can make of the draw: the public record, and the
// checks that anybody can run on it.
func (d *demo) check(ctx context.Context) error {
	var public json.RawMessage // its bytes are what its digest is of
	if err := d.client.get(ctx, "/v1/"+d.run.Name+"/publicRecord", &public); err != nil {
		return err
	}
	report, err := verify.File(public, verify.Options{})
	if err != nil {
		return err
	}
	d.p.heading("What a stranger can check of the %s draw, without a token (fairlead verify)", d.balanced.Title)
	d.p.line("  sealed before the dice: %s", d.run.Seal.Digest)
	d.p.line("  the dice: %s; the ticket: %d", d.run.Draws[0].Value, d.run.Draws[0].Ticket)
	for _, c := range report.Checks {
		switch c.State {
		case verify.Held:
			d.p.line("  %s %-3s %s", d.p.paint(green, "✓"), c.Number, c.Title)
		case verify.Broken:
			return fmt.Errorf("the public record of %s breaks check %s (%s): %s", d.run.Name, c.Number, c.Title, c.Why)
		}
	}
	d.p.line("  It names nobody: %d bytes of digests and counts. Each applicant can get a slip that proves they were in.", len(public))
	return nil
}

func percent(billionths int) string { return fmt.Sprintf("%.1f %%", float64(billionths)/1e7) }

// dice are six throws that follow from the demo's seed, which stands in for a
// table and a hand.
func dice(seed string) string {
	sum := sha256.Sum256([]byte("dice " + seed))
	var throws []string
	for _, b := range sum[:] {
		if b < 252 && len(throws) < 6 { // 252 = 6 · 42
			throws = append(throws, fmt.Sprint(1+b%6))
		}
	}
	return strings.Join(throws, " ")
}

// selection starts a run and waits until it is sealed.
func (d *demo) selection(ctx context.Context, criteria string) (run selectionMessage, err error) {
	err = d.facilitator.post(ctx, "/v1/"+program+"/selections", selectionMessage{
		Criteria: criteria, SeedKind: "PUBLIC_NUMBER", SeedSource: "Six dice, thrown in the room when the pool is sealed.",
	}, &run)
	if err != nil {
		return run, err
	}
	for {
		switch run.State {
		case "SEALED":
			return run, nil
		case "QUEUED", "RUNNING":
		default:
			why := ""
			if run.Error != nil {
				why = ": " + run.Error.Message
			}
			return run, fmt.Errorf("the run ended as %s%s", run.State, why)
		}
		select {
		case <-ctx.Done():
			return run, ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
		if err := d.facilitator.get(ctx, "/v1/"+run.Name, &run); err != nil {
			return run, err
		}
	}
}

// id is the last part of a resource name.
func id(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }

// links prints what opens the pages, as one of the applicants and as the
// facilitator, and a second call that takes applications.
func (d *demo) links(ctx context.Context) error {
	now := time.Now().UTC().Truncate(time.Second)
	next := programMessage{
		Preset: "presets/" + preset, Title: text{"en": "Equity in Leadership, the next call"}, Contact: nobody,
		Window: &windowMessage{now.Add(-time.Minute), now.Add(21 * 24 * time.Hour), "America/Los_Angeles"},
	}
	if err := d.administrator.post(ctx, "/v1/programs?programId="+id(nextCall), next, nil); err != nil {
		return err
	}
	if err := d.administrator.post(ctx, "/v1/"+nextCall+":open", struct{}{}, nil); err != nil {
		return err
	}
	var applicant, facilitator, second linkMessage
	ttl := map[string]string{"ttl": linkValid}
	if err := d.client.as(d.example.Token).post(ctx, "/v1/"+d.example.Application.Name+":issueSignInLink", ttl, &applicant); err != nil {
		return err
	}
	if err := d.facilitator.post(ctx, "/v1/signInLinks:issue", ttl, &facilitator); err != nil {
		return err
	}
	if err := d.second.post(ctx, "/v1/signInLinks:issue", ttl, &second); err != nil {
		return err
	}
	mentee, mentor, coordinator, err := d.mentoringLinks(ctx)
	if err != nil {
		return err
	}
	d.p.heading("7. Look at it")
	d.p.table([]cell{left("As"), left("Link")}, [][]cell{
		{left("anybody: apply yourself"), left(d.url + "/calls/" + id(nextCall))},
		{left(fmt.Sprintf("applicant %s (opens once)", d.example.Application.Code)), left(applicant.URI)},
		{left("facilitator (opens once)"), left(facilitator.URI)},
		{left("  then the result"), left(d.url + "/" + d.run.Name)},
		{left("another one, to draw with (opens once)"), left(second.URI)},
		{left("coordinator (opens once)"), left(coordinator)},
		{left("  then the pairs, to review and publish"), left(d.url + "/" + d.matching.Name)},
		{left(fmt.Sprintf("mentee %s (opens once)", d.pair.MenteeCode)), left(mentee)},
		{left(fmt.Sprintf("mentor %s (opens once)", d.pair.MentorCode)), left(mentor)},
		{left("a program: the API"), left(d.url + "/docs")},
	})
	return nil
}

// free reports whether a port of this machine can be listened on.
func free(address string) bool {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return false
	}
	return l.Close() == nil
}

// addresses picks the usual ports where they are free, and others elsewhere.
func addresses(usual ...string) ([]string, error) {
	var out []string
	for _, a := range usual {
		if strings.HasSuffix(a, ":0") || !free(a) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				return nil, err
			}
			a = l.Addr().String()
			if err := l.Close(); err != nil {
				return nil, err
			}
		}
		out = append(out, a)
	}
	return out, nil
}

// server is a running `fairlead serve`.
type server struct {
	url, adminToken string
	cancel          context.CancelFunc
	ended           chan error
	log             string // file
}

// start starts the server on the usual ports or, if somebody takes one of them
// in this very moment, on others.
func start(ctx context.Context, dir, database string, serve func(context.Context, []string, io.Writer) error) (s *server, err error) {
	key := filepath.Join(dir, "keys", "master.key")
	if database != "" { // the embedded database's first start makes its own
		if _, _, err := vault.LoadOrCreate(key, true); err != nil {
			return nil, err
		}
	}
	const any = "127.0.0.1:0"
	for i, ports := range [][]string{{"127.0.0.1:8080", "127.0.0.1:9090", "127.0.0.1:9091"}, {any, any, any}, {any, any, any}} {
		a, e := addresses(ports...)
		if e != nil {
			return nil, fmt.Errorf("no free port on this machine: %w", e)
		}
		sub := filepath.Join(dir, fmt.Sprint(i))
		if err = os.Mkdir(sub, 0o700); err != nil {
			return nil, err
		}
		if s, err = startAt(ctx, sub, a, key, database, serve); err == nil || ctx.Err() != nil {
			break
		}
	}
	return s, err
}

// startAt starts the server in a fresh folder and waits until it is ready.
func startAt(ctx context.Context, dir string, a []string, key, database string, serve func(context.Context, []string, io.Writer) error) (*server, error) {
	log, err := os.OpenFile(filepath.Join(dir, "server.log"), os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	data := filepath.Join(dir, "data")
	if database == "" {
		// Named, so that it is never the one of FAIRLEAD_DATABASE.
		key, database = filepath.Join(dir, "keys", "master.key"), filepath.Join(data, "fairlead.db")
	}
	s := &server{url: "http://" + a[0], ended: make(chan error, 1), log: log.Name()}
	// The server is to outlive the caller's context by its own orderly stop.
	serveCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s.cancel = cancel
	go func() {
		defer log.Close()
		s.ended <- serve(serveCtx, []string{
			"--data", data, "--database", database, "--master-key-file", key,
			"--http", a[0], "--grpc", a[1], "--ops", a[2], "--public-url", s.url, "--rate-limit", "0",
		}, log)
	}()
	ready := &http.Client{Timeout: time.Second}
	for deadline := time.Now().Add(20 * time.Second); ; {
		if resp, err := ready.Get("http://" + a[2] + "/readyz"); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				break
			}
		}
		select {
		case err := <-s.ended:
			cancel()
			if err == nil {
				err = errors.New("it stopped")
			}
			return nil, fmt.Errorf("starting the server: %w\n%s", err, s.lastLog())
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), s.stop())
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			return nil, errors.Join(fmt.Errorf("the server was not ready after 20 s\n%s", s.lastLog()), s.stop())
		}
	}
	token, err := os.ReadFile(filepath.Join(data, "admin.token"))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("reading the first administrator's token: %w", err), s.stop())
	}
	s.adminToken = strings.TrimSpace(string(token))
	return s, nil
}

// stop ends the server in good order.
func (s *server) stop() error {
	s.cancel()
	select {
	case err := <-s.ended:
		return err
	case <-time.After(30 * time.Second):
		return errors.New("the server did not stop within 30 s")
	}
}

// lastLog is the end of the server's log.
func (s *server) lastLog() string {
	b, err := os.ReadFile(s.log)
	if err != nil {
		return ""
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	return "    " + strings.Join(lines[max(0, len(lines)-8):], "\n    ")
}
