package server_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/matcher/verify"
)

// One draw over REST, from the commitments of two people to what strangers, an
// applicant and an auditor can check.
func TestDrawOverREST(t *testing.T) {
	w := newWorld(t)
	w.open("alpha")
	var all []applicant
	for n := range 9 {
		all = append(all, w.apply("alpha", n, true))
	}
	w.must("POST", "/v1/programs/alpha:close", w.admin, "{}")
	facilitator, other, auditor := w.token(access.Facilitator, "alpha"), w.token(access.Facilitator, "alpha"), w.token(access.Auditor, "alpha")
	type selection struct {
		Name, State, Provenance, Etag string
		Seal                          struct {
			Digest, PoolRoot string
			Chances          struct {
				Smallest          int
				NeedsConfirmation bool
			}
		}
		Draws []struct {
			Value string
			Codes []string
		}
	}
	var run selection
	w.must("POST", "/v1/programs/alpha/selections", facilitator, `{"seedKind": "COMMIT_REVEAL", "seedPeople": ["The Chair", "A Guest"], "maxChance": 950}`).into(t, &run)
	texts := map[string]string{"The Chair": "herons on the breakwater", "A Guest": "ferry of half past nine"}
	for person, text := range texts {
		sum := sha256.Sum256([]byte(text))
		by := map[string]string{"The Chair": facilitator, "A Guest": other}[person]
		w.must("POST", "/v1/"+run.Name+":commitSeed", by, fmt.Sprintf(`{"person": %q, "digest": %q}`, person, hex.EncodeToString(sum[:])))
	}
	draw := `{"reveals": [{"person": "The Chair", "text": "herons on the breakwater"}, {"person": "A Guest", "text": "ferry of half past nine"}], "confirmImpossible": "a test"}`
	if a := w.call("POST", "/v1/"+run.Name+":draw", facilitator, draw); a.status != 400 || a.reason != "SEED_TOO_EARLY" {
		t.Errorf("before the seal: %d %s", a.status, a.body)
	}
	if a := w.call("GET", "/v1/"+run.Name+"/publicRecord", "", ""); a.status != 404 || a.reason != "RECORD_NOT_FOUND" {
		t.Errorf("before the seal: %d %s", a.status, a.body)
	}
	for worked := true; worked; {
		var err error
		if worked, err = applications.NewRunner(w.svc, "test").RunOne(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	w.must("GET", "/v1/"+run.Name, facilitator, "").into(t, &run)
	if run.State != "SEALED" || run.Seal.Chances.Smallest == 0 || !strings.HasPrefix(run.Seal.PoolRoot, "sha256:") {
		t.Fatalf("%+v", run)
	}
	if a := w.call("POST", "/v1/"+run.Name+":draw", facilitator, strings.Replace(draw, "nine", "ten", 1)); a.status != 400 || a.reason != "COMMITMENT_MISMATCH" {
		t.Errorf("another text: %d %s", a.status, a.body)
	}
	w.must("POST", "/v1/"+run.Name+":draw", facilitator, draw).into(t, &run)
	if run.State != "SUCCEEDED" || run.Provenance != "PROVENANCE_DRAWN" || len(run.Draws) != 1 || len(run.Draws[0].Codes) < 2 {
		t.Fatalf("%+v", run)
	}
	if a := w.call("POST", "/v1/"+run.Name+":draw", facilitator, draw); a.status != 400 || a.reason != "RUN_DRAWN" || !slices.Equal(a.fields, []string{"reason"}) {
		t.Errorf("again without a reason: %d %s", a.status, a.body)
	}

	check := func(what string, file, public []byte) {
		t.Helper()
		report, err := verify.File(file, verify.Options{Public: public})
		if err != nil || !report.Accepted {
			t.Errorf("%s: %+v %v", what, report, err)
		}
	}
	public := w.must("GET", "/v1/"+run.Name+"/publicRecord", "", "").body
	check("the public record", public, nil)
	id := all[3].Application.Name[strings.LastIndexByte(all[3].Application.Name, '/')+1:]
	slip := w.must("GET", "/v1/"+run.Name+"/applications/"+id+"/slip", all[3].Token, "").body
	check("the slip", slip, public)
	if a := w.call("GET", "/v1/"+run.Name+"/applications/"+id+"/slip", all[4].Token, ""); a.status != 404 {
		t.Errorf("another's slip: %d %s", a.status, a.body)
	}
	check("the audit record", w.must("GET", "/v1/"+run.Name+"/auditRecord", auditor, "").body, nil)

	var explained struct {
		Place  string
		Chance int
	}
	w.must("GET", "/v1/"+run.Name+":explain?application="+all[3].Application.Name, facilitator, "").into(t, &explained)
	if (explained.Place == "IN") != slices.Contains(run.Draws[0].Codes, all[3].Application.Code) {
		t.Errorf("%+v", explained)
	}
	var tried struct{ Status string }
	w.must("POST", "/v1/"+run.Name+":whatIf", facilitator, `{"include": ["`+all[3].Application.Name+`"], "rules": [{"row": 1, "min": 1}]}`).into(t, &tried)
	if tried.Status != "OPTIMAL" {
		t.Errorf("%+v", tried)
	}
	// What a check says of criteria that are impossible, with every way out.
	var verdict struct {
		Verdict       string
		Infeasibility struct {
			Conflict    []struct{ Row int }
			Relaxations []struct {
				Changes []struct{ OldValue, NewValue int }
			}
		}
	}
	w.must("POST", "/v1/programs/alpha:checkCriteria", facilitator, `{"details": true, "criteria": {"size": 3, "rules": [
		{"attribute": "sector", "values": ["health"], "min": 2}, {"attribute": "sector", "values": ["housing"], "min": 2}]}}`).into(t, &verdict)
	if verdict.Verdict != "IMPOSSIBLE" || len(verdict.Infeasibility.Conflict) == 0 || len(verdict.Infeasibility.Relaxations) == 0 {
		t.Errorf("%+v", verdict)
	}
}

// What more room would do, over the API: chances that tell of small groups, to
// who reads identity answers.
func TestTradeOffOverREST(t *testing.T) {
	w := newWorld(t)
	w.open("alpha")
	for _, n := range []int{0, 1, 3, 4, 6, 7} { // two each of three sectors
		w.apply("alpha", n, true)
	}
	w.must("POST", "/v1/programs/alpha:close", w.admin, "{}")
	body := `{"tradeOff": true, "criteria": {"size": 2, "rules": [
		{"attribute": "sector", "values": ["health"], "min": 2, "priority": 1}]}}`
	var told struct {
		Verdict  string
		TradeOff []struct {
			Extra                        map[string]int
			Allowed                      map[string]string
			Proved                       bool
			Smallest, Bound              int
			ImpossibleCount, PeopleCount int
		}
	}
	at := "/v1/programs/alpha:checkCriteria"
	w.must("POST", at, w.token(access.Facilitator, "alpha"), body).into(t, &told)
	if told.Verdict != "POSSIBLE" || len(told.TradeOff) != 4 {
		t.Fatalf("%+v", told)
	}
	for i, want := range []struct{ extra, smallest, impossible int }{{0, 1_000_000_000, 4}, {1, 250_000_000, 0}} {
		p := told.TradeOff[i]
		if p.Extra["1"] != want.extra || p.Allowed["1"] != fmt.Sprint(want.extra) || !p.Proved || p.Smallest != want.smallest || p.Bound < p.Smallest ||
			p.ImpossibleCount != want.impossible || p.PeopleCount != 6 {
			t.Errorf("point %d: %+v", i, p)
		}
	}
	refused := w.call("POST", at, w.token(access.ProgramAdministrator, "alpha"), body)
	if refused.reason != "PERMISSION_MISSING" || !strings.Contains(string(refused.body), "identity.read") {
		t.Errorf("without identity.read: %d %s", refused.status, refused.body)
	}
}

// People whom a link ties together are one exchange, not several, and what is
// impossible comes with its numbers.
func TestExplainTiedPeopleOverREST(t *testing.T) {
	w := newWorld(t)
	w.open("alpha")
	facilitator := w.token(access.Facilitator, "alpha")
	// Two of health and housing each, who come only together, and two of health.
	names, codes := map[string]string{}, []string{}
	for _, n := range []int{0, 3, 1, 4, 2, 9} {
		a := w.apply("alpha", n, true)
		codes = append(codes, a.Application.Code)
		names[a.Application.Code] = a.Application.Name
	}
	w.must("POST", "/v1/programs/alpha/criteria", facilitator, fmt.Sprintf(`{"title": "tied", "size": 2, "minSize": 2,
		"rules": [{"kind": "SPREAD", "attribute": "sector", "min": 2, "priority": 1}],
		"links": [{"kind": "TOGETHER", "ids": [%q, %q]}, {"kind": "TOGETHER", "ids": [%q, %q]}]}`, codes[0], codes[1], codes[2], codes[3]))
	w.must("POST", "/v1/programs/alpha/criteria/2:register", facilitator, `{"reason": "a test", "secondPerson": "The Chair"}`)
	w.must("POST", "/v1/programs/alpha:close", w.admin, "{}")
	type exclusion struct {
		PeopleCount    int
		Reason         string
		Rows           []int
		Least, Allowed string
	}
	var run struct {
		Name, State string
		Seal        struct {
			Chances struct{ Exclusions []exclusion }
		}
		Draws []struct{ Codes []string }
	}
	w.must("POST", "/v1/programs/alpha/selections", facilitator, `{"criteria": "programs/alpha/criteria/2", "seedKind": "SERVER"}`).into(t, &run)
	if _, err := applications.NewRunner(w.svc, "test").RunOne(context.Background()); err != nil {
		t.Fatal(err)
	}
	w.must("POST", "/v1/"+run.Name+":draw", facilitator, `{"confirmImpossible": "a test"}`).into(t, &run)
	shutOut := exclusion{PeopleCount: 2, Reason: "priority 1", Rows: []int{1}, Least: "1"} // allowed: 0, which JSON leaves out
	if got := run.Seal.Chances.Exclusions; !cmp.Equal(got, []exclusion{shutOut}) {
		t.Errorf("impossible: %+v", got)
	}
	in, out := codes[:2], codes[2:4]
	if !slices.Contains(run.Draws[0].Codes, codes[0]) {
		in, out = out, in
	}
	type count struct{ Row, Count, Short int }
	type exchange struct {
		Members    []struct{ Code string }
		Breach     string
		BreachSize string
		Rows       []int
	}
	type explained struct {
		Place string
		Helps []struct {
			Rule                       count
			CountWithout, ShortWithout int
		}
		Blocks []struct {
			Reason, Kind  string
			Rule          *count
			ExchangeCount int
		}
		Exchanges []exchange
		Tied      []struct{ Code string }
		Closest   *exchange
		Fixed     *exclusion
		Decided   bool
	}
	explain := func(code string) (x explained) {
		w.must("GET", "/v1/"+run.Name+":explain?application="+names[code], facilitator, "").into(t, &x)
		return x
	}
	people := func(list []struct{ Code string }) (of []string) {
		for _, m := range list {
			of = append(of, m.Code)
		}
		return of
	}

	x := explain(in[0])
	if x.Place != "IN" || !slices.Equal(people(x.Tied), in[1:]) || len(x.Exchanges) != 1 || !slices.Equal(people(x.Exchanges[0].Members), out) ||
		x.Exchanges[0].Breach != "" || x.Closest != nil || x.Fixed != nil || !x.Decided {
		t.Errorf("a member: %+v", x)
	}
	if len(x.Helps) != 1 || x.Helps[0].Rule != (count{1, 2, 0}) || x.Helps[0].CountWithout != 0 || x.Helps[0].ShortWithout != 2 {
		t.Errorf("a member helps: %+v", x.Helps)
	}
	// Nobody alone can take both seats.
	if len(x.Blocks) != 1 || x.Blocks[0].Reason != "conditions" || x.Blocks[0].Kind != "size" || x.Blocks[0].Rule != nil || x.Blocks[0].ExchangeCount != 2 {
		t.Errorf("in the way of a member: %+v", x.Blocks)
	}

	x = explain(codes[4])
	if x.Place != "OUT" || len(x.Exchanges) != 0 || x.Closest == nil || !slices.Equal(people(x.Closest.Members), in) ||
		x.Closest.Breach != "conditions" || x.Closest.BreachSize != "1" {
		t.Errorf("somebody out: %+v", x)
	}
	shutOut.PeopleCount = 1
	if x.Fixed == nil || !cmp.Equal(*x.Fixed, shutOut) || !x.Decided {
		t.Errorf("somebody who is in none: %+v", x.Fixed)
	}

	// Two for two, and somebody for nobody.
	type trial struct {
		Breach       string
		Joined, Left []struct{ Code string }
	}
	try := func(swaps string) (x trial) {
		w.must("POST", "/v1/"+run.Name+":whatIf", facilitator, `{"swaps": [`+swaps+`]}`).into(t, &x)
		return x
	}
	y := try(fmt.Sprintf(`{"out": %q, "in": %q}, {"out": %q}, {"in": %q}`, names[in[0]], names[out[0]], names[in[1]], names[out[1]]))
	if y.Breach != "" || !slices.Equal(people(y.Joined), out) || !slices.Equal(people(y.Left), in) {
		t.Errorf("two for two: %+v", y)
	}
	if y = try(fmt.Sprintf(`{"out": %q}`, names[in[0]])); y.Breach != "conditions" || len(y.Joined) != 0 {
		t.Errorf("nobody for one: %+v", y)
	}
	if a := w.call("POST", "/v1/"+run.Name+":whatIf", facilitator, `{"swaps": [{}]}`); a.status != 400 || a.reason != "CHANGES_INVALID" {
		t.Errorf("nobody for nobody: %d %s", a.status, a.body)
	}
}
