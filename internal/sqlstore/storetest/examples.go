package storetest

import (
	"crypto/sha256"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/access"
)

// The people in these examples are invented. Every text that a database must
// not show in the clear holds the word canary.

const canary = "kanarienvogel"

// start is when the examples happen: with microseconds, and nanoseconds that a
// store has to cut.
var start = time.Date(2027, 3, 1, 9, 30, 15, 123_456_789, time.FixedZone("", -8*3600))

// stored is what a store makes of a time.
func stored(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

func newID() string { return uuid.Must(uuid.NewV7()).String() }

func digest(parts ...string) []byte {
	h := sha256.New()
	for _, p := range parts {
		h.Write([]byte(p))
		h.Write([]byte{0})
	}
	return h.Sum(nil)
}

func text(en string) applications.Text {
	return applications.Text{"en": en + " " + canary, "es": "¿" + en + "?"}
}

func exampleProgram(id string) *applications.Program {
	return &applications.Program{
		ID: id, State: applications.ProgramDraft,
		Title: text("Equity in Leadership"), Summary: text("A cohort of leaders."), Audience: text("Leaders"),
		Effort: text("One day a month"), Selected: text("By rules that are published"), Contact: text("Call us: 360 555 0100"),
		Region: text("Five counties"), Preset: "north-sound",
		CodePrefix: "NS", MinSeats: 12, Seats: 15,
		Window:      applications.Window{Opens: start, Closes: start.AddDate(0, 1, 0), Zone: "America/Los_Angeles", GraceMinutes: 30},
		FormVersion: 1, PublicAgency: true,
		CreateTime: start, UpdateTime: start.Add(time.Minute), OpenTime: start.Add(time.Hour),
	}
}

func exampleForm(program string, version int) *applications.Form {
	f := &applications.Form{Program: program, Version: version, Digest: "sha256:0011"}
	for i := range 12 {
		a := applications.Attribute{
			Key: fmt.Sprintf("attribute_%d", i), Kind: applications.Multi, Question: text("Which of these describe you?"),
			Hint: text("Choose all that apply."), Why: text("To see who is missing."), Label: text("Group"), MaxValues: 3, Decline: true,
			Sensitivity: applications.Special, Purposes: []applications.Purpose{applications.ForReport, applications.ForBalance},
			Source: "OMB SPD-15 (2024)",
		}
		for j := range 8 {
			a.Values = append(a.Values, applications.Value{Code: fmt.Sprintf("value_%d", j), Label: text("A label of a value"), WriteIn: j == 7, Exclusive: j == 6})
		}
		f.Attributes = append(f.Attributes, a)
		f.Pages = append(f.Pages, applications.Page{Key: a.Key, Title: text("A page"), Attributes: []string{a.Key}})
	}
	f.Attributes[3].Values[2].Benchmark = &applications.Benchmark{Share: 0.0073, Basis: "adults", Source: "ACS 2023"}
	f.Attributes[3].Values[3].VisibleWhen = &applications.Condition{Attribute: "attribute_1", Values: []string{"value_2"}}
	f.Attributes[4].Qualifier = &applications.Qualifier{Key: "whose", Label: text("Whose?"), Values: []applications.Value{{Code: "self", Label: text("My own")}}}
	f.Eligibility = []applications.Condition{{Attribute: "attribute_0", Values: []string{"value_0", "value_1"}}}
	f.Consents = []applications.ConsentText{{Key: "terms", Text: text("I agree."), Required: true}}
	return f
}

func exampleCriteria(program string, version int) *applications.Criteria {
	two, four := 2, 4
	return &applications.Criteria{
		Program: program, Version: version, Name: "balanced",
		Rules: []applications.CriteriaRule{
			{Kind: "quota", Attribute: "attribute_0", Values: []string{"value_1"}, Min: &two, Priority: 1, Weight: 3, Note: "a floor " + canary},
			{Kind: "quota", Attribute: "attribute_1", Each: true, Max: &four, And: []applications.Condition{{Attribute: "attribute_2", Values: []string{"value_0"}}}},
		},
		Size: 15, MinSize: 12, HardCaps: map[string]int{"organization": 3}, Lottery: "NONE", Allow: map[int]int64{1: 0, 2: 4},
		SeedSource: "the lottery numbers of a day " + canary, CreateTime: start,
	}
}

func examplePolicy(program, id string) *applications.Policy {
	return &applications.Policy{
		Program: program, ID: id, Attributes: []string{"attribute_0", "attribute_1"}, Purpose: applications.ForBalance,
		Approver: "Canary Approver " + canary, RecordedBy: "users/1", Reason: "we asked for it " + canary, SecondApprover: "Second " + canary,
		ApproveTime: start, ExpireTime: start.AddDate(1, 0, 0),
	}
}

func exampleApplication(program, id string, n int) *applications.Application {
	a := &applications.Application{
		Program: program, ID: id, Code: fmt.Sprintf("NS-%04d", n), State: applications.Submitted, Form: 1,
		Contact:         applications.Contact{Name: "Invented Person " + canary, Goes: "In " + canary, Email: canary + "@example.org", Phone: "+1 360 555 0100 " + canary},
		Answers:         applications.Answers{},
		Language:        "en",
		Consents:        []applications.Consent{{Key: "terms", FormVersion: 1, Language: "en", Time: start.Add(time.Second)}},
		OnBehalf:        &applications.OnBehalf{By: "users/7", Reason: "phone", ConsentNote: "said yes on the phone " + canary},
		TokenGeneration: 1, CodeGeneration: 2,
		CreateTime: start, UpdateTime: start.Add(time.Minute), SubmitTime: start.Add(time.Hour),
	}
	number := int64(7)
	for i := range 10 {
		a.Answers[fmt.Sprintf("attribute_%d", i)] = applications.Answer{
			Values: []string{"value_1", "value_7"}, WriteIns: map[string]string{"value_7": "my own words " + canary},
			Qualifiers: map[string][]string{"value_1": {"self"}},
		}
	}
	a.Answers["attribute_10"] = applications.Answer{Number: &number}
	a.Answers["attribute_11"] = applications.Answer{Text: "Clinic of " + canary}
	a.Answers["attribute_12"] = applications.Answer{Declined: true}
	return a
}

func exampleSelection(program, id string) *applications.Selection {
	return &applications.Selection{
		Program: program, ID: id, State: applications.SelectionQueued, Criteria: 1, Trial: true,
		Include: []applications.Lock{{Application: "a1", Code: "NS-0001", Reason: "keeps the seat " + canary, By: "users/1", Time: start}},
		Exclude: []applications.Lock{{Application: "a2", Code: "NS-0002", Reason: "works here " + canary, By: "users/1", Time: start}},
		Lottery: "NONE", Seed: "seed", Work: 1_000_000,
		Steps:       []applications.RunStep{{Name: "claimed", Time: start}, {Name: "priority 1", Value: 3, Time: start.Add(time.Second)}},
		CurrentStep: "priority 2", Pivots: 12345, PoolSize: 60, InputDigest: "sha256:22", Engine: "1", Provenance: applications.Computed,
		Frozen: []byte(`{"pool":"` + canary + `"}`), Record: []byte(`{"record":"` + canary + `"}`),
		CreateTime: start, UpdateTime: start.Add(time.Minute), CreatedBy: "users/1",
	}
}

func exampleUser(id string) *applications.User {
	return &applications.User{ID: id, Name: "Staff " + canary, Grants: []access.Grant{{Role: access.Facilitator, Program: "p1"}, {Role: access.Auditor}}, CreateTime: start}
}

func exampleToken(id string) *applications.Token {
	return &applications.Token{ID: id, Hash: digest("token", id), User: "u1", Label: "for " + canary, Grants: []access.Grant{{Role: access.Service, Program: "p1"}}, CreateTime: start, ExpireTime: start.AddDate(1, 0, 0)}
}

func exampleLink(n int) *applications.Link {
	return &applications.Link{Hash: digest("link", fmt.Sprint(n)), Program: "p1", Application: "a1", ExpireTime: start.Add(15 * time.Minute)}
}

func exampleRequest(program, method, id string) *applications.Request {
	return &applications.Request{Program: program, Method: method, ID: id, Hash: digest("request", id), Resource: "a1", Answer: []byte(`{"answer":"` + canary + `"}`), Time: start}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
