package lottery

// LevelsOnly and RelaxationOnly leave one way out of Solve.
var (
	LevelsOnly     = Options{route: levelsOnly}
	RelaxationOnly = Options{route: relaxationOnly}
)
