package server

import (
	"github.com/openfairlead/fairlead/applications"
	v1 "github.com/openfairlead/fairlead/gen/fairlead/v1"
	"github.com/openfairlead/fairlead/matcher"
)

var (
	selectionStates = enumNames{"Selection.State", "", v1.Selection_State_value, v1.Selection_State_name}
	provenances     = enumNames{"Provenance", "PROVENANCE_", v1.Provenance_value, v1.Provenance_name}
	statuses        = enumNames{"SelectionResult.Status", "", v1.SelectionResult_Status_value, v1.SelectionResult_Status_name}
)

func selectionToWire(s *applications.Selection) *v1.Selection {
	lock := func(l applications.Lock) *v1.SelectionLock {
		return &v1.SelectionLock{
			Application: applicationName(s.Program, l.Application), Code: l.Code, Reason: l.Reason, LockedBy: l.By, LockTime: stamp(l.Time),
		}
	}
	w := &v1.Selection{
		Name: selectionName(s.Program, s.ID), State: v1.Selection_State(selectionStates.number(string(s.State))),
		Criteria: criteriaName(s.Program, s.Criteria), Trial: s.Trial,
		Include: convert(s.Include, lock), Exclude: convert(s.Exclude, lock),
		Lottery: v1.Criteria_Lottery(lotteries.number(s.Lottery)), Seed: s.Seed, WorkLimit: s.Work,
		Steps: convert(s.Steps, func(step applications.RunStep) *v1.SelectionStep {
			return &v1.SelectionStep{Step: step.Name, Value: step.Value, EndTime: stamp(step.Time)}
		}),
		CurrentStep: s.CurrentStep, Pivots: s.Pivots, CancelRequested: s.CancelAsked,
		PoolSize: int32(s.PoolSize), ErasedCount: int32(s.ErasedCount), InputDigest: s.InputDigest, Engine: s.Engine,
		Provenance: v1.Provenance(provenances.number(string(s.Provenance))), CreatedBy: s.CreatedBy,
		Etag:       etag(s.Revision),
		CreateTime: stamp(s.CreateTime), UpdateTime: stamp(s.UpdateTime), EndTime: stamp(s.DoneTime), OfferTime: stamp(s.OfferTime),
	}
	if s.ErrorReason != "" || s.Error != "" {
		w.Error = &v1.SelectionError{Reason: s.ErrorReason, Message: s.Error}
	}
	drawToWire(w, s)
	return w
}

func selectionFromWire(program string, w *v1.Selection) (*applications.Selection, error) {
	lottery, err := lotteries.word(int32(w.GetLottery()))
	if err != nil {
		return nil, err
	}
	s := &applications.Selection{
		Program: program, Trial: w.GetTrial(), Lottery: lottery, Seed: w.GetSeed(), Work: w.GetWorkLimit(),
		MaxChance: int(w.GetMaxChance()), SeedSource: w.GetSeedSource(), SeedPeople: w.GetSeedPeople(),
	}
	if s.SeedKind, err = seedKindFromWire(w.GetSeedKind()); err != nil {
		return nil, err
	}
	var wrong []applications.Violation
	elsewhere := func(field, name string) {
		if programID(name) != program {
			wrong = append(wrong, applications.Violation{Field: field, Message: "belongs to another program"})
		}
	}
	if name := w.GetCriteria(); name != "" {
		elsewhere("selection.criteria", name)
		s.Criteria = versionOf(name)
	}
	lock := func(l *v1.SelectionLock) applications.Lock {
		return applications.Lock{Application: lastID(l.GetApplication()), Reason: l.GetReason()}
	}
	for _, l := range w.GetInclude() {
		elsewhere("selection.include", l.GetApplication())
		s.Include = append(s.Include, lock(l))
	}
	for _, l := range w.GetExclude() {
		elsewhere("selection.exclude", l.GetApplication())
		s.Exclude = append(s.Exclude, lock(l))
	}
	return s, ofAnotherProgram(wrong)
}

// ofAnotherProgram refuses a request that names what is not its program's.
func ofAnotherProgram(wrong []applications.Violation) error {
	if len(wrong) == 0 {
		return nil
	}
	return applications.Invalid("OTHER_PROGRAM", "the request names resources of another program", wrong...)
}

func resultToWire(r *applications.SelectionResult) *v1.SelectionResult {
	program, rec := r.Selection.Program, r.Record
	w := &v1.SelectionResult{
		Name:   selectionName(program, r.Selection.ID) + "/result",
		Status: v1.SelectionResult_Status(statuses.number(string(rec.Status))), Complete: rec.Complete,
		Provenance:    v1.Provenance(provenances.number(string(r.Selection.Provenance))),
		Criteria:      criteriaName(program, r.Selection.Criteria),
		Rules:         convert(r.Rules, countToWire),
		Size:          &v1.CohortSize{Wanted: int32(rec.Size.Wanted), Got: int32(rec.Size.Got), Bound: int32(rec.Size.Bound)},
		Deviations:    convert(rec.Deviation, deviationToWire),
		Score:         &v1.ObjectiveBound{Value: rec.Score.Value, Bound: rec.Score.Bound},
		Infeasibility: infeasibilityToWire(rec.Infeasibility),
		Lottery:       v1.Criteria_Lottery(lotteries.number(rec.Lottery.Method)),
		PoolSize:      int32(r.Selection.PoolSize), ErasedCount: int32(rec.Erased), Seed: rec.Seed,
		InputDigest: rec.InputDigest, Engine: rec.Engine, Digest: rec.Digest,
		Chances: chancesToWire(r.Chances), Decliners: convert(r.Decliners, declinersToWire),
	}
	members := convert(r.Members, func(m applications.ResultMember) *v1.CohortMember {
		return &v1.CohortMember{
			Application: applicationName(program, m.Application), Code: m.Code, Answers: answersToWire(m.Answers),
			Locked: m.Locked, LockReason: m.LockReason, Chance: int32(m.Chance),
		}
	})
	switch {
	case rec.Status == matcher.Infeasible && len(members) > 0:
		w.Closest = &v1.CohortGroup{Members: members}
	case len(members) > 0:
		w.Groups = []*v1.CohortGroup{{Members: members}}
	}
	return w
}
