package ilp

import (
	"fmt"
	"math"
)

// Magnitudes that keep every sum of the package within an int64 (objective)
// and exactly representable as a float64 (rows).
const (
	maxObjective = 1 << 56
	maxActivity  = 1 << 50
)

// validate returns an error for a problem that is not well formed. A box or a
// row whose lower side exceeds the upper one is well formed: nothing satisfies
// it.
func validate(p *Problem, o Options) error {
	n := len(p.Cost)
	if len(p.Lower) != n || len(p.Upper) != n {
		return fmt.Errorf("ilp: %d costs but %d lower and %d upper bounds", n, len(p.Lower), len(p.Upper))
	}
	if p.Continuous != nil && len(p.Continuous) != n {
		return fmt.Errorf("ilp: %d costs but %d continuous marks", n, len(p.Continuous))
	}
	if o.Work < 0 {
		return fmt.Errorf("ilp: work limit %d is negative", o.Work)
	}
	total := 0.0
	for j := range n {
		if p.Lower[j] <= -maxActivity || p.Upper[j] >= maxActivity {
			return fmt.Errorf("ilp: column %d: bounds %d and %d must lie within ±2^50", j, p.Lower[j], p.Upper[j])
		}
		total += float64(math.Abs(float64(p.Cost[j])) * reach(p, j))
	}
	if total > maxObjective {
		return fmt.Errorf("ilp: the objective can reach %.3g in size; at most 2^56 is possible", total)
	}
	seen := make([]int, n)
	for i, row := range p.Rows {
		if len(row.Index) != len(row.Value) {
			return fmt.Errorf("ilp: row %d: %d indexes but %d values", i, len(row.Index), len(row.Value))
		}
		activity := 0.0
		for k, j := range row.Index {
			if j < 0 || int(j) >= n {
				return fmt.Errorf("ilp: row %d: column %d does not exist; there are %d", i, j, n)
			}
			if seen[j] == i+1 {
				return fmt.Errorf("ilp: row %d: column %d appears twice", i, j)
			}
			seen[j] = i + 1
			activity += float64(math.Abs(float64(row.Value[k])) * reach(p, int(j)))
		}
		if activity > maxActivity {
			return fmt.Errorf("ilp: row %d can reach %.3g in size; at most 2^50 is possible", i, activity)
		}
	}
	if o.Start != nil {
		if len(o.Start) != n {
			return fmt.Errorf("ilp: the start has %d values for %d columns", len(o.Start), n)
		}
		if bad := violated(p, o.Start); bad != "" {
			return fmt.Errorf("ilp: the start is not feasible: %s", bad)
		}
	}
	return nil
}

// reach is the largest size that column j can have, and at least 1 so that a
// coefficient counts even where the column is fixed to 0.
func reach(p *Problem, j int) float64 {
	return max(1, math.Abs(float64(p.Lower[j])), math.Abs(float64(p.Upper[j])))
}

// violated names the first bound or row of p that x breaks, "" if none.
func violated(p *Problem, x []int64) string {
	for j, v := range x {
		if v < p.Lower[j] || v > p.Upper[j] {
			return fmt.Sprintf("column %d is %d, outside %d…%d", j, v, p.Lower[j], p.Upper[j])
		}
	}
	for i, row := range p.Rows {
		sum := int64(0)
		for k, j := range row.Index {
			sum += row.Value[k] * x[j]
		}
		if sum < row.Lo || sum > row.Hi {
			return fmt.Sprintf("row %d is %d, outside %d…%d", i, sum, row.Lo, row.Hi)
		}
	}
	return ""
}
