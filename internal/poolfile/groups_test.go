package poolfile

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReadGroups(t *testing.T) {
	const text = "mentee,County, race \nA, Skagit ,Asian; asian;White\nB,SKAGIT,prefer not to say\n\nC,,\n"
	got, err := ReadGroups("groups.csv", strings.NewReader(text), "mentee")
	if err != nil {
		t.Fatal(err)
	}
	want := &Groups{File: "groups.csv", Attributes: []string{"County", "race"}, People: []Grouped{
		{ID: "A", Line: 2, Values: [][]string{{"Skagit"}, {"Asian", "White"}}},
		{ID: "B", Line: 3, Values: [][]string{{"Skagit"}, nil}},
		{ID: "C", Line: 5, Values: [][]string{nil, nil}},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, c := range []struct{ text, want string }{
		{"mentee\nA\n", "no column of an attribute"},
		{"mentee,county,County\nA,x,y\n", "is there twice"},
		{"county,id\nSkagit,A\nIsland,A\n", `groups.csv:3: column "id": "A" is on line 2 already`},
		{"mentee,county\n,x\n", "the id is empty"},
	} {
		if _, err := ReadGroups("groups.csv", strings.NewReader(c.text), "mentee"); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, want %q", c.text, err, c.want)
		}
	}
}
