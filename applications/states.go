package applications

import (
	"fmt"
	"strings"
)

// The lives of programs and applications are tables: what may be done in
// which state, and what comes of it. A state that is not there refuses. Every
// transition has one method, one guard and one line in the audit log.

// programAction is something done to a program.
type programAction string

const (
	changeForm     programAction = "change the form of"
	changeSchedule programAction = "change seats, dates or codes of"
	changeTexts    programAction = "change the texts of"
	deleteProgram  programAction = "delete"
	openProgram    programAction = "open"
	closeProgram   programAction = "close"
	extendProgram  programAction = "extend"
	saveCriteria   programAction = "change the criteria of"
	approvePolicy  programAction = "approve policies for"
	runSelection   programAction = "run the selection of"
	runTrial       programAction = "run a trial for"
	replaceMembers programAction = "fill seats again of"
	prepareOffers  programAction = "prepare offers for"
	sendOffers     programAction = "send the offers of"
	answerOffers   programAction = "answer offers of"
	rescindOffers  programAction = "take back offers of"
	destroyProgram programAction = "destroy"
)

var programStates = []ProgramState{
	ProgramDraft, ProgramOpen, ProgramClosed, ProgramSelecting, ProgramOffersOut,
	ProgramFilled, ProgramRunning, ProgramCompleted, ProgramArchived,
}

var programLife = map[programAction]map[ProgramState]ProgramState{
	changeForm:     {ProgramDraft: ProgramDraft},
	changeSchedule: {ProgramDraft: ProgramDraft},
	changeTexts: {
		ProgramDraft: ProgramDraft, ProgramOpen: ProgramOpen, ProgramClosed: ProgramClosed,
		ProgramSelecting: ProgramSelecting, ProgramOffersOut: ProgramOffersOut,
		ProgramFilled: ProgramFilled, ProgramRunning: ProgramRunning,
	},
	deleteProgram: {ProgramDraft: ""},
	openProgram:   {ProgramDraft: ProgramOpen},
	closeProgram:  {ProgramOpen: ProgramClosed},
	extendProgram: {ProgramOpen: ProgramOpen, ProgramClosed: ProgramOpen},
	saveCriteria: {
		ProgramDraft: ProgramDraft, ProgramOpen: ProgramOpen, ProgramClosed: ProgramClosed, ProgramSelecting: ProgramSelecting,
	},
	approvePolicy: {
		ProgramDraft: ProgramDraft, ProgramOpen: ProgramOpen, ProgramClosed: ProgramClosed, ProgramSelecting: ProgramSelecting,
	},
	runSelection:   {ProgramClosed: ProgramSelecting, ProgramSelecting: ProgramSelecting},
	runTrial:       {ProgramClosed: ProgramClosed, ProgramSelecting: ProgramSelecting},
	replaceMembers: {ProgramSelecting: ProgramSelecting, ProgramOffersOut: ProgramOffersOut},
	// Seats that become free can be offered again until the program runs.
	prepareOffers:  {ProgramSelecting: ProgramSelecting, ProgramOffersOut: ProgramOffersOut},
	sendOffers:     {ProgramSelecting: ProgramOffersOut, ProgramOffersOut: ProgramOffersOut},
	answerOffers:   {ProgramOffersOut: ProgramOffersOut, ProgramFilled: ProgramFilled},
	destroyProgram: {ProgramCompleted: "", ProgramArchived: ""},
	rescindOffers:  {ProgramSelecting: ProgramSelecting, ProgramOffersOut: ProgramOffersOut, ProgramFilled: ProgramFilled},
}

// after returns the state that the action leads to.
// FailedPrecondition PROGRAM_STATE if the program is not in a state for it.
func (s ProgramState) after(a programAction) (ProgramState, error) {
	next, ok := programLife[a][s]
	if !ok {
		return "", Errorf(FailedPrecondition, "PROGRAM_STATE", "cannot %s a program in state %s; it has to be %s",
			a, s, oneOf(programStates, programLife[a]))
	}
	return next, nil
}

// applicationAction is something done to an application.
type applicationAction string

const (
	editApplication     applicationAction = "change"
	submitApplication   applicationAction = "submit"
	withdrawApplication applicationAction = "withdraw"
	enterPool           applicationAction = "take into the pool"
	findIneligible      applicationAction = "find ineligible"
	reopenApplication   applicationAction = "reopen"
	extendApplication   applicationAction = "extend"
	renewCode           applicationAction = "give a new return code to"
	selectApplication   applicationAction = "select"
	returnToPool        applicationAction = "take back into the pool"
	eraseApplication    applicationAction = "erase"
)

var applicationStates = []ApplicationState{
	Draft, Submitted, Screening, Ineligible, InReview, InPool, Selected, Alternate, NotSelected, Withdrawn, Erased,
}

var applicationLife = map[applicationAction]map[ApplicationState]ApplicationState{
	editApplication:   {Draft: Draft, Submitted: Submitted},
	submitApplication: {Draft: Submitted},
	withdrawApplication: {
		Draft: Withdrawn, Submitted: Withdrawn, Screening: Withdrawn, Ineligible: Withdrawn,
		InReview: Withdrawn, InPool: Withdrawn, Selected: Withdrawn, Alternate: Withdrawn,
	},
	enterPool:         {Submitted: InPool},
	findIneligible:    {Submitted: Ineligible},
	reopenApplication: {InPool: Submitted, Ineligible: Submitted},
	extendApplication: {Draft: Draft, Submitted: Submitted},
	renewCode: {
		Draft: Draft, Submitted: Submitted, Screening: Screening, Ineligible: Ineligible, InReview: InReview,
		InPool: InPool, Selected: Selected, Alternate: Alternate, NotSelected: NotSelected, Withdrawn: Withdrawn,
	},
	// Again, for somebody whose offer ended without a seat.
	selectApplication: {InPool: Selected, Selected: Selected},
	returnToPool:      {Selected: InPool},
	// From anywhere, for good.
	eraseApplication: {
		Draft: Erased, Submitted: Erased, Screening: Erased, Ineligible: Erased, InReview: Erased,
		InPool: Erased, Selected: Erased, Alternate: Erased, NotSelected: Erased, Withdrawn: Erased,
	},
}

// after returns the state that the action leads to.
// FailedPrecondition ALREADY_SUBMITTED or APPLICATION_STATE if the application
// is not in a state for it.
func (s ApplicationState) after(a applicationAction) (ApplicationState, error) {
	next, ok := applicationLife[a][s]
	if !ok {
		reason := "APPLICATION_STATE"
		if a == submitApplication && s == Submitted {
			reason = "ALREADY_SUBMITTED"
		}
		return "", Errorf(FailedPrecondition, reason, "cannot %s an application in state %s; it has to be %s",
			a, s, oneOf(applicationStates, applicationLife[a]))
	}
	return next, nil
}

// oneOf lists the states of a row in the order of life.
func oneOf[S ~string](order []S, row map[S]S) string {
	var names []string
	for _, s := range order {
		if _, ok := row[s]; ok {
			names = append(names, string(s))
		}
	}
	if n := len(names); n > 1 {
		return strings.Join(names[:n-1], ", ") + " or " + names[n-1]
	}
	return strings.Join(names, "")
}

// transition is the detail of an audit event: "DRAFT>SUBMITTED".
func transition[S ~string](from, to S) string { return fmt.Sprintf("%s>%s", from, to) }
