package lottery

import (
	"math"
	"slices"

	"github.com/openfairlead/fairlead/matcher/ilp"
)

// Variety is: a cohort has somebody of at least Least of the sets, less what
// the auxiliary column Short makes up for.
//
// As rows it would take an indicator column for each set. Here it is kept by
// cuts instead, rows that are made when a point asks for them: let D be the sets
// that the point has somebody of, and k(t) the number of sets outside D that
// have type t. Then every cohort has
//
//	Σ min(Least − |D|, k(t))·c(t) + Short ≥ Least − |D|,
//
// because either somebody is in whose factor is Least − |D|, or the left sum is
// at least the number of sets outside D that the cohort has somebody of, which
// is Least − Short − |D|. A cohort with Short too small breaks the row of its own D.
type Variety struct {
	// Sets are types, ascending; a type may be in several.
	Sets  [][]int32
	Least int64
	Short int32 // −1: nothing makes up
}

// cut is the row of D, given by set; nil if it says nothing.
func (v *Variety) cut(inside []bool, types int) *ilp.Row {
	least := v.Least
	factor := make([]int64, types)
	for k, set := range v.Sets {
		if inside[k] {
			least--
			continue
		}
		for _, t := range set {
			factor[t]++
		}
	}
	if least <= 0 {
		return nil
	}
	row := &ilp.Row{Lo: least, Hi: math.MaxInt64}
	for t, f := range factor {
		if f > 0 {
			row.Index, row.Value = append(row.Index, int32(t)), append(row.Value, min(f, least))
		}
	}
	if v.Short >= 0 {
		row.Index, row.Value = append(row.Index, v.Short), append(row.Value, 1)
	}
	return row
}

// touched is by set whether the point has at least 1 of it.
func touched[N int64 | float64](v *Variety, x []N) []bool {
	in := make([]bool, len(v.Sets))
	for k, set := range v.Sets {
		sum := N(0)
		for _, t := range set {
			sum += x[t]
		}
		in[k] = sum >= 1
	}
	return in
}

// varied says whether an integer point keeps every variety.
func (p *Problem) varied(x []int64) bool {
	for i := range p.Varieties {
		v := &p.Varieties[i]
		count := int64(0)
		for _, in := range touched(v, x) {
			if in {
				count++
			}
		}
		if v.Short >= 0 {
			count += x[v.Short]
		}
		if count < v.Least {
			return false
		}
	}
	return true
}

// cutOff adds the cuts that an integer point breaks; it returns whether there
// are any, and if so they are the last rows of both problems.
func (e *engine) cutOff(x []int64) bool {
	found := false
	for i := range e.given.Varieties {
		v := &e.given.Varieties[i]
		row := v.cut(touched(v, x), e.T)
		if row == nil {
			continue
		}
		sum := int64(0)
		for k, j := range row.Index {
			sum += row.Value[k] * x[j]
		}
		if sum < row.Lo {
			e.addCut(*row)
			found = true
		}
	}
	return found
}

// separate is cutOff for a point of a relaxation.
func (e *engine) separate(x []float64) bool {
	found := false
	for i := range e.given.Varieties {
		v := &e.given.Varieties[i]
		row := v.cut(touched(v, x), e.T)
		if row == nil {
			continue
		}
		sum := 0.0
		for k, j := range row.Index {
			sum += float64(float64(row.Value[k]) * x[j])
		}
		if sum < float64(row.Lo)-activeTol && e.addCut(*row) {
			found = true
		}
	}
	return found
}

// addCut adds a row to both problems; false if it is there already.
func (e *engine) addCut(row ilp.Row) bool {
	for i := e.ownRows; i < len(e.given.Rows); i++ {
		old := &e.given.Rows[i]
		if old.Lo == row.Lo && slices.Equal(old.Index, row.Index) && slices.Equal(old.Value, row.Value) {
			return false
		}
	}
	e.given.Rows = append(e.given.Rows, row)
	e.narrowed().Rows = append(e.narrowed().Rows, row)
	e.addRow(len(e.narrowed().Rows) - 1)
	e.active = append(e.active, true)
	e.lazy[len(e.lazy)-1] = false
	return true
}
