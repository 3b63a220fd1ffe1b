package server

import (
	"math"
	"strings"

	"github.com/openfairlead/fairlead/applications"
	v1 "github.com/openfairlead/fairlead/gen/fairlead/v1"
	"github.com/openfairlead/fairlead/matcher"
	engine "github.com/openfairlead/fairlead/matcher/selection"
)

var (
	seedKinds   = enumNames{"Criteria.SeedKind", "", v1.Criteria_SeedKind_value, v1.Criteria_SeedKind_name}
	tightnesses = enumNames{"RuleRange.Tightness", "", v1.RuleRange_Tightness_value, v1.RuleRange_Tightness_name}
)

func seedKindToWire(k applications.SeedKind) v1.Criteria_SeedKind {
	return v1.Criteria_SeedKind(seedKinds.number(string(k)))
}

func seedKindFromWire(k v1.Criteria_SeedKind) (applications.SeedKind, error) {
	word, err := seedKinds.word(int32(k))
	return applications.SeedKind(word), err
}

// drawToWire fills in how a run draws and what came of it.
func drawToWire(w *v1.Selection, s *applications.Selection) {
	w.MaxChance, w.SeedKind, w.SeedSource, w.SeedPeople = int32(s.MaxChance), seedKindToWire(s.SeedKind), s.SeedSource, s.SeedPeople
	w.DeclinedCodes = s.Declined
	w.Moves = convert(s.Moves, func(m applications.RepairMove) *v1.RepairMove {
		return &v1.RepairMove{
			Reason: m.Reason, Limit: small(int(m.Limit)), Least: small(int(m.Least)), Rows: convert(m.Rows, func(n int) int32 { return int32(n) }), Clash: m.Clash,
		}
	})
	if s.Replaces != "" {
		w.Replaces = selectionName(s.Program, s.Replaces)
	}
	for priority, deviation := range s.Allow {
		if w.Allow == nil {
			w.Allow = map[int32]int32{}
		}
		w.Allow[int32(priority)] = int32(deviation)
	}
	w.Yields = convert(s.GaveWay, func(y engine.Yield) *v1.RuleYield {
		return &v1.RuleYield{
			Rows: convert(y.Rows, func(n int) int32 { return int32(n) }), Priority: int32(y.Priority),
			Relief: int32(y.Relief), Allow: small(int(y.Allow)), Dropped: y.Dropped,
		}
	})
	w.Commitments = convert(s.Commitments, func(c applications.SeedCommitment) *v1.SeedCommitment {
		return &v1.SeedCommitment{Attempt: int32(c.Attempt), Person: c.Person, Digest: c.Digest, CommitTime: stamp(c.Time)}
	})
	if seal := s.Seal; seal != nil {
		w.Seal = &v1.SelectionSeal{
			SealTime: stamp(seal.Time), Digest: seal.Digest, PoolRoot: seal.PoolRoot, TypesRoot: seal.TypesRoot, RulesDigest: seal.RulesDigest,
			BookDigest: seal.BookDigest, PoolSize: int32(s.PoolSize), CohortCount: int32(seal.Cohorts), Chances: chancesToWire(&seal.Chances),
		}
	}
	w.Draws = convert(s.Draws, func(d applications.Draw) *v1.SelectionDraw {
		return &v1.SelectionDraw{
			Attempt: int32(d.Attempt), SeedKind: seedKindToWire(d.Kind), Value: d.Value, Ticket: int32(d.Ticket), Codes: d.Cohort,
			Reason: d.Reason, ConfirmImpossible: d.Confirmed, DrawnBy: d.By, DrawTime: stamp(d.Time),
		}
	})
	w.Choices = convert(s.Choices, func(c applications.Choice) *v1.SelectionChoice {
		return &v1.SelectionChoice{OutCodes: c.Out, InCodes: c.In, Reason: c.Reason, ChosenBy: c.By, ChooseTime: stamp(c.Time)}
	})
}

func chancesToWire(c *applications.ChanceSummary) *v1.ChanceSummary {
	if c == nil {
		return nil
	}
	return &v1.ChanceSummary{
		Lottery: v1.Criteria_Lottery(lotteries.number(c.Method)), Proved: c.Proved,
		Smallest: int32(c.Smallest), Largest: int32(c.Largest), Bound: int32(c.Bound),
		CertainCount: int32(c.Certain), ImpossibleCount: int32(c.Impossible), NeedsConfirmation: c.Confirm,
		Exclusions: convert(c.Exclusions, func(x applications.ExclusionSummary) *v1.Exclusion {
			return &v1.Exclusion{
				PeopleCount: int32(x.People), Reason: x.Reason, Rows: convert(x.Rows, func(n int) int32 { return int32(n) }),
				Least: x.Least, Allowed: x.Allowed,
			}
		}),
	}
}

func declinersToWire(r applications.DeclinerReport) *v1.DeclinerReport {
	return &v1.DeclinerReport{Attribute: r.Attribute, PeopleCount: int32(r.People), MeanChance: int32(r.Mean), RestMeanChance: int32(r.Rest)}
}

// member is somebody of a run by code.
func member(v *applications.RunView, code string) *v1.CohortMember {
	return &v1.CohortMember{Application: applicationName(v.Selection.Program, v.Applications[code]), Code: code}
}

func members(v *applications.RunView, codes []string) []*v1.CohortMember {
	return convert(codes, func(code string) *v1.CohortMember { return member(v, code) })
}

func explainedToWire(x *applications.Explained) *v1.ExplainSelectionResponse {
	w := &v1.ExplainSelectionResponse{
		Place: v1.ExplainSelectionResponse_OUT, Lock: x.Lock, Withheld: x.Withheld, Tied: members(x.RunView, x.Tied), Decided: x.Decided,
	}
	if x.In {
		w.Place = v1.ExplainSelectionResponse_IN
	}
	if c := x.Chance; c != nil && c.People > 0 {
		w.Chance = int32(c.Tickets / int64(c.People))
	}
	row := func(n int) *v1.RuleCount {
		for _, r := range x.RunView.Rules {
			if r.Row == n {
				return countToWire(r)
			}
		}
		return nil
	}
	for _, h := range x.Helps {
		if r := row(h.Before.Row); r != nil {
			w.Helps = append(w.Helps, &v1.HelpedRule{Rule: r, CountWithout: int32(h.After.Count), ShortWithout: int32(h.After.Short)})
		}
	}
	for _, h := range x.Hindrances {
		w.Blocks = append(w.Blocks, &v1.Hindrance{Reason: h.Reason, Kind: h.Kind, Rule: row(h.Row), ExchangeCount: int32(h.Swaps)})
	}
	exchange := func(swap engine.Swap) *v1.Exchange {
		others := swap.Out
		if x.In {
			others = swap.In
		}
		return &v1.Exchange{
			Members: members(x.RunView, others), Breach: swap.Breach.Reason, BreachSize: swap.Breach.By, Rows: rowsToWire(swap.Breach.Rules),
		}
	}
	w.Exchanges = convert(x.Swaps, exchange)
	if x.Closest != nil {
		w.Closest = exchange(*x.Closest)
	}
	if f := x.Fixed; f != nil {
		w.Fixed = &v1.Exclusion{
			PeopleCount: int32(len(f.People)), Reason: f.Reason, Rows: rowsToWire(f.Rules), Least: f.Least, Allowed: f.Allowed,
		}
	}
	return w
}

func rowsToWire(counts []matcher.RuleCount) []int32 {
	return convert(counts, func(n matcher.RuleCount) int32 { return int32(n.Row) })
}

func whatIfToWire(e *applications.WhatIf) *v1.SimulateSelectionResponse {
	return &v1.SimulateSelectionResponse{
		Status: v1.SelectionResult_Status(statuses.number(string(e.Outcome.Status))), Rules: convert(e.After, countToWire),
		Deviations: convert(e.Deviation, deviationToWire), Breach: e.Breach.Reason,
		Joined: members(e.RunView, e.Joined), Left: members(e.RunView, e.Left), Infeasibility: infeasibilityToWire(e.Outcome.Infeasibility),
	}
}

func deviationToWire(d matcher.Deviation) *v1.Deviation {
	return &v1.Deviation{Priority: int32(d.Priority), Value: d.Value, Bound: d.Bound.Bound}
}

func changesFromWire(w *v1.SimulateSelectionRequest) engine.Changes {
	ids := func(names []string) []string { return convert(names, lastID) }
	return engine.Changes{
		Swaps: convert(w.GetSwaps(), func(x *v1.SwapTrial) engine.Exchange {
			return engine.Exchange{Out: lastID(x.GetOut()), In: lastID(x.GetIn())}
		}),
		Include: ids(w.GetInclude()), Exclude: ids(w.GetExclude()), Free: ids(w.GetFree()),
		Rules: convert(w.GetRules(), func(r *v1.RuleTrial) engine.RuleEdit {
			return engine.RuleEdit{Row: int(r.GetRow()), Min: domainInt(r.Min), Max: domainInt(r.Max), Priority: domainInt(r.Priority), Remove: r.GetRemove()}
		}),
	}
}

func alternativesToWire(a *applications.Alternatives) *v1.ProposeAlternativesResponse {
	w := &v1.ProposeAlternativesResponse{Complete: a.All}
	for i, option := range a.List {
		w.Alternatives = append(w.Alternatives, &v1.SelectionAlternative{
			Members: members(a.RunView, option.Cohort), Rules: convert(a.Rows[i], countToWire), DifferenceCount: int32(option.Differs),
		})
	}
	return w
}

func standbyToWire(a *applications.Standby) *v1.ProposeAlternatesResponse {
	w := &v1.ProposeAlternatesResponse{
		IrreplaceableMembers: members(a.RunView, a.Without), MemberCount: int32(a.Singles.All),
		PairCount: int32(a.Pairs.All), ReplaceablePairCount: int32(a.Pairs.Exact),
		LossWithout: lossToWire(a.Alone), Least: a.Least, Complete: a.Proved,
	}
	for _, x := range a.Alternates {
		w.Alternates = append(w.Alternates, &v1.SelectionAlternate{
			Member: member(a.RunView, x.ID), Replaces: members(a.RunView, x.Covers), LossWith: lossToWire(x.Expected),
		})
	}
	return w
}

func lossToWire(s engine.Shortfall) *v1.ExpectedLoss {
	if s.Of == 0 {
		return nil
	}
	millionths := func(n int64) int64 { return (n*1_000_000 + s.Of/2) / s.Of }
	w := &v1.ExpectedLoss{Conditions: int32(millionths(s.Conditions)), Musts: int32(millionths(s.Must)), Seats: int32(millionths(s.Seats))}
	for g, n := range s.Priority {
		if n > 0 {
			if w.Deviations == nil {
				w.Deviations = map[int32]int64{}
			}
			w.Deviations[int32(g)] = millionths(n)
		}
	}
	return w
}

// ---- details of a check ----

func detailsToWire(w *v1.CheckCriteriaResponse, v *applications.CriteriaVerdict) {
	d := v.Details
	if d == nil {
		return
	}
	for _, y := range d.Yields {
		w.Warnings = append(w.Warnings, &v1.CriteriaWarning{Row: int32(y.Rows[0]), Message: y.Message()})
	}
	shown := map[int]int{} // row -> priority
	for _, r := range v.Rules {
		shown[r.Row] = r.Priority
	}
	for _, r := range d.Ranges {
		priority, ok := shown[r.Row]
		if !ok {
			continue
		}
		tightness := v1.RuleRange_Tightness(tightnesses.number(string(r.Tightness(priority))))
		if r.Least == applications.TooFew || r.Most == applications.TooFew {
			tightness = v1.RuleRange_TIGHTNESS_UNSPECIFIED
		}
		w.Ranges = append(w.Ranges, &v1.RuleRange{Row: int32(r.Row), Least: small(r.Least), Most: small(r.Most), Tightness: tightness})
	}
	w.Decliners = convert(d.Decliners, func(x engine.Decliner) *v1.DeclinerSeats {
		return &v1.DeclinerSeats{Attribute: x.Attribute, PeopleCount: int32(x.People), CanCount: int32(x.Best.Can), CannotCount: int32(x.Best.Cannot)}
	})
	if d.Infeasibility != nil {
		w.Infeasibility = infeasibilityToWire(d.Infeasibility)
	}
}

// small keeps a count within 32 bits.
func small(n int) int32 { return int32(min(n, math.MaxInt32)) }

func conditionWords(c matcher.Condition) *v1.RuleCondition {
	return &v1.RuleCondition{Row: int32(c.Row), Bound: c.Bound}
}

func relaxationToWire(r matcher.Relaxation) *v1.Relaxation {
	return &v1.Relaxation{Cost: int32(min(r.Cost, math.MaxInt32)), Changes: convert(r.Changes, func(c matcher.Change) *v1.BoundChange {
		return &v1.BoundChange{Row: int32(c.Row), Bound: strings.TrimSpace(c.Bound), OldValue: int32(c.From), NewValue: int32(c.To)}
	})}
}
