package lottery

// LevelsOnly and RelaxationOnly leave one way out of Solve.
var (
	LevelsOnly     = Options{route: levelsOnly}
	RelaxationOnly = Options{route: relaxationOnly}
)

// Sabotaged narrows the model by hand, as a wrong short cut would.
func Sabotaged(narrow func(*Problem)) Options {
	return Options{route: levelsOnly, sabotage: narrow}
}
