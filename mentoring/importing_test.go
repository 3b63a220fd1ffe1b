package mentoring_test

import (
	"strings"
	"testing"

	"github.com/openfairlead/fairlead/mentoring"
)

// CheckImport says what ImportEnrollments would, writes nobody, and knows people
// by how they are reached.
func TestCheckImport(t *testing.T) {
	w := newWorld(t)
	one := func(name, mail, phone string, wanted int, profile map[string]string) *mentoring.Enrollment {
		return &mentoring.Enrollment{
			Contact: mentoring.Contact{Name: name, Email: mail, Phone: phone}, Wanted: wanted, Profile: profile,
			Consents: []mentoring.Consent{{Purpose: mentoring.ForMatching, Given: true}},
		}
	}
	list := []*mentoring.Enrollment{
		one("Invented One", "one@example.org", "", 1, map[string]string{"wants": "Budgeting"}), one("Invented Two", "", "(360) 555-0101", 1, nil),
	}
	check, err := w.CheckImport(w.ctx, w.coordinator, program, mentoring.Mentee, list)
	if err != nil || len(check.Problems)+len(check.Known) > 0 {
		t.Fatal(check, err)
	}
	if all, err := w.Enrollments(w.ctx, w.coordinator, program, mentoring.Mentee, mentoring.ListQuery{}); err != nil || len(all.Items) > 0 {
		t.Fatalf("a check enrolled %d, %v", len(all.Items), err)
	}
	if n, err := w.ImportEnrollments(w.ctx, w.coordinator, program, mentoring.Mentee, list, "on paper", mentoring.Idempotency{}); err != nil || n != 2 {
		t.Fatal(n, err)
	}
	list = append([]*mentoring.Enrollment{
		one("Invented Three", "three@example.org", "", 0, map[string]string{"hours": "Mon 5pm-8pm"}), one("", "", "", 1, nil),
	}, one("Another", " ONE@example.org", "", 1, nil), one("Another", "", "360 555 0101", 1, nil))
	check, err = w.CheckImport(w.ctx, w.coordinator, program, mentoring.Mentee, list)
	if err != nil {
		t.Fatal(err)
	}
	if len(check.Known) != 2 || check.Known[2] != "ME-0001" || check.Known[3] != "ME-0002" {
		t.Errorf("known: %v", check.Known)
	}
	var fields []string
	for _, p := range check.Problems {
		if p.Row > 1 {
			t.Errorf("row %d, %s: %s", p.Row, p.Field, p.Message)
		}
		fields = append(fields, p.Field)
	}
	if got := strings.Join(fields, " "); got != "wanted contact.name contact.email" {
		t.Errorf("problems: %s", got)
	}
	// The other role, and who may not.
	if check, err := w.CheckImport(w.ctx, w.coordinator, program, mentoring.Mentor, []*mentoring.Enrollment{one("x", "one@example.org", "", 0, nil)}); err != nil || len(check.Known) > 0 {
		t.Error(check, err)
	}
	if _, err := w.CheckImport(w.ctx, w.privacy, program, mentoring.Mentee, nil); err == nil {
		t.Error("who may not enroll anybody compares a list with contacts")
	}
	e, err := w.ByCode(w.ctx, w.coordinator, program, " me-0001")
	if err != nil || e.Contact != (mentoring.Contact{}) {
		t.Fatal(e, err)
	}
	if codes, err := w.Codes(w.ctx, w.coordinator, program, []string{e.ID, "01980000-0000-7000-8000-ffffffffffff", e.ID}); err != nil || len(codes) != 1 || codes[e.ID] != "ME-0001" {
		t.Error(codes, err)
	}
	if _, err := w.ByCode(w.ctx, w.privacy, program, "ME-0001"); err == nil {
		t.Error("who may not look finds somebody by code")
	}
}
