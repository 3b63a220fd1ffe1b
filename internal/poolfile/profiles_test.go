package poolfile_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/openfairlead/fairlead/internal/poolfile"
)

func readProfiles(text string) (*poolfile.Profiles, error) {
	return poolfile.ReadProfiles("mentors.csv", strings.NewReader(text), []string{"offers", "preferred_language", "seats"})
}

// Known columns are read by any case and with spaces; nothing is kept of the
// others.
func TestProfiles(t *testing.T) {
	p, err := readProfiles("\ufeffOffers,race,ID,Preferred Language,offer\nGrants; Budgets,secret, m1 ,es,x\n,secret,m2,,\n")
	if err != nil {
		t.Fatal(err)
	}
	want := []poolfile.Profile{
		{Line: 2, ID: "m1", Cells: map[string]string{"offers": "Grants; Budgets", "preferred_language": "es"}},
		{Line: 3, ID: "m2", Cells: map[string]string{"offers": "", "preferred_language": ""}},
	}
	if diff := cmp.Diff(want, p.People); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{`column "offer" is not read; did you mean "offers"?`}, p.Hints); diff != "" {
		t.Error(diff)
	}
	if n := p.Number(p.People[0], "seats", 1, 0, 5); n != 1 || p.Err() != nil {
		t.Errorf("no column: %d, %v", n, p.Err())
	}
	p.Refuse(3, "preferred_language", "is odd")
	p.Refuse(2, "offers", "is odder")
	if err := p.Err(); err == nil || err.Error() != "mentors.csv:2: column \"Offers\": is odder\nmentors.csv:3: column \"Preferred Language\": is odd" {
		t.Error(err)
	}
}

func TestProfilesRefused(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"id,offers\na,x\na,y\n", `mentors.csv:3: column "id": the id "a" is on line 2 already`},
		{"id,offers\n,x\n", "the id is empty"},
		{"id,offers\na,x,y\n", "this line has 3 cells"},
		{"id,offers,Offers\na,x,y\n", `column "Offers": is there more than once`},
		{"id,offers,ID\na,x,b\n", `column "id": is there more than once`},
		{"id,offers\n", "nobody below it"},
		{"id,offers\n\"a\nb\",x\n", "holds a control character or a line break"},
	} {
		if _, err := readProfiles(c.text); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, want %q", c.text, err, c.want)
		}
	}
	p, err := readProfiles("id,seats\na,-1\nb,2.5\nc,9\nd,\n")
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range p.People {
		p.Number(one, "seats", 1, 0, 5)
	}
	if err := p.Err(); err == nil || strings.Count(err.Error(), "column \"seats\"") != 3 {
		t.Error(err)
	}
}
