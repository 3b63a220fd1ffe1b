package applications

import (
	"strings"
	"testing"
)

// The tables once more, as a person reads them: a line a state, a column an
// action, the state that it leads to or a point where it is refused. Every
// cell is tried.
const programTable = `
            form   schedule texts       delete open close  extend save      policy    run       trial     replace    prepare    send       answer     rescind    destroy
DRAFT       DRAFT  DRAFT    DRAFT       gone   OPEN .      .      DRAFT     DRAFT     .         .         .          .          .          .          .          .
OPEN        .      .        OPEN        .      .    CLOSED OPEN   OPEN      OPEN      .         .         .          .          .          .          .          .
CLOSED      .      .        CLOSED      .      .    .      OPEN   CLOSED    CLOSED    SELECTING CLOSED    .          .          .          .          .          .
SELECTING   .      .        SELECTING   .      .    .      .      SELECTING SELECTING SELECTING SELECTING SELECTING  SELECTING  OFFERS_OUT .          SELECTING  .
OFFERS_OUT  .      .        OFFERS_OUT  .      .    .      .      .         .         .         .         OFFERS_OUT OFFERS_OUT OFFERS_OUT OFFERS_OUT OFFERS_OUT .
FILLED      .      .        FILLED      .      .    .      .      .         .         .         .         .          .          .          FILLED     FILLED     .
RUNNING     .      .        RUNNING     .      .    .      .      .         .         .         .         .          .          .          .          .          .
COMPLETED   .      .        .           .      .    .      .      .         .         .         .         .          .          .          .          .          gone
ARCHIVED    .      .        .           .      .    .      .      .         .         .         .         .          .          .          .          .          gone
`

const applicationTable = `
             edit      submit    withdraw  pool    ineligible reopen    extend    code         select   return   erase
DRAFT        DRAFT     SUBMITTED WITHDRAWN .       .          .         DRAFT     DRAFT        .        .        ERASED
SUBMITTED    SUBMITTED .         WITHDRAWN IN_POOL INELIGIBLE .         SUBMITTED SUBMITTED    .        .        ERASED
SCREENING    .         .         WITHDRAWN .       .          .         .         SCREENING    .        .        ERASED
INELIGIBLE   .         .         WITHDRAWN .       .          SUBMITTED .         INELIGIBLE   .        .        ERASED
IN_REVIEW    .         .         WITHDRAWN .       .          .         .         IN_REVIEW    .        .        ERASED
IN_POOL      .         .         WITHDRAWN .       .          SUBMITTED .         IN_POOL      SELECTED .        ERASED
SELECTED     .         .         WITHDRAWN .       .          .         .         SELECTED     SELECTED IN_POOL  ERASED
ALTERNATE    .         .         WITHDRAWN .       .          .         .         ALTERNATE    .        .        ERASED
NOT_SELECTED .         .         .         .       .          .         .         NOT_SELECTED .        .        ERASED
WITHDRAWN    .         .         .         .       .          .         .         WITHDRAWN    .        .        ERASED
ERASED       .         .         .         .       .          .         .         .            .        .        .
`

const offerTable = `
          send accept   decline  expire  rescind
PENDING   SENT .        .        .       RESCINDED
SENT      .    ACCEPTED DECLINED EXPIRED RESCINDED
ACCEPTED  .    .        DECLINED .       RESCINDED
DECLINED  .    .        .        .       .
EXPIRED   .    .        .        .       .
RESCINDED .    .        .        .       .
`

func checkTable[S ~string, A ~string](t *testing.T, text string, states []S, actions []A, life map[A]map[S]S, after func(S, A) (S, error)) {
	t.Helper()
	if len(life) != len(actions) {
		t.Errorf("the code has %d actions, the table %d", len(life), len(actions))
	}
	lines := strings.Split(strings.TrimSpace(text), "\n")[1:]
	if len(lines) != len(states) {
		t.Fatalf("the table has %d states, the code %d", len(lines), len(states))
	}
	for i, line := range lines {
		cells := strings.Fields(line)
		if cells[0] != string(states[i]) || len(cells) != len(actions)+1 {
			t.Fatalf("line %d is not about %s", i, states[i])
		}
		for j, action := range actions {
			next, err := after(states[i], action)
			want := cells[j+1]
			if want == "gone" {
				want = ""
			}
			if want == "." {
				if CodeOf(err) != FailedPrecondition || next != "" {
					t.Errorf("%s in %s: %q, %v; want it refused", action, states[i], next, err)
				}
				continue
			}
			if err != nil || string(next) != want {
				t.Errorf("%s in %s: %q, %v; want %q", action, states[i], next, err, want)
			}
		}
	}
	if next, err := after("NO_SUCH_STATE", actions[0]); err == nil {
		t.Errorf("a state that does not exist leads to %q", next)
	}
	if next, err := after(states[0], "no such action"); err == nil {
		t.Errorf("an action that does not exist leads to %q", next)
	}
}

func TestProgramLife(t *testing.T) {
	checkTable(t, programTable, programStates, []programAction{
		changeForm, changeSchedule, changeTexts, deleteProgram, openProgram, closeProgram, extendProgram,
		saveCriteria, approvePolicy, runSelection, runTrial, replaceMembers, prepareOffers, sendOffers, answerOffers, rescindOffers,
		destroyProgram,
	}, programLife, ProgramState.after)
}

func TestApplicationLife(t *testing.T) {
	checkTable(t, applicationTable, applicationStates, []applicationAction{
		editApplication, submitApplication, withdrawApplication, enterPool, findIneligible, reopenApplication, extendApplication, renewCode,
		selectApplication, returnToPool, eraseApplication,
	}, applicationLife, ApplicationState.after)
	if _, err := Submitted.after(submitApplication); ReasonOf(err) != "ALREADY_SUBMITTED" {
		t.Errorf("submitting twice: %v", err)
	}
}

func TestOfferLife(t *testing.T) {
	checkTable(t, offerTable, offerStates, []offerAction{sendOffer, acceptOffer, declineOffer, expireOffer, rescindOffer}, offerLife, OfferState.after)
	for _, c := range []struct {
		state  OfferState
		action offerAction
		reason string
	}{
		{OfferExpired, acceptOffer, "OFFER_EXPIRED"},
		{OfferExpired, declineOffer, "OFFER_EXPIRED"},
		{OfferAccepted, acceptOffer, "OFFER_ANSWERED"},
		{OfferDeclined, declineOffer, "OFFER_ANSWERED"},
		{OfferDeclined, acceptOffer, "OFFER_STATE"},
		{OfferRescinded, acceptOffer, "OFFER_STATE"},
		{OfferPending, expireOffer, "OFFER_STATE"},
	} {
		if _, err := c.state.after(c.action); ReasonOf(err) != c.reason {
			t.Errorf("%s in %s: %v, want %s", c.action, c.state, err, c.reason)
		}
	}
	for _, s := range offerStates {
		leads := false
		for _, row := range offerLife {
			_, ok := row[s]
			leads = leads || ok
		}
		if leads != s.Open() {
			t.Errorf("%s: open %v, but leads somewhere: %v", s, s.Open(), leads)
		}
	}
}

// What is refused says what would be allowed.
func TestRefusalNamesTheWay(t *testing.T) {
	_, err := ProgramClosed.after(openProgram)
	if want := "PROGRAM_STATE: cannot open a program in state CLOSED; it has to be DRAFT"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	_, err = NotSelected.after(editApplication)
	if want := "APPLICATION_STATE: cannot change an application in state NOT_SELECTED; it has to be DRAFT or SUBMITTED"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
