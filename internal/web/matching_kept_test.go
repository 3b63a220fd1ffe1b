package web

import (
	"strings"
	"testing"

	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/mentoring"
)

// Who has a mentor from before and gets none more has a page in a run all the same:
// what else could be done for them is there.
func TestKeptMenteeHasAPage(t *testing.T) {
	v := sampleMatching(1, mentoring.InReview)
	v.res.Kept = []mentoring.Kept{{Mentee: sampleID, MenteeCode: "ME-0042"}}
	id, pairs, left := v.mentee("ME-0042")
	if id != sampleID || pairs != nil || left != nil {
		t.Fatalf("%q %v %v", id, pairs, left)
	}
	d := &matchDesk{access.Principal{Subject: "users/coordinator"}, sampleProgram(), true}
	for language, want := range map[string]string{"en": "none more", "es": "no recibe otro"} {
		page := newMenteePage(frame{tongue: tongue(language)}, d, v, "ME-0042", left)
		if !strings.Contains(page.Lede, want) {
			t.Errorf("%s: %q", language, page.Lede)
		}
	}
}
