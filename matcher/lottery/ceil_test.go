package lottery

import "testing"

// Who is in every cohort is certain, though rounding left their level a little
// below 1; who is missing from one is not.
func TestCeiling(t *testing.T) {
	e := &engine{cap: 1}
	stages := []stage{
		{value: 0.3, types: []int{0}},
		{value: 1 - 9e-8, types: []int{1}},
		{value: 1 - 5e-8, types: []int{2, 3}},
	}
	e.ceil(&Result{Chance: []float64{0.3, 1 - 9e-8, 1, 1}}, stages)
	for k, want := range []float64{0.3, 1 - 9e-8, 1} {
		if stages[k].value != want {
			t.Errorf("level %d: %v, want %v", k, stages[k].value, want)
		}
	}
}
