package server_test

import "testing"

// What rules take, before they are saved, and whom to recruit: over REST, with a
// mentee too many who speaks what nobody else does.
func TestMentoringPricesAndRecruits(t *testing.T) {
	w := newWorld(t)
	w.open("alpha")
	m := w.mentoringOf("alpha", 3, 3)
	m.enroll("mentee", `{"contact": {"name": "Invented Mentee", "email": "alone@example.org"}, "wanted": 1, "language": "en",
 "profile": {"wants": "Budgeting", "languages": "Spanish", "places": "skagit"}, "consents": [{"purpose": "MATCHING", "given": true}]}`)

	type left struct{ NoneCount, FewCount int }
	type prices struct {
		MenteeCount, MentorCount int
		PairCount                string
		Now                      left
		Rules                    []struct {
			Rule              string
			InForce, Liftable bool
			Changed           left
			PairCount         string
		}
	}
	var saved, other prices
	m.must("POST", m.at("mentoringPlan:priceRules"), m.staff, `{}`).into(t, &saved)
	if saved.MenteeCount != 4 || saved.MentorCount != 3 || saved.PairCount != "9" || saved.Now != (left{1, 1}) {
		t.Errorf("%+v", saved)
	}
	priced := false
	for _, r := range saved.Rules {
		if r.Rule == "language" {
			priced = r.InForce && r.Liftable && r.Changed == left{} && r.PairCount == "3"
		}
	}
	if !priced {
		t.Errorf("the rule on languages keeps three pairs apart: %+v", saved.Rules)
	}
	m.must("POST", m.at("mentoringPlan:priceRules"), m.staff, `{"rules": "version: 1\nhard: {language: false}\n"}`).into(t, &other)
	if other.PairCount != "12" || other.Now != (left{}) {
		t.Errorf("%+v", other)
	}
	if a := m.call("POST", m.at("mentoringPlan:priceRules"), m.staff, `{"rules": "version: 2"}`); a.reason != "RULES_INVALID" || len(a.fields) != 1 || a.fields[0] != "rules" {
		t.Errorf("%d %s", a.status, a.body)
	}

	var r struct {
		UnservedCount, SeatCount, MentorCount int
		Groups                                []struct {
			Attribute, Value string
			ServingCount     int
		}
		Kinds []struct {
			Language, LanguageLabel, Place, PlaceLabel string
			ServesCount, MenteeCount                   int
			TopicLabels                                []string
		}
	}
	m.must("GET", "/v1/"+m.match()+":recruitment", m.staff, "").into(t, &r)
	if r.UnservedCount != 1 || r.SeatCount != 1 || r.MentorCount != 1 || len(r.Groups) == 0 || len(r.Kinds) != 3 {
		t.Fatalf("%+v", r)
	}
	if k := r.Kinds[1]; k.LanguageLabel != "Spanish" || k.PlaceLabel != "Skagit County" || k.ServesCount != 1 || k.MenteeCount != 1 || len(k.TopicLabels) != 1 {
		t.Errorf("%+v", k)
	}
}

// A token is for its owner; staff send a link, which ends what somebody lost.
func TestEnrollmentTokenIsForItsOwner(t *testing.T) {
	w := newWorld(t)
	w.open("alpha")
	m := w.mentoringOf("alpha", 1, 0)
	mentor := m.mentors[0]
	if a := m.call("POST", "/v1/"+mentor.Name+":issueToken", m.staff, `{"reason": "lost"}`); a.status != 403 || a.reason != "OWNER_ONLY" {
		t.Errorf("%d %s", a.status, a.body)
	}
	m.must("POST", "/v1/"+mentor.Name+":issueSignInLink", m.staff, `{"reason": "asked"}`)
	m.must("GET", "/v1/"+mentor.Name, mentor.Token, "")
	if a := m.call("POST", "/v1/"+mentor.Name+":issueSignInLink", m.staff, `{"endOthers": true}`); a.status != 400 {
		t.Errorf("without a reason: %d %s", a.status, a.body)
	}
	m.must("GET", "/v1/"+mentor.Name, mentor.Token, "")
	var link struct{ Code string }
	m.must("POST", "/v1/"+mentor.Name+":issueSignInLink", m.staff, `{"reason": "lost the phone", "endOthers": true}`).into(t, &link)
	if a := m.call("GET", "/v1/"+mentor.Name, mentor.Token, ""); a.reason != "TOKEN_INVALID" {
		t.Errorf("the lost token: %d %s", a.status, a.body)
	}
	if _, _, err := m.mentoring.UseSignInLink(t.Context(), link.Code); err != nil {
		t.Error(err)
	}
}
