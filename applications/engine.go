package applications

import "github.com/openfairlead/fairlead/matcher"

// Engine is the pool and the criteria in the engine's words. The criteria fit
// the form (CheckCriteria), the applications answer it.
func (c *Criteria) Engine(form *Form, all []*Application) ([]matcher.Person, matcher.Criteria) {
	return poolOf(form, c, all), c.resolve(form).Criteria
}
