package server_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/openfairlead/fairlead/internal/access"
)

// listed is one list of the API with enough in it to have pages.
type listed struct {
	path, key string // key is the field of the answer that holds the items
	token     string
	other     string // of somebody else who may list it; "": made where it is needed
}

// page asks for one page and returns the names on it.
func (w *world) page(l listed, query url.Values) (names []string, next string, a answer) {
	w.t.Helper()
	a = w.call("GET", l.path+"?"+query.Encode(), l.token, "")
	if a.status != 200 {
		return nil, "", a
	}
	var body map[string]json.RawMessage
	a.into(w.t, &body)
	var items []struct{ Name string }
	if raw, ok := body[l.key]; ok {
		if err := json.Unmarshal(raw, &items); err != nil {
			w.t.Fatal(err)
		}
	}
	for _, i := range items {
		names = append(names, i.Name)
	}
	if raw, ok := body["nextPageToken"]; ok {
		if err := json.Unmarshal(raw, &next); err != nil {
			w.t.Fatal(err)
		}
	}
	return names, next, a
}

// walk goes through all pages of a size.
func (w *world) walk(l listed, size int, query url.Values) []string {
	w.t.Helper()
	var all []string
	q := url.Values{}
	for k, v := range query {
		q[k] = v
	}
	q.Set("pageSize", fmt.Sprint(size))
	for pages := 0; ; pages++ {
		names, next, a := w.page(l, q)
		if a.status != 200 {
			w.t.Fatalf("%s: %d %s", l.path, a.status, a.body)
		}
		if size > 0 && len(names) > size {
			w.t.Fatalf("%s: %d items on a page of %d", l.path, len(names), size)
		}
		all = append(all, names...)
		if next == "" {
			return all
		}
		if pages > 500 {
			w.t.Fatalf("%s: no end", l.path)
		}
		q.Set("pageToken", next)
	}
}

// lists fills a world and names every list in it.
func lists(w *world) map[string]listed {
	w.open("alpha")
	for i := range 5 {
		w.draft(fmt.Sprintf("other-%d", i))
	}
	for n := range 23 {
		w.apply("alpha", n, n%4 != 0)
	}
	facilitator, approver := w.token(access.Facilitator, "alpha"), w.token(access.PolicyApprover, "alpha")
	for range 5 {
		w.must("POST", "/v1/programs/alpha/criteria", facilitator, criteria)
		w.must("POST", "/v1/programs/alpha/policies", approver, `{"attributes": ["county"], "approver": "x", "reason": "y", "expireTime": "2028-01-01T00:00:00Z"}`)
		w.must("POST", "/v1/users", w.admin, `{"displayName": "Invented Staff"}`)
		w.must("POST", "/v1/tokens", w.admin, `{"grants": [{"role": "ROLE_AUDITOR"}]}`)
	}
	w.must("POST", "/v1/programs/alpha:close", w.admin, "{}")
	for range 5 {
		w.must("POST", "/v1/programs/alpha/selections", facilitator, `{"seed": "s", "lottery": "NONE"}`)
	}
	var people struct{ Applications []struct{ Name string } }
	w.must("GET", "/v1/programs/alpha/applications?pageSize=7", facilitator, "").into(w.t, &people)
	for _, a := range people.Applications {
		w.offer("alpha", a.Name[strings.LastIndexByte(a.Name, '/')+1:])
	}
	for i := range 3 { // something that is open
		w.must("POST", fmt.Sprintf("/v1/programs/other-%d:open", i), w.admin, "{}")
	}
	all := mentoringLists(w)
	maps.Copy(all, networkLists(w))
	maps.Copy(all, map[string]listed{
		"ProgramService/ListPrograms":         {path: "/v1/programs", key: "programs", token: w.admin},
		"ProgramService/ListOpenCalls":        {path: "/v1/openCalls", key: "openCalls"},
		"ProgramService/ListCriteria":         {path: "/v1/programs/alpha/criteria", key: "criteria", token: facilitator},
		"ProgramService/ListPolicies":         {path: "/v1/programs/alpha/policies", key: "policies", token: facilitator},
		"ProgramService/ListPresets":          {path: "/v1/presets", key: "presets", token: facilitator},
		"ApplicationService/ListApplications": {path: "/v1/programs/alpha/applications", key: "applications", token: facilitator},
		"SelectionService/ListSelections":     {path: "/v1/programs/alpha/selections", key: "selections", token: facilitator},
		"OfferService/ListOffers":             {path: "/v1/programs/alpha/offers", key: "offers", token: facilitator},
		"AdminService/ListUsers":              {path: "/v1/users", key: "users", token: w.admin},
		"AdminService/ListTokens":             {path: "/v1/tokens", key: "tokens", token: w.admin},
		"AdminService/ListAuditEvents":        {path: "/v1/auditEvents", key: "auditEvents", token: w.token(access.Auditor, "")},
	})
	return all
}

// atLeast is how many items each list has to have for the test to mean
// something. One preset ships.
var atLeast = map[string]int{"ProgramService/ListPresets": 1, "ProgramService/ListOpenCalls": 3}

func TestEveryList(t *testing.T) {
	w := newWorld(t)
	all := lists(w)
	for _, m := range apiMethods() {
		name := methodName(m)
		if !strings.HasPrefix(string(m.Name()), "List") || (&stage{world: w}).unbuilt(m) {
			continue
		}
		l, ok := all[name]
		if !ok {
			t.Errorf("%s is a new list: add it to lists", name)
			continue
		}
		t.Run(name, func(t *testing.T) {
			whole := w.walk(l, 1000, nil)
			if want := max(atLeast[name], 1); len(whole) < want || atLeast[name] == 0 && len(whole) < 5 {
				t.Fatalf("only %d items", len(whole))
			}
			if sorted := slices.Compact(slices.Sorted(slices.Values(whole))); len(sorted) != len(whole) {
				t.Errorf("an item is there twice")
			}
			for _, size := range []int{1, 2, 3, 7, 50, 0, 5000} {
				if got := w.walk(l, size, nil); !slices.Equal(got, whole) {
					t.Errorf("pages of %d give %v, want %v", size, got, whole)
				}
			}
			w.tokensAreBound(t, l)
			for _, bad := range []string{"filter=)", "filter=" + url.QueryEscape(`nothing = 1`), "orderBy=nothing", "pageSize=-1", "pageSize=many", "pagesize=3", "pageToken=x"} {
				a := w.call("GET", l.path+"?"+bad, l.token, "")
				if a.status != 400 || len(a.fields) != 1 {
					t.Errorf("?%s: %d %s", bad, a.status, a.body)
				}
			}
		})
	}
}

// tokensAreBound tries a page token where it does not belong.
func (w *world) tokensAreBound(t *testing.T, l listed) {
	_, next, _ := w.page(l, url.Values{"pageSize": {"1"}})
	if next == "" {
		return // a list of one
	}
	token := url.Values{"pageToken": {next}, "pageSize": {"2"}}
	if _, _, a := w.page(l, token); a.status != 200 {
		t.Errorf("another page size: %s", a.body)
	}
	refused := func(what string, l listed, q url.Values) {
		if _, _, a := w.page(l, q); a.status != 400 || a.reason != "PAGE_TOKEN_INVALID" {
			t.Errorf("%s: %d %s", what, a.status, a.body)
		}
	}
	refused("another filter", l, url.Values{"pageToken": {next}, "orderBy": {"name"}})
	refused("another list", listed{path: "/v1/presets", key: "presets", token: w.token(access.Facilitator, "")}, token)
	if l.token != "" {
		other := l
		if other.token = l.other; other.token == "" {
			other.token = w.token(access.Facilitator, "alpha")
		}
		if strings.HasPrefix(l.path, "/v1/programs/") {
			refused("another caller", other, token)
		}
	}
	refused("cut off", l, url.Values{"pageToken": {next[:len(next)-2]}})
	w.pass(25 * 60 * 60 * 1e9)
	refused("a day later", l, token)
	w.pass(-25 * 60 * 60 * 1e9)
}

func TestFilterAndOrder(t *testing.T) {
	w := newWorld(t)
	all := lists(w)
	apps := all["ApplicationService/ListApplications"]
	whole := w.walk(apps, 1000, nil)
	drafts := w.walk(apps, 3, url.Values{"filter": {"state = DRAFT"}})
	rest := w.walk(apps, 4, url.Values{"filter": {"state != DRAFT"}})
	if len(drafts) != 6 || len(drafts)+len(rest) != len(whole) {
		t.Errorf("%d drafts and %d others of %d", len(drafts), len(rest), len(whole))
	}
	newest := w.walk(apps, 5, url.Values{"orderBy": {"create_time desc"}})
	slices.Reverse(newest)
	if !slices.Equal(newest, whole) {
		t.Error("the newest first are not the oldest first backwards")
	}
	if a := w.call("GET", apps.path+"?filter="+url.QueryEscape("state = DRAUGHT"), apps.token, ""); a.status != 400 || !strings.Contains(string(a.body), "DRAFT") {
		t.Errorf("a filter with an unknown state: %s", a.body)
	}
	criteria := all["ProgramService/ListCriteria"]
	if got := w.walk(criteria, 2, url.Values{"filter": {"registered"}}); !slices.Equal(got, []string{"programs/alpha/criteria/1"}) {
		t.Errorf("registered criteria: %v", got)
	}
	descending := w.walk(criteria, 2, url.Values{"orderBy": {"name desc"}})
	slices.Reverse(descending)
	if !slices.Equal(descending, w.walk(criteria, 1000, nil)) {
		t.Errorf("criteria backwards: %v", descending)
	}
	events := all["AdminService/ListAuditEvents"]
	opened := w.walk(events, 2, url.Values{"filter": {`action = "program.open"`}})
	if len(opened) != 4 {
		t.Errorf("%d programs opened, want 4", len(opened))
	}
}
