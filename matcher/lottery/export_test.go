package lottery

// LevelsOnly and RelaxationOnly leave one way out of Solve.
var (
	LevelsOnly     = Options{route: levelsOnly}
	RelaxationOnly = Options{route: relaxationOnly}
)

// Sabotaged narrows the model by hand, as a wrong short cut would, and then goes
// any way or that of the levels only.
func Sabotaged(levels bool, narrow func(*Problem)) Options {
	o := Options{sabotage: narrow}
	if levels {
		o.route = levelsOnly
	}
	return o
}
