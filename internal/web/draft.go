package web

import (
	"encoding/json"
	"fmt"
	"math"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/openfairlead/fairlead/applications"
)

// draft is a set of criteria while somebody edits it. It lives in the form of
// the page and nowhere else until it is saved as a version: so it needs no
// script, any tab has its own, and nothing half done is stored.
type draft struct {
	Name          string
	Size, MinSize string // as typed
	Cards         []draftCard
	// Allow is by priority what is allowed above the best, as typed. What stands at
	// a priority without targets waits for some.
	Allow [lowestPriority + 1]string
	// Kept is what the editor carries along and does not show for changing: the
	// criteria without their rules and without what registering adds.
	Kept applications.Criteria
}

// draftCard is what is wanted of one attribute at one priority: of a quota any
// number of rows, of the other kinds one.
type draftCard struct {
	Kind      string
	Attribute string
	Priority  int // 0 must hold
	Weight    int // of targets; 0 reads as 1
	Rows      []draftRow
}

type draftRow struct {
	Kept     rowKept
	Min, Max string // as typed
}

// rowKept is what a row counts and what the editor does not change of it.
type rowKept struct {
	Values  []string                 `json:"v,omitempty"`
	All     bool                     `json:"all,omitempty"`
	And     []applications.Condition `json:"and,omitempty"`
	IDs     []string                 `json:"ids,omitempty"`
	MinFlex *int                     `json:"minFlex,omitempty"`
	MaxFlex *int                     `json:"maxFlex,omitempty"`
	Fixed   bool                     `json:"fixed,omitempty"`
	Note    string                   `json:"note,omitempty"`
}

// single reports whether the row counts the people with one answer and nothing
// else.
func (k *rowKept) single() bool {
	return len(k.Values) == 1 && !k.All && len(k.And) == 0 && len(k.IDs) == 0
}

// countedValues lists the answers that rules count, in the form's order.
func countedValues(a *applications.Attribute) []string {
	var codes []string
	if a != nil {
		for i := range a.Values {
			if !a.Values[i].Uncounted {
				codes = append(codes, a.Values[i].Code)
			}
		}
	}
	return codes
}

// newDraft lays criteria out as cards. Neighboring quotas on one attribute with
// one priority and weight share a card.
func newDraft(c *applications.Criteria, form *applications.Form) *draft {
	d := &draft{
		Name: c.Name, Size: itoa(c.Size), MinSize: itoa(c.MinSize),
		Kept: carried(c),
	}
	typed := func(n *int) string {
		if n == nil {
			return ""
		}
		return itoa(*n)
	}
	for _, r := range c.Rules {
		var rows []draftRow
		kept := rowKept{Values: r.Values, All: r.All, And: r.And, IDs: r.IDs, MinFlex: r.MinFlex, MaxFlex: r.MaxFlex, Fixed: r.Fixed, Note: r.Note}
		if r.Kind == "quota" && r.Each {
			values := r.Values
			if len(values) == 0 {
				values = countedValues(form.Attribute(r.Attribute))
			}
			for _, v := range values {
				kept.Values = []string{v}
				rows = append(rows, draftRow{kept, typed(r.Min), typed(r.Max)})
			}
		} else {
			rows = []draftRow{{kept, typed(r.Min), typed(r.Max)}}
		}
		if n := len(d.Cards); n > 0 && r.Kind == "quota" && d.Cards[n-1].takes(r, rows) {
			d.Cards[n-1].Rows = append(d.Cards[n-1].Rows, rows...)
			continue
		}
		d.Cards = append(d.Cards, draftCard{Kind: r.Kind, Attribute: r.Attribute, Priority: r.Priority, Weight: r.Weight, Rows: rows})
	}
	for g := 1; g <= lowestPriority; g++ {
		if n := c.Allow[g]; n > 0 {
			d.Allow[g] = strconv.FormatInt(n, 10)
		}
	}
	d.spread(form)
	return d
}

// carried leaves in criteria what an edit takes over as it is.
func carried(c *applications.Criteria) applications.Criteria {
	k := *c
	k.Program, k.Version, k.Name, k.Rules, k.Size, k.MinSize = "", 0, "", nil, 0, 0
	k.Registered, k.RegisterTime, k.RegisteredBy, k.Reason, k.SecondBy = false, time.Time{}, "", "", ""
	k.Policies, k.Digest, k.CreateTime = nil, "", time.Time{}
	k.Allow = nil
	return k
}

// takes reports whether the rows of a rule fit on the card: no answer twice.
func (c *draftCard) takes(r applications.CriteriaRule, rows []draftRow) bool {
	if c.Kind != r.Kind || c.Attribute != r.Attribute || c.Priority != r.Priority || max(c.Weight, 1) != max(r.Weight, 1) {
		return false
	}
	for _, have := range c.Rows {
		for _, row := range rows {
			if reflect.DeepEqual(have.Kept.Values, row.Kept.Values) && have.Kept.All == row.Kept.All {
				return false
			}
		}
	}
	return true
}

// spread gives the answers that a card of single answers leaves out an empty
// row each, so that they can be given a range. An empty row is no rule.
func (d *draft) spread(form *applications.Form) {
	for i := range d.Cards {
		c := &d.Cards[i]
		if c.Kind != "quota" || !slices.ContainsFunc(c.Rows, func(r draftRow) bool { return r.Kept.single() }) {
			continue
		}
		for _, code := range countedValues(form.Attribute(c.Attribute)) {
			if !slices.ContainsFunc(c.Rows, func(r draftRow) bool { return r.Kept.single() && r.Kept.Values[0] == code }) {
				c.Rows = append(c.Rows, draftRow{Kept: rowKept{Values: []string{code}}})
			}
		}
	}
}

// places say where in the form the rules came from.
type places struct {
	rules []cardRow // of each rule; of an Each rule, where its first value stands
	rows  []cardRow // of each row that the engine makes of the rules
}

// criteria turns the cards into rules. Faults are numbers that are none, by
// field.
func (d *draft) criteria(program string, form *applications.Form) (c *applications.Criteria, at places, faults map[string]string) {
	faults = map[string]string{}
	upTo := func(most int, field, typed string) *int {
		typed = strings.TrimSpace(typed)
		if typed == "" {
			return nil
		}
		n, err := strconv.Atoi(typed)
		if err != nil || n < 0 || n > most {
			faults[field] = typed
			return nil
		}
		return &n
	}
	number := func(field, typed string) *int { return upTo(1000, field, typed) }
	kept := carried(&d.Kept)
	c = &kept
	c.Program, c.Name = program, d.Name
	if n := number("size", d.Size); n != nil {
		c.Size = *n
	}
	if n := number("min_size", d.MinSize); n != nil {
		c.MinSize = *n
	}
	for i := range d.Cards {
		card := &d.Cards[i]
		for j := range card.Rows {
			row := &card.Rows[j]
			here := cardRow{i, j}
			r := applications.CriteriaRule{
				Kind: card.Kind, Attribute: card.Attribute, Priority: card.Priority, Weight: card.Weight,
				Values: row.Kept.Values, All: row.Kept.All, And: row.Kept.And, IDs: row.Kept.IDs,
				Min: number(here.field("min"), row.Min), Max: number(here.field("max"), row.Max),
				MinFlex: row.Kept.MinFlex, MaxFlex: row.Kept.MaxFlex, Fixed: row.Kept.Fixed, Note: row.Kept.Note,
			}
			if r.Priority == 0 {
				r.Weight = 0
			}
			if r.Min == nil && r.Max == nil {
				continue
			}
			if r.Min != nil && r.Max != nil && *r.Min > *r.Max {
				faults[here.field("max")] = row.Max
			}
			n := len(at.rules)
			at.rows = append(at.rows, here)
			if n > 0 && at.rules[n-1].card == i && joins(&c.Rules[n-1], &r, row) {
				c.Rules[n-1].Each = true
				c.Rules[n-1].Values = append(slices.Clone(c.Rules[n-1].Values), r.Values...)
				continue
			}
			at.rules = append(at.rules, here)
			c.Rules = append(c.Rules, r)
		}
	}
	for g := 1; g <= lowestPriority; g++ {
		n := upTo(mostAllowed, allowField(g), d.Allow[g])
		targets := slices.ContainsFunc(c.Rules, func(r applications.CriteriaRule) bool { return r.Priority == g })
		if n != nil && *n > 0 && targets {
			if c.Allow == nil {
				c.Allow = map[int]int64{}
			}
			c.Allow[g] = int64(*n)
		}
	}
	for i := range c.Rules {
		r := &c.Rules[i]
		if a := form.Attribute(r.Attribute); r.Each && a != nil && slices.Equal(r.Values, countedValues(a)) {
			r.Values = nil // all there are
		}
	}
	return c, at, faults
}

// joins reports whether a quota on one more answer says the same of it as the
// rule says of its own.
func joins(last, r *applications.CriteriaRule, row *draftRow) bool {
	if last.Kind != "quota" || !row.Kept.single() || len(last.Values) == 0 || !last.Each && len(last.Values) != 1 ||
		last.All || len(last.And) > 0 || len(last.IDs) > 0 {
		return false
	}
	a, b := *last, *r
	a.Values, b.Values, a.Each, b.Each = nil, nil, false, false
	return reflect.DeepEqual(a, b)
}

// cardRow names a row of the form.
type cardRow struct{ card, row int }

func (at cardRow) field(name string) string { return fmt.Sprintf("c%d.r%d.%s", at.card, at.row, name) }

// fieldID is the id of the element of a field.
func fieldID(field string) string { return strings.ReplaceAll(field, ".", "-") }

// Most cards and rows that a form is read for: more than criteria may have.
const (
	mostCards = 500
	mostRows  = 500
)

// readDraft reads the form of the editor.
func readDraft(form url.Values) (*draft, error) {
	d := &draft{Name: clean(form.Get("name"), false), Size: clean(form.Get("size"), false), MinSize: clean(form.Get("min_size"), false)}
	unreadable := applications.Invalid("FORM_INVALID", "the form cannot be read: please open the page again")
	if kept := form.Get("kept"); kept != "" && json.Unmarshal([]byte(kept), &d.Kept) != nil {
		return nil, unreadable
	}
	for i := range mostCards {
		at := fmt.Sprintf("c%d.", i)
		if !form.Has(at + "kind") {
			break
		}
		card := draftCard{Kind: form.Get(at + "kind"), Attribute: form.Get(at + "attribute")}
		card.Priority, _ = strconv.Atoi(form.Get(at + "priority"))
		card.Priority = min(max(card.Priority, 0), lowestPriority)
		card.Weight, _ = strconv.Atoi(form.Get(at + "weight"))
		for j := range mostRows {
			at := cardRow{i, j}
			if !form.Has(at.field("kept")) {
				break
			}
			row := draftRow{Min: clean(form.Get(at.field("min")), false), Max: clean(form.Get(at.field("max")), false)}
			if json.Unmarshal([]byte(form.Get(at.field("kept"))), &row.Kept) != nil {
				return nil, unreadable
			}
			card.Rows = append(card.Rows, row)
		}
		d.Cards = append(d.Cards, card)
	}
	for g := 1; g <= lowestPriority; g++ {
		d.Allow[g] = clean(form.Get(allowField(g)), false)
	}
	return d, nil
}

// mostAllowed is the most that criteria may allow at a priority.
const mostAllowed = 1_000_000

// allowPrefix begins the fields of what is allowed at a priority.
const allowPrefix = "allow."

func allowField(priority int) string { return allowPrefix + itoa(priority) }

// lowestPriority is the last one; what must hold comes before the first.
const lowestPriority = 9

// move makes a card's targets one priority more, or less, important.
func (d *draft) move(card, by int) {
	if card >= 0 && card < len(d.Cards) {
		d.Cards[card].Priority = min(max(d.Cards[card].Priority+by, 0), lowestPriority)
	}
}

func (d *draft) remove(card int) {
	if card >= 0 && card < len(d.Cards) {
		d.Cards = slices.Delete(d.Cards, card, card+1)
	}
}

// addable lists the kinds of rule that an attribute can have.
func addable(a *applications.Attribute) []string {
	switch a.Kind {
	case applications.FreeText, applications.Number:
		return nil
	case applications.Entity:
		return []string{"cap", "spread"}
	}
	return []string{"quota", "company", "spread", "cap"}
}

// add begins a card with bounds that the person fills in.
func (d *draft) add(kind string, a *applications.Attribute) {
	card := draftCard{Kind: kind, Attribute: a.Key, Priority: 1}
	switch kind {
	case "quota":
		for _, code := range countedValues(a) {
			card.Rows = append(card.Rows, draftRow{Kept: rowKept{Values: []string{code}}})
		}
	case "cap":
		card.Rows = []draftRow{{Max: "1"}}
	default:
		card.Rows = []draftRow{{Min: "2"}}
	}
	d.Cards = append(d.Cards, card)
}

// fill sets the ranges of a card's rows from the population figures that the
// form has for them; rows without a figure stay as they are. It returns how
// many were set.
func (d *draft) fill(card int, form *applications.Form, width int) int {
	size, err := strconv.Atoi(strings.TrimSpace(d.Size))
	if card < 0 || card >= len(d.Cards) || d.Cards[card].Kind != "quota" || err != nil || size < 1 {
		return 0
	}
	c, filled := &d.Cards[card], 0
	a := form.Attribute(c.Attribute)
	if a == nil {
		return 0
	}
	for i := range c.Rows {
		row := &c.Rows[i]
		if !row.Kept.single() {
			continue
		}
		if v := a.Value(row.Kept.Values[0]); v != nil && v.Benchmark != nil {
			lo, hi := benchmarkRange(v.Benchmark.Share, size, width)
			row.Min, row.Max = itoa(lo), itoa(hi)
			filled++
		}
	}
	return filled
}

// benchmarkRange is the range around a community's share of the seats, as
// `fairlead targets` has it: the two whole numbers around it, and width more on
// each side.
func benchmarkRange(share float64, size, width int) (lo, hi int) {
	exact := share * float64(size)
	// A share is known to four digits: 3.0000001 is 3.
	lo, hi = int(math.Floor(exact+1e-6)), int(math.Ceil(exact-1e-6))
	return max(lo-width, 0), min(hi+width, size)
}
