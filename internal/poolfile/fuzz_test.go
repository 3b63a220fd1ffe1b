package poolfile_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/openfairlead/fairlead/internal/poolfile"
	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/selection"
)

// What a reader accepts has to be sound: unique ids, values that are sets
// without declines, rules that the engine accepts. Nothing may panic.

func FuzzReadPool(f *testing.F) {
	f.Add([]byte(people))
	f.Add([]byte("\ufeffid,a\r\n\"x,y\",1;2;;1\r\n\r\n"))
	f.Add([]byte("a;b\n1;2\n"))
	f.Add([]byte("id,a\n1,prefer_not_to_say;b\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := poolfile.ReadPool("pool.csv", bytes.NewReader(text), poolfile.Options{})
		if err != nil {
			return
		}
		var attributes []string
		for _, name := range p.Columns() {
			if key, problem := p.Attribute(name); problem == "" {
				attributes = append(attributes, key)
			}
		}
		got, err := p.People(attributes)
		if err != nil {
			return
		}
		if len(got) != p.Len() {
			t.Fatalf("%d people, the pool has %d", len(got), p.Len())
		}
		faults, _ := selection.Validate(got, matcher.Criteria{Size: 1})
		if len(faults) > 0 {
			t.Fatal(faults[0])
		}
	})
}

func FuzzReadRules(f *testing.F) {
	f.Add([]byte("feature,value,min,max\nrace,asian,0,2\n"))
	f.Add([]byte("category,name,min,max,min_flex,max_flex\ncounty,Skagit,1,2,0,3\n"))
	f.Add([]byte("feature,value,min,max,kind,priority,weight,match,fixed\ncounty,*,2,,company,1,5,,x\nrace,asian;white,1,1,,,,all,\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		p := pool(t, people)
		rules, err := poolfile.ReadRules("rules.csv", bytes.NewReader(text), p, 3)
		if err != nil {
			return
		}
		accepted(t, p, matcher.Criteria{Size: 3, Rules: rules})
	})
}

func FuzzReadScores(f *testing.F) {
	f.Add([]byte("id,score\np1,5\n"))
	f.Add([]byte("p1,1000000\np2,0"))
	f.Fuzz(func(t *testing.T, text []byte) {
		p := pool(t, people)
		scores, err := poolfile.ReadScores("scores.csv", bytes.NewReader(text), p)
		if err != nil {
			return
		}
		accepted(t, p, matcher.Criteria{Size: 3, Scores: scores})
	})
}

func FuzzReadPairs(f *testing.F) {
	f.Add([]byte("p1,p2\np3,p4\n"))
	f.Add([]byte("id,id\n\"p1\",p2\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		p := pool(t, people)
		links, err := poolfile.ReadPairs("apart.csv", bytes.NewReader(text), p, matcher.Apart)
		if err != nil {
			return
		}
		accepted(t, p, matcher.Criteria{Size: 3, Links: links})
	})
}

func FuzzReadCriteria(f *testing.F) {
	f.Add([]byte(`{"size":3,"rules":[{"attribute":"race","values":["asian"],"each":true,"min":1}],"allow":{"1":2}}`))
	f.Add([]byte(`{"size":"3","hardCaps":{"county":2},"links":[{"kind":"APART","ids":["p1","p2"]}]}`))
	f.Add([]byte(`{"size":2,"rules":[{"kind":"SPREAD","attribute":"county","min":9,"priority":1,"weight":7}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		p := pool(t, people)
		c, err := poolfile.ReadCriteria("c.json", bytes.NewReader(text), p, 0, 0)
		if err != nil {
			return
		}
		// Size against the pool is checked by the caller.
		if c.Size > p.Len() || c.MinSize > c.Size {
			return
		}
		accepted(t, p, matcher.Criteria{Size: c.Size, MinSize: c.MinSize, Rules: c.Rules, Caps: c.Caps, Links: c.Links, Allow: c.Allow})
	})
}

func accepted(t *testing.T, p *poolfile.Pool, c matcher.Criteria) {
	t.Helper()
	all, err := p.People([]string{"race", "gender", "county"})
	if err != nil {
		t.Fatal(err)
	}
	faults, _ := selection.Validate(all, c)
	for _, fault := range faults {
		// Keys of columns are as the file spells them, folded.
		if !strings.Contains(fault.Field, "people") {
			t.Fatalf("the engine refuses what the reader accepted: %v", fault)
		}
	}
}

// The three files of matching are read by one target: what they accept names
// everybody, scores within bounds, and no pair or person twice.
func FuzzReadPairScores(f *testing.F) {
	f.Add([]byte("mentee,mentor,score\na,x,5\nb,x,1000\na,y,0\n"))
	f.Add([]byte("\ufeffScore,Mentor,Mentee\r\n7,\"x,1\",a\r\n\r\n"))
	f.Add([]byte("mentee,mentor\na,x\n"))
	f.Add([]byte("mentor,seats\nx,3\ny,0\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if p, err := poolfile.ReadPairScores("scores.csv", bytes.NewReader(text)); err == nil {
			for j, mentee := range p.Mentees {
				if at, ok := p.Mentee(mentee); !ok || at != j || mentee == "" {
					t.Fatalf("mentee %d, %q, is at %d", j, mentee, at)
				}
				for i, mentor := range p.Mentors {
					if s := p.Score(j, i); s < -1 || s > 1000 || s >= 0 && mentee == mentor {
						t.Fatalf("the score of %q and %q is %d", mentee, mentor, s)
					}
				}
			}
		}
		if lines, err := poolfile.ReadPairLines("lock.csv", bytes.NewReader(text)); err == nil {
			seen := map[[2]string]bool{}
			for _, l := range lines {
				pair := [2]string{l.Mentee, l.Mentor}
				if seen[pair] || l.Mentee == "" || l.Mentor == "" || l.Mentee == l.Mentor {
					t.Fatalf("%+v", l)
				}
				seen[pair] = true
			}
		}
		if counts, err := poolfile.ReadCounts("seats.csv", bytes.NewReader(text), "mentor", "seats", 10); err == nil {
			seen := map[string]bool{}
			for _, c := range counts {
				if seen[c.ID] || c.ID == "" || c.Number < 0 || c.Number > 10 {
					t.Fatalf("%+v", c)
				}
				seen[c.ID] = true
			}
		}
	})
}
