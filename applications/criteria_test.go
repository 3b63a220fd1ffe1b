package applications_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/matcher"
)

func rule(kind, attribute string, change func(*applications.CriteriaRule)) applications.CriteriaRule {
	r := applications.CriteriaRule{Kind: kind, Attribute: attribute}
	if change != nil {
		change(&r)
	}
	return r
}

// Each row is one rule that cannot be kept, and what is said about it.
func TestCriteriaProblems(t *testing.T) {
	w := newWorld(t)
	w.draft()
	type R = applications.CriteriaRule
	for _, c := range []struct {
		name    string
		rule    R
		field   string
		message string
	}{
		{"unknown kind", R{Kind: "qouta", Attribute: "county", Min: ptr(1)}, "rules[0].kind", `did you mean "quota"`},
		{"unknown attribute", R{Attribute: "countty", Min: ptr(1)}, "rules[0].attribute", `did you mean "county"`},
		{"no attribute", R{Min: ptr(1)}, "rules[0].attribute", "no attribute"},
		{"text attribute", R{Attribute: "needs", Min: ptr(1)}, "rules[0].attribute", "no groups"},
		{"number attribute", R{Attribute: "staff", Min: ptr(1)}, "rules[0].attribute", "no groups"},
		{"unknown value", R{Attribute: "county", Values: []string{"skagitt"}, Min: ptr(1)}, "rules[0].values", `did you mean "skagit"`},
		{"a decline", R{Attribute: "race", Values: []string{"prefer_not_to_say"}, Min: ptr(1)}, "rules[0].values", "belongs to no group"},
		{"none of these", R{Attribute: "role", Values: []string{"neither"}, Min: ptr(1)}, "rules[0].values", "belongs to no group"},
		{"value twice", R{Attribute: "county", Values: []string{"skagit", "skagit"}, Min: ptr(1)}, "rules[0].values", "twice"},
		{"values of an organization", R{Kind: "cap", Attribute: "organization", Values: []string{"x"}, Max: ptr(1)}, "rules[0].values", "no list"},
		{"each organization", R{Attribute: "organization", Each: true, Max: ptr(1)}, "rules[0].each", "use cap"},
		{"min above max", R{Attribute: "county", Min: ptr(3), Max: ptr(2)}, "rules[0].min", "not more than max"},
		{"negative", R{Attribute: "county", Min: ptr(-1)}, "rules[0].min", "from 0"},
		{"no bound", R{Attribute: "county"}, "rules[0]", "min, max or both"},
		{"spread without min", R{Kind: "spread", Attribute: "county", Max: ptr(2)}, "rules[0].min", "missing"},
		{"cap without max", R{Kind: "cap", Attribute: "county", Min: ptr(2)}, "rules[0].max", "missing"},
		{"priority", R{Attribute: "county", Min: ptr(1), Priority: 10}, "rules[0].priority", "1 to 9"},
		{"weight of a must", R{Attribute: "county", Min: ptr(1), Weight: 2}, "rules[0].weight", "only with a priority"},
		{"each of a spread", R{Kind: "spread", Attribute: "county", Each: true, Min: ptr(1)}, "rules[0]", "for a quota"},
		{"all without values", R{Attribute: "county", All: true, Min: ptr(1)}, "rules[0].all", "needs values"},
		{"and without values", R{Attribute: "county", Min: ptr(1), And: []applications.Condition{{Attribute: "sector"}}}, "rules[0].and[0]", "name its values"},
		{"and of nothing", R{Attribute: "county", Min: ptr(1), And: []applications.Condition{{Attribute: "sektor", Values: []string{"x"}}}}, "rules[0].and[0]", `did you mean "sector"`},
		{"ids of no shape", R{IDs: []string{"Maria"}, Min: ptr(1)}, "rules[0].ids", "NS-0412"},
		{"flex", R{Attribute: "county", Min: ptr(1), MinFlex: ptr(-1)}, "rules[0].min_flex", "from 0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := w.SaveCriteria(w.ctx, w.facilitator, &applications.Criteria{Program: "leaders", Rules: []R{c.rule}}, once)
			want(t, "save", err, "CRITERIA_INVALID")
			if !slices.Contains(violations(err), c.field) || !strings.Contains(explained(err), c.message) {
				t.Errorf("got %s, want %s: %s", explained(err), c.field, c.message)
			}
		})
	}
	_, err := w.SaveCriteria(w.ctx, w.facilitator, &applications.Criteria{
		Program: "leaders", Size: 3, MinSize: 4, Lottery: "DICE", HardCaps: map[string]int{"org": 0}, Allow: map[int]int64{0: 1},
		Ties: []applications.Tie{{Kind: "near", IDs: []string{"NS-0001"}}}, Rules: []R{{Attribute: "x", Min: ptr(1)}},
	}, once)
	want(t, "everything wrong", err, "CRITERIA_INVALID")
	for _, f := range []string{"min_size", "lottery", "hard_caps.org", "allow", "links[0].kind", "links[0].ids", "rules[0].attribute"} {
		if !slices.Contains(violations(err), f) {
			t.Errorf("%s is not named in %s", f, explained(err))
		}
	}
	_, err = w.SaveCriteria(w.ctx, w.facilitator, &applications.Criteria{Program: "leaders", Name: "balancd"}, once)
	if !strings.Contains(explained(err), `did you mean "balanced"`) {
		t.Errorf("a set that the preset does not have: %s", explained(err))
	}
}

func TestCriteriaVersions(t *testing.T) {
	w := newWorld(t)
	w.draft()
	c, err := w.SaveCriteria(w.ctx, w.facilitator, &applications.Criteria{Program: "leaders", Name: "balanced"}, idem(1, "a"))
	if err != nil || c.Version != 2 || c.Size != 4 || c.MinSize != 3 || len(c.Rules) != 5 || c.SeedSource == "" {
		t.Fatalf("%+v %v", c, explained(err))
	}
	again, err := w.SaveCriteria(w.ctx, w.facilitator, &applications.Criteria{Program: "leaders", Name: "balanced"}, idem(1, "a"))
	if err != nil || again.Version != 2 {
		t.Errorf("retried: %+v %v", again, err)
	}
	all, err := w.CriteriaVersions(w.ctx, w.facilitator, "leaders")
	if err != nil || len(all) != 2 || all[0].Name != "neutral" || all[1].Name != "balanced" {
		t.Errorf("%v %v", all, err)
	}
	if c, err := w.Criteria(w.ctx, w.facilitator, "leaders", 0); err != nil || c.Version != 2 {
		t.Errorf("the newest: %+v %v", c, err)
	}
	_, err = w.Criteria(w.ctx, w.facilitator, "leaders", 3)
	want(t, "a version there is not", err, "CRITERIA_NOT_FOUND")
	c, err = w.RegisterCriteria(w.ctx, w.facilitator, "leaders", 1, "", "", once)
	if err != nil || !c.Registered || c.RegisteredBy != w.facilitator.Subject {
		t.Fatalf("%+v %v", c, explained(err))
	}
	_, err = w.RegisterCriteria(w.ctx, w.facilitator, "leaders", 1, "", "", once)
	want(t, "register twice", err, "CRITERIA_REGISTERED")
	// Opening registers the newest, which needs a policy.
	_, err = w.OpenProgram(w.ctx, w.admin, "leaders", 0, once)
	want(t, "open with balanced and no policy", err, "POLICY_MISSING")
	w.allowRace("")
	p, err := w.OpenProgram(w.ctx, w.admin, "leaders", 0, once)
	if err != nil || p.CriteriaVersion != 2 {
		t.Fatalf("%+v %v", p, explained(err))
	}
	if all, err := w.CriteriaVersions(w.ctx, access.Principal{}, "leaders"); err != nil || len(all) != 2 || all[0].Digest == all[1].Digest || len(all[1].Policies) != 1 {
		t.Errorf("the public list: %v %v", all, err)
	}
	if _, err := w.SaveCriteria(w.ctx, w.facilitator, &applications.Criteria{Program: "leaders", Name: "neutral"}, once); err != nil {
		t.Fatal(err)
	}
	if all, err := w.CriteriaVersions(w.ctx, access.Principal{}, "leaders"); err != nil || len(all) != 2 {
		t.Errorf("the public sees what is not registered: %v %v", all, err)
	}
	_, err = w.Criteria(w.ctx, access.Principal{}, "leaders", 3)
	want(t, "the public reads what is not registered", err, "CRITERIA_NOT_FOUND")
}

// allowRace records an approval to balance by race for a year.
func (w *world) allowRace(second string, more ...string) *applications.Policy {
	w.Helper()
	p, err := w.CreatePolicy(w.ctx, w.approver, &applications.Policy{
		Program: "leaders", Attributes: append([]string{"race"}, more...), Approver: "The board", SecondApprover: second,
		Reason: "the call's intent", ExpireTime: w.clock.now().AddDate(1, 0, 0),
	}, once)
	if err != nil {
		w.Fatal(explained(err))
	}
	return p
}

func TestPolicies(t *testing.T) {
	w := newWorld(t)
	w.draft()
	_, err := w.CreatePolicy(w.ctx, w.approver, &applications.Policy{
		Program: "leaders", Attributes: []string{"rase", "sector", "race", "race"}, Purpose: applications.ForScoring, Approver: "The Board",
		SecondApprover: "the  board", ExpireTime: noon, ApproveTime: noon.Add(time.Hour),
	}, once)
	want(t, "everything wrong", err, "POLICY_INVALID")
	for _, f := range []string{"attributes", "purpose", "second_approver", "reason", "expire_time", "approve_time"} {
		if !slices.Contains(violations(err), f) {
			t.Errorf("%s is not named in %s", f, explained(err))
		}
	}
	if !strings.Contains(explained(err), `did you mean "race"`) {
		t.Error(explained(err))
	}

	p := w.allowRace("")
	if p.RecordedBy != w.approver.Subject || p.Purpose != applications.ForBalance || !p.ApproveTime.Equal(noon) {
		t.Errorf("%+v", p)
	}
	// In force from the approval on, before the expiry.
	for _, c := range []struct {
		at   time.Time
		want bool
	}{
		{noon.Add(-1), false},
		{noon, true},
		{noon.AddDate(1, 0, 0).Add(-1), true},
		{noon.AddDate(1, 0, 0), false},
	} {
		if got := p.InForce("race", c.at); got != c.want {
			t.Errorf("in force at %s: %v", c.at, got)
		}
	}
	if p.InForce("county", noon) {
		t.Error("a policy covers what it does not name")
	}
	save := func(rules ...applications.CriteriaRule) int {
		t.Helper()
		c, err := w.SaveCriteria(w.ctx, w.facilitator, &applications.Criteria{Program: "leaders", Name: "own", Rules: rules}, once)
		if err != nil {
			t.Fatal(explained(err))
		}
		return c.Version
	}
	register := func(version int) error {
		_, err := w.RegisterCriteria(w.ctx, w.facilitator, "leaders", version, "", "", once)
		return err
	}
	soft := func(key string) applications.CriteriaRule {
		return rule("spread", key, func(r *applications.CriteriaRule) { r.Min, r.Priority = ptr(1), 1 })
	}
	must := rule("quota", "race", func(r *applications.CriteriaRule) { r.Values, r.Min = []string{"asian"}, ptr(1) })
	want(t, "race as a target", register(save(soft("race"))), "")
	want(t, "race that must hold, one approver", register(save(must)), "SECOND_APPROVAL_MISSING")
	err = register(save(soft("race"), soft("relation"), soft("lived"), soft("county"), soft("sector")))
	want(t, "without policies", err, "POLICY_MISSING")
	if got := violations(err); !slices.Equal(got, []string{"policies.lived", "policies.relation"}) {
		t.Errorf("named: %v", got)
	}
	and := rule("quota", "county", func(r *applications.CriteriaRule) {
		r.Values, r.Min, r.Priority = []string{"skagit"}, ptr(1), 1
		r.And = []applications.Condition{{Attribute: "relation", Values: []string{"citizen"}}}
	})
	want(t, "identity as a second condition", register(save(and)), "POLICY_MISSING")
	want(t, "a roll-up of race", register(save(soft("race_report"))), "POLICY_MISSING")
	w.allowRace("The council")
	want(t, "race that must hold, two approvers", register(save(must)), "")

	_, err = w.RevokePolicy(w.ctx, w.approver, "leaders", p.ID, "", 0, once)
	want(t, "revoke without a reason", err, "REASON_MISSING")
	_, err = w.RevokePolicy(w.ctx, w.approver, "leaders", p.ID, "changed minds", 9, once)
	want(t, "revoke an old revision", err, "STALE_REVISION")
	r, err := w.RevokePolicy(w.ctx, w.approver, "leaders", p.ID, "changed minds", 1, idem(3, "r"))
	if err != nil || !r.RevokeTime.Equal(noon) || r.InForce("race", noon) {
		t.Errorf("%+v %v", r, err)
	}
	_, err = w.RevokePolicy(w.ctx, w.approver, "leaders", p.ID, "changed minds", 1, idem(3, "r"))
	want(t, "revoke, retried", err, "")
	_, err = w.RevokePolicy(w.ctx, w.approver, "leaders", p.ID, "again", 0, once)
	want(t, "revoke twice", err, "POLICY_REVOKED")
	all, err := w.Policies(w.ctx, w.facilitator, "leaders")
	if err != nil || len(all) != 2 {
		t.Errorf("%v %v", all, err)
	}
}

// P3: after the first submission, a change has a reason and a second person,
// and everybody can read both.
func TestChangeAfterSubmissions(t *testing.T) {
	w := newWorld(t)
	w.open()
	if _, err := w.SaveCriteria(w.ctx, w.facilitator, &applications.Criteria{Program: "leaders", Name: "neutral"}, once); err != nil {
		t.Fatal(err)
	}
	if _, err := w.RegisterCriteria(w.ctx, w.facilitator, "leaders", 2, "", "", once); err != nil {
		t.Fatalf("before anybody submitted: %v", err)
	}
	made := w.apply(nil)
	if _, err := w.WithdrawApplication(w.ctx, w.as(made), "leaders", made.Application.ID, "", 0, once); err != nil {
		t.Fatal(err)
	}
	if _, err := w.SaveCriteria(w.ctx, w.facilitator, &applications.Criteria{Program: "leaders", Name: "neutral", Size: 3, MinSize: 3}, once); err != nil {
		t.Fatal(err)
	}
	u, err := w.CreateUser(w.ctx, w.admin, &applications.User{Name: "Invented Facilitator", Grants: []access.Grant{{Role: access.Facilitator}}}, once)
	if err != nil {
		t.Fatal(err)
	}
	who := access.Principal{Subject: "users/" + u.ID, Grants: u.Grants}
	for _, c := range []struct {
		reason, second string
		fields         []string
	}{
		{"", "", []string{"reason", "second_person"}},
		{"why", "", []string{"second_person"}},
		{"", "Another Person", []string{"reason"}},
		{"why", "users/" + u.ID, []string{"second_person"}},
		{"why", " invented  FACILITATOR ", []string{"second_person"}},
	} {
		_, err := w.RegisterCriteria(w.ctx, who, "leaders", 3, c.reason, c.second, once)
		want(t, fmt.Sprintf("%+v", c), err, "CRITERIA_CHANGE_UNSEEN")
		if got := violations(err); !slices.Equal(got, c.fields) {
			t.Errorf("%+v: named %v", c, got)
		}
	}
	c, err := w.RegisterCriteria(w.ctx, who, "leaders", 3, "a seat was lost", "Another Person", once)
	if err != nil {
		t.Fatal(explained(err))
	}
	public, err := w.Criteria(w.ctx, access.Principal{}, "leaders", 0)
	if err != nil || public.Version != 3 || public.Reason != "a seat was lost" || public.SecondBy != "Another Person" || public.Digest != c.Digest {
		t.Errorf("what everybody reads: %+v %v", public, err)
	}
	if all, err := w.CriteriaVersions(w.ctx, access.Principal{}, "leaders"); err != nil || len(all) != 3 {
		t.Errorf("all versions stay public: %v %v", all, err)
	}
}

// P1: floors that must hold and take every seat shut out whoever declines; one
// less is accepted, and a decliner can then be chosen.
func TestDeclinersAreNotShutOut(t *testing.T) {
	w := newWorld(t)
	w.draft()
	w.allowRace("The council", "relation", "lived")
	floors := func(n ...int) []applications.CriteriaRule {
		var rules []applications.CriteriaRule
		for i, code := range []string{"asian", "black", "hispanic", "white"} {
			if n[i] > 0 {
				rules = append(rules, rule("quota", "race", func(r *applications.CriteriaRule) { r.Values, r.Min = []string{code}, ptr(n[i]) }))
			}
		}
		return rules
	}
	anyOf := func(n int, codes ...string) applications.CriteriaRule {
		return rule("quota", "race", func(r *applications.CriteriaRule) { r.Values, r.Min = codes, ptr(n) })
	}
	soft := floors(1, 1, 1, 1)
	for i := range soft {
		soft[i].Priority = 1
	}
	for _, c := range []struct {
		name   string
		rules  []applications.CriteriaRule
		refuse string
	}{
		{"floors take 4 of 4", floors(1, 1, 1, 1), "asian at least 1, black at least 1, hispanic at least 1, white at least 1 take all 4 seats; lower one of them by 1"},
		{"floors take 3 of 4", floors(1, 1, 1, 0), ""},
		{"one floor of 4", floors(4, 0, 0, 0), "asian at least 4 take all 4 seats; lower one of them by 1"},
		{"floors of 5 in 4 seats", floors(2, 3, 0, 0), "lower one of them by 2"},
		{"each value", []applications.CriteriaRule{rule("quota", "race", func(r *applications.CriteriaRule) { r.Each, r.Min = true, ptr(1) })}, "take all 4 seats"},
		{"targets do not shut out", soft, ""},
		{"any value at all", []applications.CriteriaRule{rule("quota", "race", func(r *applications.CriteriaRule) { r.Min = ptr(4) })}, "race at least 4"},
		{"spread", []applications.CriteriaRule{rule("spread", "race", func(r *applications.CriteriaRule) { r.Min = ptr(4) })}, "race at least 4"},
		{"spread of 3", []applications.CriteriaRule{rule("spread", "race", func(r *applications.CriteriaRule) { r.Min = ptr(3) })}, ""},
		{"overlapping floors share seats", append(floors(1, 1, 0, 0), anyOf(3, "asian", "black", "hispanic")), ""},
		{"overlapping floors, best apart", append(floors(1, 1, 1, 0), anyOf(3, "asian", "black"), anyOf(1, "white")), "asian or black at least 3"},
		{"overlapping floors in a ring", append(floors(1, 0, 0, 0), anyOf(2, "black", "hispanic"), anyOf(2, "hispanic", "white"), anyOf(2, "black", "white")), "take all 4 seats; lower one of them"},
		{"overlapping floors in a ring that leave a seat", []applications.CriteriaRule{anyOf(2, "black", "hispanic"), anyOf(2, "hispanic", "white"), anyOf(2, "black", "white")}, ""},
		{"maxima are no floors", []applications.CriteriaRule{rule("quota", "race", func(r *applications.CriteriaRule) { r.Each, r.Max = true, ptr(1) })}, ""},
		{"a second condition is a floor too", []applications.CriteriaRule{rule("quota", "county", func(r *applications.CriteriaRule) {
			r.Values, r.Min = []string{"skagit"}, ptr(4)
			r.And = []applications.Condition{{Attribute: "relation", Values: []string{"citizen"}}}
		})}, "citizen at least 4"},
		{"what cannot be declined", []applications.CriteriaRule{rule("quota", "county", func(r *applications.CriteriaRule) { r.Values, r.Min = []string{"skagit"}, ptr(4) })}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			saved, err := w.SaveCriteria(w.ctx, w.facilitator, &applications.Criteria{Program: "leaders", Name: "own", Rules: c.rules}, once)
			if err != nil {
				t.Fatal(explained(err))
			}
			_, err = w.RegisterCriteria(w.ctx, w.facilitator, "leaders", saved.Version, "", "", once)
			if c.refuse == "" {
				want(t, "register", err, "")
				return
			}
			want(t, "register", err, "DECLINERS_SHUT_OUT")
			if !strings.Contains(explained(err), c.refuse) {
				t.Errorf("%s, want %s", explained(err), c.refuse)
			}
			// A policy approver can override it, with a reason.
			both := access.Principal{Subject: "users/both", Grants: []access.Grant{{Role: access.Facilitator}, {Role: access.PolicyApprover}}}
			_, err = w.RegisterCriteria(w.ctx, both, "leaders", saved.Version, "", "", once)
			want(t, "override without a reason", err, "DECLINERS_SHUT_OUT")
			size := w.logSize()
			_, err = w.RegisterCriteria(w.ctx, both, "leaders", saved.Version, "the grant says so", "", once)
			want(t, "override", err, "")
			if log := w.events(size); len(log) != 1 || log[0].Reason != "the grant says so" {
				t.Errorf("recorded as %+v", log)
			}
		})
	}
}

// How rules reach the engine: rows, bounds, and people with the groups they
// belong to.
func TestResolve(t *testing.T) {
	w := newWorld(t)
	w.open()
	w.apply(func(a *applications.Application) {
		a.Answers["organization"] = applications.Answer{Text: "SEA  Mar."}
		a.Answers["role"] = applications.Answer{Values: []string{"decides", "supervises"}}
		a.Answers["race"] = applications.Answer{Declined: true}
	})
	w.apply(func(a *applications.Application) {
		a.Answers["race"] = applications.Answer{Values: []string{"hispanic", "white"}}
		a.Answers["relation"] = applications.Answer{Values: []string{"none"}}
	})
	c := &applications.Criteria{
		Program: "leaders", Name: "own", Size: 2, MinSize: 1, HardCaps: map[string]int{"organization": 2, "county": 2}, Allow: map[int]int64{2: 1},
		Ties: []applications.Tie{{Kind: "together", IDs: []string{"NS-0001", "NS-0002"}}},
		Rules: []applications.CriteriaRule{
			{Kind: "quota", Attribute: "county", Each: true, Min: ptr(1), Priority: 2, Weight: 3},
			{Kind: "quota", Attribute: "role", Values: []string{"decides", "supervises"}, All: true, Max: ptr(1), Fixed: true},
			{Attribute: "race", Min: ptr(0), Max: ptr(1), MinFlex: ptr(0), MaxFlex: ptr(2)},
			{Kind: "quota", Attribute: "county", Values: []string{"island"}, Min: ptr(1), And: []applications.Condition{{Attribute: "sector", Values: []string{"clinic", "hospital"}}}, IDs: []string{"NS-0001"}},
			{Kind: "cap", Attribute: "organization", Max: ptr(1), Priority: 3},
			{Kind: "spread", Attribute: "relation", Min: ptr(1), Priority: 9},
			{Kind: "company", Attribute: "race_report", Min: ptr(2), Priority: 9},
		},
	}
	v, err := w.CheckCriteria(w.ctx, w.facilitator, c)
	if err != nil {
		t.Fatal(explained(err))
	}
	term := func(attribute string, values ...string) matcher.Term {
		return matcher.Term{Attribute: attribute, Values: values, Wildcard: len(values) == 0}
	}
	row := func(n int, r matcher.Rule, terms ...matcher.Term) matcher.Rule {
		r.Row, r.Property.Terms = n, terms
		if r.Feature == "" {
			r.Feature = terms[0].Attribute
		}
		if r.Weight == 0 {
			r.Weight = 1
		}
		if r.MaxFlex == 0 {
			r.MaxFlex = 2
		}
		return r
	}
	all := term("role", "decides", "supervises")
	all.Match = matcher.MatchAll
	narrowed := row(6, matcher.Rule{Value: "island & sector=clinic;hospital & NS-0001", Min: 1, Max: 2}, term("county", "island"), matcher.Term{Attribute: "sector", Values: []string{"clinic", "hospital"}})
	narrowed.Property.IDs = []string{"NS-0001"}
	wantRules := []matcher.Rule{
		row(1, matcher.Rule{Value: "island", Min: 1, Max: 2, Priority: 2, Weight: 3}, term("county", "island")),
		row(2, matcher.Rule{Value: "san_juan", Min: 1, Max: 2, Priority: 2, Weight: 3}, term("county", "san_juan")),
		row(3, matcher.Rule{Value: "skagit", Min: 1, Max: 2, Priority: 2, Weight: 3}, term("county", "skagit")),
		row(4, matcher.Rule{Value: "decides;supervises", Max: 1, Fixed: true}, all),
		row(5, matcher.Rule{Value: "*", Max: 1}, term("race")),
		narrowed,
		row(7, matcher.Rule{Kind: matcher.Cap, Value: "*", Max: 1, Priority: 3}, term("organization")),
		row(8, matcher.Rule{Kind: matcher.Spread, Value: "*", Min: 1, Max: 2, Priority: 9}, term("relation")),
		row(9, matcher.Rule{Kind: matcher.Company, Value: "*", Min: 2, Max: 2, Priority: 9}, term("race_report")),
	}
	if diff := cmp.Diff(wantRules, v.Resolved.Rules); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	wantCaps := []matcher.HardCap{{Attribute: "county", Max: 2}, {Attribute: "organization", Max: 2}}
	if diff := cmp.Diff(wantCaps, v.Resolved.Caps); diff != "" {
		t.Errorf("caps: %s", diff)
	}
	if len(v.Resolved.Links) != 1 || v.Resolved.Links[0].Kind != matcher.Together || v.Resolved.Allow[2] != 1 {
		t.Errorf("links %v, allow %v", v.Resolved.Links, v.Resolved.Allow)
	}
	if v.PoolSize != 2 || len(v.Rules) != 9 || v.Verdict.Status != matcher.Feasible {
		t.Fatalf("pool %d, %d rules, %s", v.PoolSize, len(v.Rules), v.Verdict.Status)
	}
	// One spelling of an organization, no group for "none", none for a decline.
	for _, r := range []struct{ row, pool int }{{1, 2}, {3, 0}, {4, 1}, {5, 1}, {6, 1}, {7, 2}, {8, 0}, {9, 0}} {
		if got := v.Rules[r.row-1].Pool; got != r.pool {
			t.Errorf("row %d counts %d in the pool, want %d", r.row, got, r.pool)
		}
	}
	if r := v.Rules[0]; r.Group["es"] != "Condado" || r.Label["en"] != "Island County" || r.Benchmark == nil || !slices.Equal(r.Values, []string{"island"}) || r.Attribute != "county" {
		t.Errorf("labels of row 1: %+v", r)
	}
	if r := v.Rules[3]; r.Label["en"] != "I decide and I supervise" || r.Benchmark != nil {
		t.Errorf("labels of row 4: %+v", r)
	}
	if r := v.Rules[5]; r.Label["en"] != "Island County + Primary care clinic, including health centers or Hospital" || r.Benchmark != nil {
		t.Errorf("labels of row 6: %+v", r)
	}
	log := w.events(0)
	if last := log[len(log)-1]; last.Action != "identity.count" || last.Detail != "columns=county,race,race_report,relation" {
		t.Errorf("counting by identity is recorded as %+v", last)
	}
}

func TestCheckCriteria(t *testing.T) {
	w := newWorld(t)
	w.open()
	for range 3 {
		w.apply(nil)
	}
	w.apply(func(a *applications.Application) {
		a.Answers["role"] = applications.Answer{Values: []string{"influences"}}
	})
	size := w.logSize()
	check := func(rules ...applications.CriteriaRule) (*applications.CriteriaVerdict, error) {
		return w.CheckCriteria(w.ctx, w.facilitator, &applications.Criteria{Program: "leaders", Rules: rules, Size: 3, MinSize: 3})
	}
	v, err := check(rule("quota", "sector", func(r *applications.CriteriaRule) { r.Values, r.Min = []string{"clinic"}, ptr(3) }))
	if err != nil || v.Verdict.Status != matcher.Feasible || v.PoolSize != 3 || v.Rules[0].Count != 3 {
		t.Fatalf("possible, without the ineligible one: %+v %v", v, explained(err))
	}
	v, err = check(rule("quota", "sector", func(r *applications.CriteriaRule) { r.Values, r.Min = []string{"housing"}, ptr(1) }))
	if err != nil || v.Verdict.Status != matcher.Infeasible || v.Verdict.Infeasibility == nil || len(v.Rules) != 1 || v.Rules[0].Short != 1 {
		t.Errorf("impossible: %+v %v", v, err)
	}
	_, err = check(rule("quota", "sektor", nil))
	want(t, "criteria that are none", err, "CRITERIA_INVALID")
	if w.logSize() != size {
		t.Error("a check on facts about the job is in the log")
	}
	if _, err = w.CheckCriteria(w.ctx, w.facilitator, &applications.Criteria{Program: "leaders", Version: 1}); applications.ReasonOf(err) != "CRITERIA_INVALID" {
		t.Errorf("a version for 4 seats and a pool of 3: %v", err)
	}
	w.apply(nil)
	if v, err = w.CheckCriteria(w.ctx, w.facilitator, &applications.Criteria{Program: "leaders", Version: 1}); err != nil || v.Criteria.Version != 1 || v.Verdict.Status != matcher.Feasible {
		t.Errorf("a version: %+v %v", v, explained(err))
	}
}

// A check tells how many people have an answer, down to one who is named: who
// does not read identity answers makes none on them, and leaves no trace of it.
func TestCheckOnIdentityNeedsIdentityRead(t *testing.T) {
	w := newWorld(t)
	w.open()
	for range 3 {
		w.apply(nil)
	}
	white := func(change func(*applications.CriteriaRule)) applications.CriteriaRule {
		return rule("quota", "sector", func(r *applications.CriteriaRule) { r.Values, r.Min = []string{"clinic"}, ptr(1); change(r) })
	}
	size := w.logSize()
	for name, c := range map[string]struct {
		criteria applications.Criteria
		named    string // attributes in the message; "" is allowed
	}{
		"an attribute":  {applications.Criteria{Rules: []applications.CriteriaRule{rule("spread", "race", func(r *applications.CriteriaRule) { r.Min = ptr(1) })}}, "race"},
		"a derived one": {applications.Criteria{Rules: []applications.CriteriaRule{rule("spread", "race_report", func(r *applications.CriteriaRule) { r.Min = ptr(1) })}}, "race_report"},
		"a condition": {applications.Criteria{Rules: []applications.CriteriaRule{white(func(r *applications.CriteriaRule) {
			r.And = []applications.Condition{{Attribute: "race", Values: []string{"asian"}}, {Attribute: "county", Values: []string{"island"}}}
		})}}, "county, race"},
		"a cap":                         {applications.Criteria{HardCaps: map[string]int{"county": 2}}, "county"},
		"one named person":              {applications.Criteria{Rules: []applications.CriteriaRule{{Kind: "quota", Attribute: "race", Values: []string{"asian"}, IDs: []string{"NS-0001"}, Min: ptr(1)}}}, "race"},
		"a condition on a named person": {applications.Criteria{Rules: []applications.CriteriaRule{{Kind: "quota", IDs: []string{"NS-0001"}, And: []applications.Condition{{Attribute: "race", Values: []string{"asian"}}}, Min: ptr(1)}}}, "race"},
		"with links":                    {applications.Criteria{Rules: []applications.CriteriaRule{rule("spread", "county", func(r *applications.CriteriaRule) { r.Min = ptr(1) })}, Ties: []applications.Tie{{Kind: "together", IDs: []string{"NS-0001", "NS-0002"}}}}, "county"},
		"a stored version":              {applications.Criteria{Version: 1}, "county"},
		"a job":                         {applications.Criteria{Rules: []applications.CriteriaRule{white(func(*applications.CriteriaRule) {})}, HardCaps: map[string]int{"organization": 3}}, ""},
		"a named person":                {applications.Criteria{Rules: []applications.CriteriaRule{{Kind: "quota", IDs: []string{"NS-0001"}, Min: ptr(1)}}}, ""},
	} {
		c.criteria.Program, c.criteria.Size, c.criteria.MinSize = "leaders", 2, 2
		v, err := w.CheckCriteria(w.ctx, w.manager, &c.criteria)
		if c.named == "" {
			want(t, name, err, "")
			if err == nil && (v.PoolSize != applications.TooFew || slices.ContainsFunc(v.Rules, func(r applications.ResultRule) bool {
				return r.Identity || r.Count != applications.TooFew || r.Pool != applications.TooFew
			})) {
				t.Errorf("%s: pool %d, rows %+v", name, v.PoolSize, v.Rules)
			}
			continue
		}
		if applications.CodeOf(err) != applications.PermissionDenied || !strings.Contains(fmt.Sprint(err), "a check on "+c.named+" counts") {
			t.Errorf("%s: %v, want a refusal that names %s", name, err, c.named)
		}
	}
	if w.logSize() != size {
		t.Error("what was refused, or concerned jobs, is recorded as a count of people by identity")
	}
}

// Named applicants are for those who may list applicants.
func TestCriteriaHideNamedApplicants(t *testing.T) {
	w := newWorld(t)
	w.draft()
	c := neutral()
	c.Program, c.Name = "leaders", "own"
	c.Ties = []applications.Tie{{Kind: "apart", IDs: []string{"NS-0001", "NS-0002"}}}
	c.Rules = append(c.Rules, applications.CriteriaRule{IDs: []string{"NS-0003"}, Min: ptr(1), Priority: 1, Note: "who is hard of hearing"})
	saved, err := w.SaveCriteria(w.ctx, w.facilitator, &c, once)
	if err != nil {
		t.Fatal(explained(err))
	}
	if _, err := w.OpenProgram(w.ctx, w.admin, "leaders", 0, once); err != nil {
		t.Fatal(explained(err))
	}
	public, err := w.Criteria(w.ctx, access.Principal{}, "leaders", saved.Version)
	if err != nil || public.Ties != nil || public.Rules[3].IDs != nil || public.Rules[3].Note != "" {
		t.Errorf("the public sees %+v %v", public, err)
	}
	staff, err := w.Criteria(w.ctx, w.facilitator, "leaders", saved.Version)
	if err != nil || len(staff.Ties) != 1 || len(staff.Rules[3].IDs) != 1 || staff.Rules[3].Note == "" {
		t.Errorf("staff see %+v %v", staff, err)
	}
}

func TestEntityKey(t *testing.T) {
	for _, c := range []struct{ a, b string }{
		{"Sea Mar", "  sea   MAR. "}, {"ŻÓŁW", "żółw"}, {"STRASSE", "Straße"}, {"Dxʷlilap", "dxʷlilap"},
	} {
		if applications.EntityKey(c.a) != applications.EntityKey(c.b) {
			t.Errorf("%q and %q are two organizations: %q, %q", c.a, c.b, applications.EntityKey(c.a), applications.EntityKey(c.b))
		}
	}
	if applications.EntityKey("Sea Mar") == applications.EntityKey("Seamar") {
		t.Error("two organizations became one")
	}
}
