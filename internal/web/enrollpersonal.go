package web

import (
	"net/url"
	"slices"
	"strings"

	"github.com/openfairlead/fairlead/mentoring"
)

// The sections of a profile about the person: style, wishes, what they have lived,
// and what they agree to.

func styleValues(x *enrollee) url.Values {
	v := url.Values{}
	for _, item := range x.rules.Items {
		v.Set("style_"+item, x.e.Profile["style_"+item])
	}
	return v
}

// styleWords are what the ends of a scale say, where the item is one of ours.
func styleWords(l tongue, item string) (label, low, high string) {
	if _, ours := catalogs["en"]["enroll.style."+item]; !ours {
		return item, "1", "5"
	}
	key := "enroll.style." + item
	return l.say(key), "1 – " + l.say(key+".low"), "5 – " + l.say(key+".high")
}

func styleFields(x *enrollee, l tongue, v url.Values) []enrollField {
	var out []enrollField
	for _, item := range x.rules.Items {
		label, low, high := styleWords(l, item)
		name := "style_" + item
		out = append(out, enrollField{Kind: "select", Name: name, Label: label, Options: chosenToo(v.Get(name),
			option{Label: l.say("enroll.blank")}, option{Value: "1", Label: low}, option{Value: "2", Label: "2"}, option{Value: "3", Label: "3"},
			option{Value: "4", Label: "4"}, option{Value: "5", Label: high})})
	}
	return out
}

func takeStyle(_ tongue, x *enrollee, v url.Values, e *mentoring.Enrollment) faultSet {
	for _, item := range x.rules.Items {
		e.Profile["style_"+item] = v.Get("style_" + item)
	}
	return nil
}

// ---- with whom, and with whom never ----

func wishValues(x *enrollee) url.Values {
	return url.Values{"wishes": {strings.Join(x.e.Wishes, " ")}, "never": {strings.Join(x.never, " ")}}
}

func wishFields(x *enrollee, l tongue, v url.Values) []enrollField {
	return []enrollField{
		{Kind: "text", Name: "wishes", Label: l.say("enroll.wishes"), Hint: l.count("enroll.wishes.hint", x.plan.MaxWishes), Value: v.Get("wishes"), Max: 300, Optional: true},
		{Kind: "text", Name: "never", Label: l.say("enroll.never"), Hint: l.count("enroll.never.hint", x.plan.MaxNever), Value: v.Get("never"), Max: 2000, Optional: true},
	}
}

func takeWishes(l tongue, x *enrollee, v url.Values, e *mentoring.Enrollment) faultSet {
	faults := faultSet{}
	read := func(name string, most int) []string {
		codes, wrong := codesOf(v.Get(name))
		other := "MO-"
		if x.mentors() {
			other = "ME-"
		}
		switch {
		case wrong || slices.ContainsFunc(codes, func(c string) bool { return !strings.HasPrefix(c, other) }):
			faults.add(name, l.say("enroll.fault.other_code", "like", other+"0007"))
		case len(codes) > most:
			faults.add(name, l.count("enroll.fault.most", most))
		}
		return codes
	}
	e.Wishes, e.Never = read("wishes", x.plan.MaxWishes), read("never", x.plan.MaxNever)
	for _, code := range e.Wishes {
		if slices.Contains(e.Never, code) {
			faults.add("never", l.say("enroll.fault.both"))
		}
	}
	return faults
}

// ---- what somebody has lived ----

// livedKind is the attribute of everything that is asked here.
const livedKind = "lived experience"

// lived are offered; the value is what is stored and what a partner reads, and
// stays the same forever.
var lived = []struct{ key, value string }{
	{"first_generation", "first in the family to go to college"},
	{"poverty", "low income or public benefits"},
	{"housing", "homelessness or housing instability"},
	{"foster_care", "foster care or child welfare"},
	{"immigration", "immigration, own or of parents"},
	{"farmwork", "farm work or farmworker family"},
	{"justice", "incarceration, own or of close family"},
	{"military", "military service or military family"},
	{"rural_island", "life in a rural or island community"},
	{"caregiver", "unpaid care for someone"},
}

const ownLived = 3 // rows for own words

func livedAt(attribute, value string) int {
	if attribute != livedKind {
		return -1
	}
	return slices.IndexFunc(lived, func(x struct{ key, value string }) bool { return strings.EqualFold(x.value, value) })
}

func livedValues(x *enrollee) url.Values {
	v := url.Values{"AFFINITY": {consentValue(x, mentoring.ForAffinity)}}
	row := 0
	put := func(attribute, value, how string) {
		if at := livedAt(attribute, value); at >= 0 {
			v.Set("lived_"+lived[at].key, how)
			return
		}
		v.Set(enrollRow("own", row), value)
		v.Set(enrollRow("how", row), how)
		if attribute != livedKind {
			v.Set(enrollRow("about", row), attribute)
		}
		row++
	}
	for _, t := range x.e.Traits {
		switch {
		case t.Matching && t.Explained:
			put(t.Attribute, t.Value, "named")
		case t.Matching:
			put(t.Attribute, t.Value, "matching")
		default:
			put(t.Attribute, t.Value, "kept")
		}
	}
	for _, a := range x.e.Affinity {
		put(a.Attribute, a.Value, a.Strength)
	}
	return v
}

func livedFields(x *enrollee, l tongue, v url.Values) []enrollField {
	how := func(value string) []option {
		out := []option{{Label: l.say("enroll.lived.none")}}
		kinds := []string{"NICE", "IMPORTANT", "REQUIRED"}
		if x.mentors() {
			out[0].Label = l.say("enroll.lived.silent")
			if kinds = []string{"matching", "named"}; value == "kept" {
				kinds = append(kinds, "kept")
			}
		}
		for _, k := range kinds {
			out = append(out, option{Value: k, Label: l.say("enroll.lived." + k)})
		}
		return chosen(value, out...)
	}
	var out []enrollField
	for _, item := range lived {
		name := "lived_" + item.key
		out = append(out, enrollField{Kind: "select", Name: name, Label: l.say("enroll.lived." + item.key), Options: how(v.Get(name))})
	}
	for n := range rowsShown(v, ownLived, 0, "own") {
		row := enrollField{Kind: "group", ID: enrollRow("ownrow", n), Label: l.say("enroll.lived.own", "n", n+1), Fields: []enrollField{
			{Kind: "text", Name: enrollRow("own", n), Label: l.say("enroll.lived.own_words"), Value: v.Get(enrollRow("own", n)), Max: 200},
			{Kind: "select", Name: enrollRow("how", n), Label: l.say("enroll.lived.how"), Options: how(v.Get(enrollRow("how", n)))},
		}}
		if about := v.Get(enrollRow("about", n)); about != "" { // what another program than these pages made it of
			row.Fields = append(row.Fields, enrollField{Kind: "hidden", Name: enrollRow("about", n), Value: about})
		}
		out = append(out, row)
	}
	return append(out, consentField(l, v, mentoring.ForAffinity))
}

func takeLived(l tongue, x *enrollee, v url.Values, e *mentoring.Enrollment) faultSet {
	faults := faultSet{}
	e.Traits, e.Affinity = nil, nil
	put := func(attribute, value, how string) bool {
		switch {
		case how == "":
			return false
		case x.mentors() && slices.Contains([]string{"matching", "named", "kept"}, how):
			e.Traits = append(e.Traits, mentoring.Trait{Attribute: attribute, Value: value, Matching: how != "kept", Explained: how == "named"})
		case !x.mentors() && slices.Contains([]string{"NICE", "IMPORTANT", "REQUIRED"}, how):
			e.Affinity = append(e.Affinity, mentoring.AffinityWish{Attribute: attribute, Value: value, Strength: how})
		default:
			return false
		}
		return how != "kept"
	}
	used := false
	for _, item := range lived {
		used = put(livedKind, item.value, v.Get("lived_"+item.key)) || used
	}
	for n := range rowsOf(v, "own", "how") {
		value, how, about := clean(v.Get(enrollRow("own", n)), false), v.Get(enrollRow("how", n)), clean(v.Get(enrollRow("about", n)), false)
		if about == "" {
			about = livedKind
		}
		switch {
		case value == "" && how == "":
		case value == "":
			faults.add(enrollRow("own", n), l.say("enroll.fault.own"))
		case how == "":
			faults.add(enrollRow("how", n), l.say("enroll.fault.how"))
		default:
			used = put(about, value, how) || used
		}
	}
	agreed := v.Get(string(mentoring.ForAffinity)) == "yes"
	if used && !agreed {
		faults.add(string(mentoring.ForAffinity), l.say("enroll.fault.affinity"))
	}
	e.Consents = []mentoring.Consent{{Purpose: mentoring.ForAffinity, Given: agreed}}
	return faults
}

// ---- what they agree to ----

var enrollPurposes = []mentoring.Purpose{mentoring.ForMatching, mentoring.ForContact, mentoring.ForAffinity, mentoring.ForMeasures}

func agreedTo(e *mentoring.Enrollment, p mentoring.Purpose) bool {
	return slices.ContainsFunc(e.Consents, func(c mentoring.Consent) bool { return c.Purpose == p && c.Given })
}

func consentValue(x *enrollee, p mentoring.Purpose) string {
	if agreedTo(x.e, p) {
		return "yes"
	}
	return ""
}

func consentValues(x *enrollee) url.Values {
	v := url.Values{}
	for _, p := range enrollPurposes {
		v.Set(string(p), consentValue(x, p))
	}
	return v
}

func consentField(l tongue, v url.Values, p mentoring.Purpose) enrollField {
	return enrollField{
		Kind: "consent", Name: string(p), Label: l.say("enroll.consent." + string(p)), Hint: l.say("enroll.consent." + string(p) + ".hint"), Value: v.Get(string(p)),
	}
}

func consentFields(_ *enrollee, l tongue, v url.Values) []enrollField {
	var out []enrollField
	for _, p := range enrollPurposes {
		out = append(out, consentField(l, v, p))
	}
	return out
}

func takeConsents(l tongue, x *enrollee, v url.Values, e *mentoring.Enrollment) faultSet {
	e.Consents = nil
	for _, p := range enrollPurposes {
		e.Consents = append(e.Consents, mentoring.Consent{Purpose: p, Given: v.Get(string(p)) == "yes"})
	}
	if x.e.State != mentoring.Draft && x.e.State != mentoring.Withdrawn && v.Get(string(mentoring.ForMatching)) != "yes" {
		return faultSet{string(mentoring.ForMatching): l.say("enroll.fault.matching")}
	}
	return nil
}

// ---- all of it in words ----
