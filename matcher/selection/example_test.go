package selection_test

import (
	"context"
	"fmt"

	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/selection"
)

// applicants are three invented people of two counties.
var applicants = []matcher.Person{
	{ID: "ada", Values: map[string][]string{"county": {"skagit", "island"}, "role": {"director"}}},
	{ID: "ben", Values: map[string][]string{"county": {"skagit"}, "role": {"director"}}},
	{ID: "cam", Values: map[string][]string{"county": {"skagit"}, "role": {"manager"}}},
}

func quota(row int, attribute, value string, lo, hi, priority int) matcher.Rule {
	return matcher.Rule{
		Row: row, Feature: attribute, Value: value, Min: lo, Max: hi, Priority: priority, Weight: 1,
		Property: matcher.Property{Terms: []matcher.Term{{Attribute: attribute, Values: []string{value}}}},
	}
}

func ExampleSelect() {
	criteria := matcher.Criteria{Size: 2, MinSize: 2, Rules: []matcher.Rule{
		quota(1, "county", "island", 1, 2, matcher.Must),
		quota(2, "role", "director", 0, 1, 1),
	}}
	o, err := selection.Select(context.Background(), applicants, criteria, "seed", selection.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(o.Status, o.Cohort, "deviation", o.Deviation[0].Value)
	// Output: OPTIMAL [ada cam] deviation 0
}

func ExampleCheck() {
	criteria := matcher.Criteria{Size: 2, MinSize: 2, Rules: []matcher.Rule{
		quota(1, "county", "island", 2, 2, matcher.Must),
	}}
	v, err := selection.Check(context.Background(), applicants, criteria, selection.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(v.Status, "by", *v.Infeasibility.LeastTotalDeviation)
	// Output: INFEASIBLE by 1
}
