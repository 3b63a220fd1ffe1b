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
	ruleKinds = enumNames{"CriteriaRule.Kind", "", v1.CriteriaRule_Kind_value, v1.CriteriaRule_Kind_name}
	linkKinds = enumNames{"Link.Kind", "", v1.Link_Kind_value, v1.Link_Kind_name}
	lotteries = enumNames{"Criteria.Lottery", "", v1.Criteria_Lottery_value, v1.Criteria_Lottery_name}
)

// matcherKinds are the words of the engine's kinds of rules.
var matcherKinds = map[matcher.Kind]v1.CriteriaRule_Kind{
	matcher.Quota: v1.CriteriaRule_QUOTA, matcher.Company: v1.CriteriaRule_COMPANY,
	matcher.Spread: v1.CriteriaRule_SPREAD, matcher.Cap: v1.CriteriaRule_CAP,
}

func criteriaToWire(c *applications.Criteria) *v1.Criteria {
	w := &v1.Criteria{
		Name: criteriaName(c.Program, c.Version), Version: int32(c.Version), Title: c.Name,
		Size: int32(c.Size), MinSize: int32(c.MinSize),
		Rules: convert(c.Rules, ruleToWire),
		Links: convert(c.Ties, func(t applications.Tie) *v1.Link {
			return &v1.Link{Kind: v1.Link_Kind(linkKinds.number(strings.ToUpper(t.Kind))), Ids: t.IDs}
		}),
		Lottery:   v1.Criteria_Lottery(lotteries.number(c.Lottery)),
		MaxChance: int32(c.MaxChance), SeedKind: seedKindToWire(c.SeedKind), SeedPeople: c.SeedPeople,
		SeedSource: c.SeedSource, Registered: c.Registered, RegisterTime: stamp(c.RegisterTime),
		RegisteredBy: c.RegisteredBy, Reason: c.Reason, SecondPerson: c.SecondBy,
		Policies: convert(c.Policies, func(id string) string { return policyName(c.Program, id) }),
		Digest:   c.Digest, CreateTime: stamp(c.CreateTime),
	}
	for attribute, most := range c.HardCaps {
		if w.HardCaps == nil {
			w.HardCaps = map[string]int32{}
		}
		w.HardCaps[attribute] = int32(most)
	}
	for priority, deviation := range c.Allow {
		if w.Allow == nil {
			w.Allow = map[int32]int32{}
		}
		w.Allow[int32(priority)] = int32(deviation)
	}
	return w
}

func criteriaFromWire(program string, w *v1.Criteria) (*applications.Criteria, error) {
	c := &applications.Criteria{
		Program: program, Name: w.GetTitle(), Size: int(w.GetSize()), MinSize: int(w.GetMinSize()), SeedSource: w.GetSeedSource(),
		MaxChance: int(w.GetMaxChance()), SeedPeople: w.GetSeedPeople(),
	}
	var err error
	if c.SeedKind, err = seedKindFromWire(w.GetSeedKind()); err != nil {
		return nil, err
	}
	if c.Lottery, err = lotteries.word(int32(w.GetLottery())); err != nil {
		return nil, err
	}
	for _, l := range w.GetLinks() {
		kind, err := linkKinds.word(int32(l.GetKind()))
		if err != nil {
			return nil, err
		}
		c.Ties = append(c.Ties, applications.Tie{Kind: strings.ToLower(kind), IDs: l.GetIds()})
	}
	for _, r := range w.GetRules() {
		rule, err := ruleFromWire(r)
		if err != nil {
			return nil, err
		}
		c.Rules = append(c.Rules, rule)
	}
	for attribute, most := range w.GetHardCaps() {
		if c.HardCaps == nil {
			c.HardCaps = map[string]int{}
		}
		c.HardCaps[attribute] = int(most)
	}
	for priority, deviation := range w.GetAllow() {
		if c.Allow == nil {
			c.Allow = map[int]int64{}
		}
		c.Allow[int(priority)] = int64(deviation)
	}
	return c, nil
}

// notKept refuses what a program cannot keep, rather than losing it in silence.
func notKept(field, message string) error {
	return applications.Invalid("NOT_BUILT", message, applications.Violation{Field: field, Message: message})
}

func ruleToWire(r applications.CriteriaRule) *v1.CriteriaRule {
	return &v1.CriteriaRule{
		Kind:      v1.CriteriaRule_Kind(ruleKinds.number(strings.ToUpper(r.Kind))),
		Attribute: r.Attribute, Values: r.Values, Each: r.Each, All: r.All,
		And: convert(r.And, conditionToWire), Ids: r.IDs,
		Min: wireInt(r.Min), Max: wireInt(r.Max), Priority: int32(r.Priority), Weight: int32(r.Weight),
		MinFlex: wireInt(r.MinFlex), MaxFlex: wireInt(r.MaxFlex), Fixed: r.Fixed, Note: r.Note,
	}
}

func ruleFromWire(w *v1.CriteriaRule) (applications.CriteriaRule, error) {
	r := applications.CriteriaRule{
		Attribute: w.GetAttribute(), Values: w.GetValues(), Each: w.GetEach(), All: w.GetAll(),
		And: convert(w.GetAnd(), conditionFromWire), IDs: w.GetIds(),
		Min: domainInt(w.Min), Max: domainInt(w.Max), Priority: int(w.GetPriority()), Weight: int(w.GetWeight()),
		MinFlex: domainInt(w.MinFlex), MaxFlex: domainInt(w.MaxFlex), Fixed: w.GetFixed(), Note: w.GetNote(),
	}
	kind, err := ruleKinds.word(int32(w.GetKind()))
	if kind == "" {
		kind = "QUOTA"
	}
	r.Kind = strings.ToLower(kind)
	return r, err
}

func wireInt(n *int) *int32 {
	if n == nil {
		return nil
	}
	w := int32(*n)
	return &w
}

func domainInt(w *int32) *int {
	if w == nil {
		return nil
	}
	n := int(*w)
	return &n
}

// ---- verdicts ----

var verdicts = map[matcher.Status]v1.CheckCriteriaResponse_Verdict{
	matcher.Feasible: v1.CheckCriteriaResponse_POSSIBLE, matcher.Optimal: v1.CheckCriteriaResponse_POSSIBLE,
	matcher.Infeasible: v1.CheckCriteriaResponse_IMPOSSIBLE, matcher.Undecided: v1.CheckCriteriaResponse_UNDECIDED,
}

func verdictToWire(v *applications.CriteriaVerdict) *v1.CheckCriteriaResponse {
	w := &v1.CheckCriteriaResponse{
		Verdict: verdicts[v.Verdict.Status], PoolSize: int32(v.PoolSize),
		Rules: convert(v.Rules, countToWire), Infeasibility: infeasibilityToWire(v.Verdict.Infeasibility),
	}
	for _, warning := range v.Verdict.Warnings {
		w.Warnings = append(w.Warnings, &v1.CriteriaWarning{Row: int32(warning.Row), Message: warning.Message})
	}
	detailsToWire(w, v)
	w.TradeOff = convert(v.TradeOff, tradeOffToWire)
	return w
}

func tradeOffToWire(p engine.TradeOffPoint) *v1.TradeOffPoint {
	billionths := func(chance float64) int32 { return int32(math.Round(chance * matcher.Billion)) }
	w := &v1.TradeOffPoint{
		Extra: map[int32]int32{}, Allowed: map[int32]int64{}, Proved: p.Proved,
		ImpossibleCount: int32(p.Impossible), PeopleCount: int32(p.People), OverMaxChance: p.OverCap,
	}
	if p.People > 0 {
		w.Smallest, w.Bound = billionths(p.Smallest), billionths(p.Bound)
	}
	for g, n := range p.Extra {
		w.Extra[int32(g)] = int32(n)
	}
	for g, n := range p.Allowed {
		w.Allowed[int32(g)] = n
	}
	return w
}

func infeasibilityToWire(i *matcher.Infeasibility) *v1.Infeasibility {
	if i == nil {
		return nil
	}
	return &v1.Infeasibility{
		Clash: i.Clash, LeastTotalDeviation: i.LeastTotalDeviation, Cut: i.Cut,
		Conflict: convert(i.Conflict, conditionWords), Relaxations: convert(i.Relaxations, relaxationToWire),
	}
}

func countToWire(r applications.ResultRule) *v1.RuleCount {
	return &v1.RuleCount{
		Row: int32(r.Row), Attribute: r.Attribute, Values: r.Values, Group: r.Group, Label: r.Label,
		Kind: matcherKinds[r.Kind], Min: int32(r.Min), Max: int32(r.Max), Priority: int32(r.Priority),
		Pool: int32(r.Pool), Count: int32(r.Count), Short: int32(r.Short), Over: int32(r.Over),
		Benchmark: benchmarkToWire(r.Benchmark),
	}
}
