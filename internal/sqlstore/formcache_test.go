package sqlstore

import (
	"reflect"
	"testing"

	"github.com/openfairlead/fairlead/applications"
)

func TestDeepCopySharesNothing(t *testing.T) {
	build := func() *applications.Form {
		return &applications.Form{
			Program: "p", Version: 3,
			Attributes: []applications.Attribute{{
				Key: "a", Question: applications.Text{"en": "q"}, Purposes: []applications.Purpose{applications.ForReport},
				Values:      []applications.Value{{Code: "v", Label: applications.Text{"en": "l"}, VisibleWhen: &applications.Condition{Values: []string{"x"}}}},
				VisibleWhen: &applications.Condition{Attribute: "b", Values: []string{}},
			}},
			Pages: []applications.Page{},
		}
	}
	f, want := build(), build()
	c := deepCopy(f)
	if !reflect.DeepEqual(c, want) {
		t.Fatalf("the copy differs: %+v", c)
	}
	c.Attributes[0].Question["en"] = "changed"
	c.Attributes[0].Purposes[0] = "changed"
	c.Attributes[0].Values[0].Label["en"] = "changed"
	c.Attributes[0].Values[0].VisibleWhen.Values[0] = "changed"
	c.Attributes[0].VisibleWhen.Attribute = "changed"
	c.Attributes = append(c.Attributes[:0], applications.Attribute{Key: "changed"})
	if !reflect.DeepEqual(f, want) {
		t.Fatalf("a change of the copy shows in the original: %+v", f)
	}
}

func BenchmarkDeepCopyForm(b *testing.B) {
	f := &applications.Form{}
	for range 12 {
		a := applications.Attribute{Key: "k", Question: applications.Text{"en": "a", "es": "b"}, Hint: applications.Text{"en": "a", "es": "b"}, Why: applications.Text{"en": "a", "es": "b"}, Label: applications.Text{"en": "a", "es": "b"}}
		for range 8 {
			a.Values = append(a.Values, applications.Value{Code: "v", Label: applications.Text{"en": "a", "es": "b"}})
		}
		f.Attributes = append(f.Attributes, a)
	}
	for b.Loop() {
		deepCopy(f)
	}
}
