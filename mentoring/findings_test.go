package mentoring_test

import (
	"strings"
	"testing"

	"github.com/openfairlead/fairlead/mentoring"
)

// plan changes the plan of the program.
func (w *world) plan(change func(*mentoring.Plan)) error {
	w.Helper()
	p, err := w.Plan(w.ctx, w.coordinator, program)
	w.must(err)
	change(p)
	_, err = w.SavePlan(w.ctx, w.coordinator, p, none)
	return err
}

// Floors are on no column that staff do not read, and the certificate holds no
// cell but those that the floors name.
func TestFloorsTellNoCells(t *testing.T) {
	w := newWorld(t)
	for _, column := range []string{"conflicts", "managers", "never", "traits"} {
		err := w.plan(func(p *mentoring.Plan) {
			p.Floors = &mentoring.Floors{Attribute: column, Min: map[string]int{"x": 1}}
		})
		w.refused(err, "PLAN_INVALID")
	}
	w.must(w.plan(func(p *mentoring.Plan) {
		p.Floors = &mentoring.Floors{Attribute: "goals", Min: map[string]int{"stieglitz": 1}}
	}))
	ann := w.mentor(2, "Budgeting")
	for _, goals := range []string{"stieglitz", "kanarienvogel"} {
		w.enroll(mentoring.Mentee, 1, map[string]string{"wants": "Budgeting", "languages": "English", "goals": goals}, nil)
	}
	r := w.result(w.match(&mentoring.Matching{}))
	if len(r.Pairs) != 2 || r.Pairs[0].Mentor != ann.ID || !strings.Contains(string(r.Certificate), "stieglitz") {
		t.Fatalf("%+v", r)
	}
	if strings.Contains(string(r.Certificate), "kanarienvogel") {
		t.Error("the certificate tells a cell that no floor names")
	}
}
