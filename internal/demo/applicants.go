package demo

import (
	"encoding/json"
	"fmt"
)

// Applicants invents n people who fill in a form, which is given as the API
// writes it, and returns the applications that submit them as the API reads
// them. The same seed and form give the same people; nobody behind them exists.
func Applicants(form []byte, seed string, n int) ([]json.RawMessage, error) {
	var f formMessage
	if err := json.Unmarshal(form, &f); err != nil {
		return nil, fmt.Errorf("the form: %w", err)
	}
	all := make([]json.RawMessage, n)
	for i, p := range people(seed, n, f.questions()) {
		var err error
		if all[i], err = json.Marshal(f.application(p)); err != nil {
			return nil, err
		}
	}
	return all, nil
}
