package demo

import (
	"fmt"

	"github.com/openfairlead/fairlead/applications"
)

// Pool invents n people who fill in a form and returns those of them who are
// eligible, as the pool of a selection. The same seed and form give the same
// people as the demo has; nobody behind them exists.
func Pool(form *applications.Form, seed string, n int) []*applications.Application {
	var all []*applications.Application
	for i, p := range people(seed, n, questionsOf(form)) {
		a := &applications.Application{Code: fmt.Sprintf("X-%04d", i+1), Answers: applications.Answers{}}
		for key, given := range p.Answers {
			a.Answers[key] = applications.Answer{Values: given.Values, Qualifiers: given.Qualifiers, Text: given.Text, Declined: given.Declined}
		}
		if form.Eligible(a.Answers) {
			all = append(all, a)
		}
	}
	return all
}

// questionsOf is what the generator needs, in the order in which the form asks.
func questionsOf(form *applications.Form) []question {
	when := func(c *applications.Condition) *condition {
		if c == nil {
			return nil
		}
		return &condition{c.Attribute, c.Values}
	}
	var all []question
	for _, page := range form.Pages {
		for _, key := range page.Attributes {
			a := form.Attribute(key)
			q := question{
				Key: key, Kind: string(a.Kind), MaxValues: a.MaxValues, Required: a.Required,
				Decline: a.Decline, When: when(a.VisibleWhen),
			}
			for i := range a.Values {
				v := &a.Values[i]
				q.Values = append(q.Values, value{v.Code, v.Exclusive, v.WriteIn, when(v.VisibleWhen)})
			}
			if a.Qualifier != nil {
				for _, v := range a.Qualifier.Values {
					q.Qualifier = append(q.Qualifier, v.Code)
				}
			}
			all = append(all, q)
		}
	}
	return all
}
