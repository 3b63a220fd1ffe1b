package mentoring_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/mentoring"
)

// A code brings its owner back, however it is typed; nobody else's does, no
// guess, and none after a new token.
func TestReturnCode(t *testing.T) {
	w := newWorld(t)
	ann, ben := w.mentor(1, "Budgeting"), w.mentee(1, "Budgeting")
	code, err := w.ReturnCode(w.ctx, ann.who, program, ann.ID)
	w.must(err)
	if !strings.HasPrefix(code, ann.Code+"-") || len(code) != len(ann.Code)+15 {
		t.Fatalf("a code like %d characters", len(code))
	}
	for _, typed := range []string{code, strings.ToLower(code), strings.ReplaceAll(code, "-", ""), " " + strings.ReplaceAll(code, "-", " – "), strings.ReplaceAll(code, "0", "o")} {
		who, generation, err := w.UseReturnCode(w.ctx, program, typed)
		w.must(err)
		if who.Enrollment != ann.ID || who.Program != program || generation != 1 {
			t.Errorf("the code opens %+v", who)
		}
	}
	other := "0"
	if code[len(code)-1] == '0' {
		other = "1"
	}
	long := strings.Repeat("A", 300)
	for _, wrong := range []string{"", "-", "MO", ann.Code, code[:len(code)-1], code + "0", code[:len(code)-1] + other, ben.Code + code[len(ann.Code):], "XX-0001" + code[len(ann.Code):], long, strings.ReplaceAll(code, "-", "Ω"), "añ" + code[2:]} {
		_, _, err := w.UseReturnCode(w.ctx, program, wrong)
		w.refused(err, "RETURN_CODE_UNKNOWN")
	}
	_, _, err = w.UseReturnCode(w.ctx, "elsewhere", code)
	w.refused(err, "RETURN_CODE_UNKNOWN")
	for _, who := range []access.Principal{{}, ben.who, w.coordinator} {
		_, err := w.ReturnCode(w.ctx, who, program, ann.ID)
		w.refused(err, "ENROLLMENT_NOT_FOUND")
	}
	_, err = w.RenewToken(w.ctx, w.coordinator, program, ann.ID, "lost phone")
	w.must(err)
	_, _, err = w.UseReturnCode(w.ctx, program, code)
	w.refused(err, "RETURN_CODE_UNKNOWN")
	last, err := w.ReturnCode(w.ctx, ben.who, program, ben.ID)
	w.must(err)
	_, err = w.WithdrawEnrollment(w.ctx, ben.who, program, ben.ID, "", 0, none)
	w.must(err)
	_, _, err = w.UseReturnCode(w.ctx, program, last)
	w.must(err)
}

// Whom somebody never wants can be named by code, and is told to them by code.
func TestNeverByCode(t *testing.T) {
	w := newWorld(t)
	ann, ben := w.mentor(1, "Budgeting"), w.mentee(1, "Budgeting")
	e := &mentoring.Enrollment{Program: program, ID: ben.ID, Never: []string{ann.Code, ann.ID}}
	made, err := w.UpdateEnrollment(w.ctx, ben.who, e, []string{"never"}, "", none)
	w.must(err)
	if !slices.Equal(made.Never, []string{ann.ID}) {
		t.Errorf("kept %v", made.Never)
	}
	never, refused, err := w.CodesOf(w.ctx, ben.who, program, ben.ID)
	w.must(err)
	if !slices.Equal(never, []string{ann.Code}) || refused != nil {
		t.Errorf("shown %v, %v", never, refused)
	}
	_, _, err = w.CodesOf(w.ctx, w.coordinator, program, ben.ID)
	w.refused(err, "ENROLLMENT_NOT_FOUND")
	e.Never = []string{ben.Code}
	_, err = w.UpdateEnrollment(w.ctx, ben.who, e, []string{"never"}, "", none)
	w.refused(err, "ENROLLMENT_INVALID")
}
