package server_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/introductions"
)

// peered is a program with a network and members who can be introduced.
type peered struct {
	*world
	program, network string
	staff            string // token of a coordinator
	members          []enrolled
}

// memberBody is the n-th person, complete; those of one organization stand
// three in a row.
func memberBody(n int) string {
	return fmt.Sprintf(`{"reference": "M%02d", "agreed": true, "contact": {"name": "Invented Peer %d", "email": "peer-%d@example.org"},
 "profile": {"organization": "Org %d", "topics": %q, "Secret": "zq7private %d"}}`, n, n, n, n/3, []string{"housing; Food", "food", "housing"}[n%3], n)
}

// networkOf makes a network of a program that is there, imports people and gives
// each a token.
func (w *world) networkOf(program, network, settings string, people int) *peered {
	w.t.Helper()
	p := &peered{world: w, program: program, network: network, staff: w.person(access.Coordinator, program)}
	w.must("POST", "/v1/programs/"+program+"/networks?networkId="+network, p.staff, settings)
	var rows []string
	for n := range people {
		rows = append(rows, memberBody(n))
	}
	if people == 0 {
		return p
	}
	w.must("POST", p.at("members:import"), p.staff, `{"members": [`+strings.Join(rows, ",")+`], "reason": "asked on a form"}`)
	var list struct{ Members []enrolled }
	w.must("GET", p.at("members?pageSize=1000"), p.staff, "").into(w.t, &list)
	for _, m := range list.Members {
		m.Token = p.door(m.Name)
		p.members = append(p.members, m)
	}
	return p
}

// door gives a member their token.
func (p *peered) door(name string) string {
	p.t.Helper()
	var link struct{ Code string }
	p.must("POST", "/v1/"+name+":issueLink", p.staff, `{"reason": "asked by phone"}`).into(p.t, &link)
	var opened struct{ Member, Token string }
	p.must("POST", p.at("members:openLink"), "", `{"code": "`+link.Code+`"}`).into(p.t, &opened)
	if opened.Member != name || !strings.HasPrefix(opened.Token, "fln_") {
		p.t.Fatalf("the link opens %+v", opened)
	}
	return opened.Token
}

func (p *peered) at(rest string) string {
	return "/v1/programs/" + p.program + "/networks/" + p.network + "/" + rest
}

// round makes a round, works on it, and returns its name.
func (p *peered) round(seed string) string {
	p.t.Helper()
	var made struct{ Name string }
	p.must("POST", p.at("rounds"), p.staff, `{"seed": "`+seed+`"}`).into(p.t, &made)
	p.workRounds()
	return made.Name
}

func (p *peered) workRounds() {
	p.t.Helper()
	for {
		worked, err := introductions.NewRunner(p.networks, "test").RunOne(context.Background())
		if err != nil {
			p.t.Fatal(err)
		}
		if !worked {
			return
		}
	}
}

// met is an introduction as the API tells of it.
type met struct {
	Name, State, Etag, OwnAcceptTime string
	Members                          []struct {
		Member, Code string
		Profile      map[string]string
		Contact      struct{ Name, Email string }
	}
	Declines []struct {
		Reason      string
		MemberCount int
	}
}

// publishRound publishes a round and returns the introductions that wait.
func (p *peered) publishRound(round string) []met {
	p.t.Helper()
	p.must("POST", "/v1/"+round+":publish", p.staff, `{"reason": "looked at by two people"}`)
	return p.waiting(p.staff)
}

func (p *peered) waiting(token string) []met {
	p.t.Helper()
	var list struct{ Introductions []met }
	p.must("GET", p.at("introductions?pageSize=1000&filter=state%3DPROPOSED"), token, "").into(p.t, &list)
	return list.Introductions
}

func (p *peered) tokenOfMember(name string) string {
	for _, m := range p.members {
		if m.Name == name {
			return m.Token
		}
	}
	p.t.Fatalf("nobody is called %s", name)
	return ""
}

type roundAnswer struct {
	State                                          string
	MemberCount, GroupCount, LeftCount, RoundCount int
	AbsentCount, PublishedNumber, BaseCount        int
	InputDigest                                    string
	Error                                          struct{ Reason, Message string }
}

type resultAnswer struct {
	Status string
	Groups []struct {
		Members, Codes []string
		Score          int
	}
	Left []struct {
		Member, Code, Reason      string
		WaitedCount, SkippedCount int
	}
	Absent []struct {
		Reason      string
		MemberCount int
	}
	LeftProved, TotalProved bool
}

const pairsOfOrgs = `{"title": {"en": "Alumni"}, "different": ["organization"], "shown": ["topics"], "points": [{"attribute": "topics", "points": 10}]}`

// From a network to a second round that repeats nobody, everything over REST.
func TestIntroductionsJourney(t *testing.T) {
	w := newWorld(t)
	w.draft("alpha")
	p := w.networkOf("alpha", "alumni", pairsOfOrgs, 9)
	round := p.round("s")
	var state roundAnswer
	p.must("GET", "/v1/"+round, p.staff, "").into(t, &state)
	if state.State != "SOLVED" || state.MemberCount != 9 || state.GroupCount != 4 || state.LeftCount != 0 || !strings.HasPrefix(state.InputDigest, "sha256:") {
		t.Fatalf("the round: %+v", state)
	}
	var result resultAnswer
	p.must("GET", "/v1/"+round+"/result", p.staff, "").into(t, &result)
	trios := 0
	for _, g := range result.Groups {
		if len(g.Members) == 3 {
			trios++
		}
	}
	if result.Status != "OPTIMAL" || !result.LeftProved || !result.TotalProved || trios != 1 {
		t.Fatalf("the result: %+v", result)
	}
	// Nobody has heard of it before it is published.
	if list := p.waiting(p.members[0].Token); len(list) != 0 {
		t.Errorf("before the round is published: %+v", list)
	}
	list := p.publishRound(round)
	if len(list) != 4 {
		t.Fatalf("%d introductions", len(list))
	}
	var pair, trio, third met
	for _, i := range list {
		switch {
		case len(i.Members) == 3:
			trio = i
		case pair.Name == "":
			pair = i
		default:
			third = i
		}
	}
	a, b := pair.Members[0].Member, pair.Members[1].Member
	var seen met
	p.must("GET", "/v1/"+pair.Name, p.tokenOfMember(a), "").into(t, &seen)
	for _, m := range seen.Members {
		if own := m.Member == a; (m.Profile["topics"] == "") != own || m.Profile["secret"] != "" || m.Contact.Name != "" {
			t.Errorf("before anybody agreed: %+v", m)
		}
	}
	// A first answer shows nowhere.
	before := p.must("GET", "/v1/"+pair.Name, p.tokenOfMember(b), "")
	w.pass(time.Minute)
	p.must("POST", "/v1/"+pair.Name+":accept", p.tokenOfMember(a), `{}`)
	if after := p.must("GET", "/v1/"+pair.Name, p.tokenOfMember(b), ""); string(after.body) != string(before.body) {
		t.Errorf("a first answer shows:\n%s\n%s", before.body, after.body)
	}
	if again := p.call("POST", "/v1/"+pair.Name+":accept", p.tokenOfMember(a), `{}`); again.reason != "INTRODUCTION_ANSWERED" {
		t.Errorf("a second answer: %d %s", again.status, again.body)
	}
	var done met
	p.must("POST", "/v1/"+pair.Name+":accept", p.tokenOfMember(b), `{}`)
	p.must("GET", "/v1/"+pair.Name, p.tokenOfMember(b), "").into(t, &done)
	if done.State != "ACCEPTED" || done.Members[0].Contact.Email == "" && done.Members[1].Contact.Email == "" {
		t.Errorf("accepted by both: %+v", done)
	}
	// One of three declines: the other two go on, and never see why.
	x, y, z := trio.Members[0].Member, trio.Members[1].Member, trio.Members[2].Member
	p.must("POST", "/v1/"+trio.Name+":decline", p.tokenOfMember(x), `{"reason": "KNOWN", "never": true}`)
	p.must("POST", "/v1/"+trio.Name+":accept", p.tokenOfMember(y), `{}`)
	p.must("POST", "/v1/"+trio.Name+":accept", p.tokenOfMember(z), `{}`)
	for who, want := range map[string]string{x: "DECLINED", y: "ACCEPTED", z: "ACCEPTED"} {
		a := p.must("GET", "/v1/"+trio.Name, p.tokenOfMember(who), "")
		var i met
		a.into(t, &i)
		if i.State != want || strings.Contains(string(a.body), "KNOWN") || want == "ACCEPTED" && len(i.Members) != 2 || want == "DECLINED" && strings.Contains(string(a.body), "peer-") {
			t.Errorf("a trio of which one declined, %s: %s", want, a.body)
		}
	}
	// A pair of which one declines is over; the other one waits for a round more.
	c, d := third.Members[0].Member, third.Members[1].Member
	p.must("POST", "/v1/"+third.Name+":accept", p.tokenOfMember(c), `{}`)
	p.must("POST", "/v1/"+third.Name+":decline", p.tokenOfMember(d), `{"reason": "NO_TIME"}`)
	var waited struct{ WaitedCount, SkippedCount int }
	p.must("GET", "/v1/"+c, p.tokenOfMember(c), "").into(t, &waited)
	if waited.WaitedCount != 1 || waited.SkippedCount != 1 {
		t.Errorf("whose partner declined has waited %+v", waited)
	}
	var told met
	p.must("GET", "/v1/"+third.Name, p.staff, "").into(t, &told)
	if told.State != "DECLINED" || len(told.Declines) != 1 || told.Declines[0].Reason != "NO_TIME" {
		t.Errorf("staff: %+v", told)
	}
	// The last one is answered by nobody.
	w.pass(15 * 24 * time.Hour)
	if n, err := w.networks.Expire(context.Background()); err != nil || n != 1 {
		t.Errorf("%d expired, %v", n, err)
	}
	// A second round repeats nobody.
	pairs := map[[2]string]bool{}
	for _, g := range result.Groups {
		for i, a := range g.Codes {
			for _, b := range g.Codes[i+1:] {
				pairs[[2]string{a, b}] = true
			}
		}
	}
	p.must("PATCH", "/v1/"+p.members[0].Name+"?updateMask=paused", p.members[0].Token, `{"paused": true}`)
	next := p.round("s")
	var second resultAnswer
	p.must("GET", "/v1/"+next+"/result", p.staff, "").into(t, &second)
	people := 0
	for _, g := range second.Groups {
		people += len(g.Codes)
		for i, a := range g.Codes {
			for _, b := range g.Codes[i+1:] {
				if pairs[[2]string{a, b}] {
					t.Errorf("%s and %s meet again", a, b)
				}
			}
		}
	}
	if people+len(second.Left) != 8 || len(second.Absent) != 1 || second.Absent[0].Reason != "PAUSED" {
		t.Errorf("somebody is silently left out: %+v", second)
	}
	if log := strings.ToLower(w.log.String()); strings.Contains(log, "peer-") || strings.Contains(log, "invented peer") || strings.Contains(log, "zq7private") {
		t.Error("the log holds somebody's data")
	}
}

// networkMutations are calls that change something of networks, each about
// something of its own.
func networkMutations(w *world) map[string]mutation {
	w.draft("lambda")
	p := w.networkOf("lambda", "peers", `{}`, 8)
	other := w.networkOf("lambda", "others", `{}`, 3)
	list := p.publishRound(p.round("s"))
	solved := other.round("s")
	var queued struct{ Name string }
	w.must("POST", other.at("rounds"), p.staff, `{}`).into(w.t, &queued)
	answer := func(i int) (path, token string) {
		return "/v1/" + list[i].Name, p.tokenOfMember(list[i].Members[0].Member)
	}
	accept, accepts := answer(0)
	decline, declines := answer(1)
	return map[string]mutation{
		"NetworkService/CreateNetwork": {"POST", "/v1/programs/lambda/networks?networkId=new-one", p.staff, `{"shown": ["a"]}`, `{"shown": ["b"]}`},
		"NetworkService/UpdateNetwork": {"PATCH", strings.TrimSuffix(p.at(""), "/"), p.staff, `{"shown": ["a"]}`, `{"shown": ["b"]}`},
		"NetworkService/CreateMember": {
			"POST", p.at("members") + "?onBehalfReason=by%20phone", p.staff, memberBody(40), memberBody(41),
		},
		"NetworkService/ImportMembers":      {"POST", p.at("members:import"), p.staff, `{"members": [` + memberBody(42) + `], "reason": "x"}`, `{"members": [` + memberBody(42) + `], "reason": "y"}`},
		"NetworkService/UpdateMember":       {"PATCH", "/v1/" + p.members[0].Name, p.members[0].Token, `{"restDays": 7}`, `{"restDays": 8}`},
		"NetworkService/EraseMember":        {"POST", "/v1/" + other.members[2].Name + ":erase", w.token(access.PrivacyOfficer, ""), `{"reason": "asked by phone"}`, `{"reason": "asked by letter"}`},
		"NetworkService/CreateRound":        {"POST", p.at("rounds"), p.staff, `{"seed": "s"}`, `{"seed": "t"}`},
		"NetworkService/CancelRound":        {"POST", "/v1/" + queued.Name + ":cancel", p.staff, `{}`, ``},
		"NetworkService/PublishRound":       {"POST", "/v1/" + solved + ":publish", p.staff, `{"reason": "x"}`, `{"reason": "y"}`},
		"NetworkService/AcceptIntroduction": {"POST", accept + ":accept", accepts, `{}`, ``},
		"NetworkService/DeclineIntroduction": {
			"POST", decline + ":decline", declines, `{"reason": "KNOWN"}`, `{"reason": "OTHER"}`,
		},
	}
}

// networkLists fills every list that networks have.
func networkLists(w *world) map[string]listed {
	w.draft("lambda")
	p := w.networkOf("lambda", "peers", `{}`, 12)
	for n := range 4 {
		w.must("POST", fmt.Sprintf("/v1/programs/lambda/networks?networkId=more-%d", n), p.staff, `{}`)
	}
	round := p.round("s")
	for range 4 {
		w.must("POST", p.at("rounds"), p.staff, `{}`)
	}
	p.publishRound(round)
	other := w.token(access.Coordinator, "lambda")
	return map[string]listed{
		"NetworkService/ListNetworks":      {path: "/v1/programs/lambda/networks", key: "networks", token: p.staff, other: other},
		"NetworkService/ListMembers":       {path: p.at("members"), key: "members", token: p.staff, other: other},
		"NetworkService/ListRounds":        {path: p.at("rounds"), key: "rounds", token: p.staff, other: other},
		"NetworkService/ListIntroductions": {path: p.at("introductions"), key: "introductions", token: p.staff, other: other},
	}
}
