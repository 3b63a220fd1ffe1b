package server

import (
	"maps"
	"math"
	"slices"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	v1 "github.com/openfairlead/fairlead/gen/fairlead/v1"
	"github.com/openfairlead/fairlead/matcher/pairing"
	"github.com/openfairlead/fairlead/mentoring"
)

var (
	mentoringRoles   = enumNames{"MentoringRole", "MENTORING_ROLE_", v1.MentoringRole_value, v1.MentoringRole_name}
	enrollmentStates = enumNames{"EnrollmentState", "ENROLLMENT_STATE_", v1.EnrollmentState_value, v1.EnrollmentState_name}
	strengths        = enumNames{"AffinityWish.Strength", "", v1.AffinityWish_Strength_value, v1.AffinityWish_Strength_name}
	consentPurposes  = enumNames{"EnrollmentConsent.Purpose", "", v1.EnrollmentConsent_Purpose_value, v1.EnrollmentConsent_Purpose_name}
	editKinds        = enumNames{"PairEdit.Kind", "", v1.PairEdit_Kind_value, v1.PairEdit_Kind_name}
	matchingStates   = enumNames{"Matching.State", "", v1.Matching_State_value, v1.Matching_State_name}
	matchingStatuses = enumNames{"MatchingResult.Status", "", v1.MatchingResult_Status_value, v1.MatchingResult_Status_name}
	proposalStates   = enumNames{"Proposal.State", "", v1.Proposal_State_value, v1.Proposal_State_name}
	declineReasons   = enumNames{"Proposal.DeclineReason", "", v1.Proposal_DeclineReason_value, v1.Proposal_DeclineReason_name}
	mentorshipStates = enumNames{"Mentorship.State", "", v1.Mentorship_State_value, v1.Mentorship_State_name}
	endReasons       = enumNames{"Mentorship.EndReason", "", v1.Mentorship_EndReason_value, v1.Mentorship_EndReason_name}
	meetingStates    = enumNames{"Meeting.State", "", v1.Meeting_State_value, v1.Meeting_State_name}
	goalStates       = enumNames{"Goal.State", "", v1.Goal_State_value, v1.Goal_State_name}
)

// ---- the plan ----

func planToWire(p *mentoring.Plan) *v1.MentoringPlan {
	w := &v1.MentoringPlan{
		Name: programName(p.Program) + "/mentoringPlan", Open: p.Open, Screening: p.Screening,
		MaxSeats: int32(p.MaxSeats), MaxWanted: int32(p.MaxWanted), MaxNever: int32(p.MaxNever), MaxWishes: int32(p.MaxWishes),
		Rules: p.Rules, Objectives: p.Objectives, Audited: p.Audited, Contact: p.Contact,
		CreateTime: stamp(p.CreateTime), UpdateTime: stamp(p.UpdateTime),
	}
	if p.AnswerTime > 0 {
		w.AnswerTime = durationpb.New(p.AnswerTime)
	}
	if f := p.Floors; f != nil {
		w.Floors = &v1.CoverageFloors{Attribute: f.Attribute, Min: map[string]int32{}}
		for value, n := range f.Min {
			w.Floors.Min[value] = int32(n)
		}
	}
	if p.Revision > 0 {
		w.Etag = etag(p.Revision)
	}
	return w
}

func planFromWire(w *v1.MentoringPlan) *mentoring.Plan {
	p := &mentoring.Plan{
		Program: programID(w.GetName()), Open: w.GetOpen(), Screening: w.GetScreening(),
		MaxSeats: int(w.GetMaxSeats()), MaxWanted: int(w.GetMaxWanted()), MaxNever: int(w.GetMaxNever()), MaxWishes: int(w.GetMaxWishes()),
		Rules: w.GetRules(), Objectives: w.GetObjectives(), Audited: w.GetAudited(), AnswerTime: durationOf(w.GetAnswerTime()), Contact: w.GetContact(),
	}
	if f := w.GetFloors(); f != nil {
		p.Floors = &mentoring.Floors{Attribute: f.GetAttribute(), Min: map[string]int{}}
		for value, n := range f.GetMin() {
			p.Floors.Min[value] = int(n)
		}
	}
	return p
}

func durationOf(d *durationpb.Duration) time.Duration {
	if d == nil {
		return 0
	}
	return d.AsDuration()
}

// ---- enrollments ----

// eitherToWire is an enrollment as what it is: the other one is nil.
func eitherToWire(e *mentoring.Enrollment) (*v1.Mentor, *v1.Mentee) {
	if e.Role == mentoring.Mentor {
		return mentorToWire(e), nil
	}
	return nil, menteeToWire(e)
}

func mentorToWire(e *mentoring.Enrollment) *v1.Mentor {
	return &v1.Mentor{
		Name: mentorName(e.Program, e.ID), Code: e.Code, State: v1.EnrollmentState(enrollmentStates.number(string(e.State))),
		Contact: mentoringContactToWire(e.Contact), Profile: e.Profile, Seats: int32(e.Seats), Language: e.Language,
		Traits: convert(e.Traits, traitToWire), Wishes: e.Wishes, Never: e.Never, Consents: convert(e.Consents, consentToWire),
		Origin: originToWire(e.Origin), EnrolledBy: e.OnBehalf, Etag: etag(e.Revision),
		CreateTime: stamp(e.CreateTime), UpdateTime: stamp(e.UpdateTime), SubmitTime: stamp(e.SubmitTime),
	}
}

func menteeToWire(e *mentoring.Enrollment) *v1.Mentee {
	return &v1.Mentee{
		Name: menteeName(e.Program, e.ID), Code: e.Code, State: v1.EnrollmentState(enrollmentStates.number(string(e.State))),
		Contact: mentoringContactToWire(e.Contact), Profile: e.Profile, Wanted: int32(e.Wanted), Language: e.Language,
		Traits: convert(e.Traits, traitToWire), Wishes: e.Wishes, Never: e.Never, Consents: convert(e.Consents, consentToWire),
		Affinity: convert(e.Affinity, func(a mentoring.AffinityWish) *v1.AffinityWish {
			return &v1.AffinityWish{Attribute: a.Attribute, Value: a.Value, Strength: v1.AffinityWish_Strength(strengths.number(a.Strength))}
		}),
		Origin: originToWire(e.Origin), EnrolledBy: e.OnBehalf, Etag: etag(e.Revision),
		WaitRounds: int32(e.WaitRounds), WaitTime: stamp(e.WaitSince),
		CreateTime: stamp(e.CreateTime), UpdateTime: stamp(e.UpdateTime), SubmitTime: stamp(e.SubmitTime),
	}
}

func mentorFromWire(program string, w *v1.Mentor) *mentoring.Enrollment {
	return &mentoring.Enrollment{
		Program: program, ID: lastID(w.GetName()), Role: mentoring.Mentor, Contact: mentoringContactFromWire(w.GetContact()), Profile: w.GetProfile(),
		Seats: int(w.GetSeats()), Language: w.GetLanguage(), Traits: convert(w.GetTraits(), traitFromWire), Wishes: w.GetWishes(),
		Never: convert(w.GetNever(), lastID), Consents: convert(w.GetConsents(), consentFromWire), Origin: originFromWire(w.GetOrigin()),
	}
}

func menteeFromWire(program string, w *v1.Mentee) *mentoring.Enrollment {
	return &mentoring.Enrollment{
		Program: program, ID: lastID(w.GetName()), Role: mentoring.Mentee, Contact: mentoringContactFromWire(w.GetContact()), Profile: w.GetProfile(),
		Wanted: int(w.GetWanted()), Language: w.GetLanguage(), Traits: convert(w.GetTraits(), traitFromWire), Wishes: w.GetWishes(),
		Never: convert(w.GetNever(), lastID), Consents: convert(w.GetConsents(), consentFromWire), Origin: originFromWire(w.GetOrigin()),
		Affinity: convert(w.GetAffinity(), func(a *v1.AffinityWish) mentoring.AffinityWish {
			strength, _ := strengths.word(int32(a.GetStrength())) // validated before
			return mentoring.AffinityWish{Attribute: a.GetAttribute(), Value: a.GetValue(), Strength: strength}
		}),
	}
}

func mentoringContactToWire(c mentoring.Contact) *v1.Contact {
	if c == (mentoring.Contact{}) {
		return nil
	}
	return &v1.Contact{Name: c.Name, PreferredName: c.Goes, Email: c.Email, Phone: c.Phone}
}

func mentoringContactFromWire(c *v1.Contact) mentoring.Contact {
	return mentoring.Contact{Name: c.GetName(), Goes: c.GetPreferredName(), Email: c.GetEmail(), Phone: c.GetPhone()}
}

func traitToWire(t mentoring.Trait) *v1.Trait {
	return &v1.Trait{Attribute: t.Attribute, Value: t.Value, Matching: t.Matching, Explained: t.Explained}
}

func traitFromWire(t *v1.Trait) mentoring.Trait {
	return mentoring.Trait{Attribute: t.GetAttribute(), Value: t.GetValue(), Matching: t.GetMatching(), Explained: t.GetExplained()}
}

func consentToWire(c mentoring.Consent) *v1.EnrollmentConsent {
	return &v1.EnrollmentConsent{
		Purpose: v1.EnrollmentConsent_Purpose(consentPurposes.number(string(c.Purpose))), Given: c.Given, AnswerTime: stamp(c.Time),
	}
}

func consentFromWire(c *v1.EnrollmentConsent) mentoring.Consent {
	purpose, _ := consentPurposes.word(int32(c.GetPurpose())) // validated before
	return mentoring.Consent{Purpose: mentoring.Purpose(purpose), Given: c.GetGiven()}
}

func originToWire(o mentoring.Origin) string {
	if o == (mentoring.Origin{}) {
		return ""
	}
	return applicationName(o.Program, o.Application)
}

func originFromWire(name string) mentoring.Origin {
	if name == "" {
		return mentoring.Origin{}
	}
	return mentoring.Origin{Program: programID(name), Application: lastID(name)}
}

func placesToWire(p mentoring.Places) *v1.Places {
	return &v1.Places{TotalCount: int32(p.Total), ProposedCount: int32(p.Proposed), TakenCount: int32(p.Taken)}
}

// ---- directives and runs ----

func directiveToWire(d *mentoring.Directive) *v1.Directive {
	return &v1.Directive{
		Name: directiveName(d.Program, d.ID), Kind: v1.PairEdit_Kind(editKinds.number(string(d.Kind))),
		Mentee: menteeName(d.Program, d.Mentee), Mentor: mentorName(d.Program, d.Mentor), Reason: d.Reason, CreatedBy: d.By,
		Etag: etag(d.Revision), CreateTime: stamp(d.CreateTime), LiftTime: stamp(d.LiftTime),
	}
}

func matchingToWire(m *mentoring.Matching) *v1.Matching {
	w := &v1.Matching{
		Name: matchingName(m.Program, m.ID), State: v1.Matching_State(matchingStates.number(string(m.State))),
		Objectives: m.Objectives, Seed: m.Seed, WorkLimit: m.Work,
		Edits: convert(m.Edits, func(e mentoring.Edit) *v1.PairEdit {
			return &v1.PairEdit{
				Kind: v1.PairEdit_Kind(editKinds.number(string(e.Kind))), Mentee: menteeName(m.Program, e.Mentee), Mentor: mentorName(m.Program, e.Mentor),
				Reason: e.Reason, EditedBy: e.By, EditTime: stamp(e.Time), Cost: costToWire(m.Program, &e.Cost),
			}
		}),
		Steps: convert(m.Steps, func(s mentoring.Step) *v1.MatchingStep {
			return &v1.MatchingStep{Step: s.Name, Value: s.Value, EndTime: stamp(s.Time)}
		}),
		CurrentStep: m.CurrentStep, Progress: m.Progress, CancelRequested: m.CancelAsked,
		MenteeCount: int32(m.Mentees), MentorCount: int32(m.Mentors), PairCount: int32(m.Pairs), CoveredCount: int32(m.Covered),
		ErasedCount: int32(m.ErasedCount), InputDigest: m.InputDigest, Engine: m.Engine,
		CreatedBy: m.CreatedBy, PublishedBy: m.PublishedBy, Etag: etag(m.Revision),
		CreateTime: stamp(m.CreateTime), UpdateTime: stamp(m.UpdateTime), EndTime: stamp(m.DoneTime), PublishTime: stamp(m.PublishTime),
	}
	if m.Base != "" {
		w.Base = matchingName(m.Program, m.Base)
	}
	if m.After != "" {
		w.After = proposalName(m.Program, m.After)
	}
	if m.SupersededBy != "" {
		w.SupersededBy = matchingName(m.Program, m.SupersededBy)
	}
	if m.ErrorReason != "" || m.Error != "" {
		w.Error = &v1.MatchingError{Reason: m.ErrorReason, Message: m.Error}
	}
	return w
}

func editFromWire(program string, w *v1.PairEdit) (mentoring.Edit, error) {
	if err := pairOf(program, "edit.", w.GetMentee(), w.GetMentor()); err != nil {
		return mentoring.Edit{}, err
	}
	kind, err := editKinds.word(int32(w.GetKind()))
	return mentoring.Edit{
		Kind: mentoring.DirectiveKind(kind), Mentee: lastID(w.GetMentee()), Mentor: lastID(w.GetMentor()), Reason: w.GetReason(),
	}, err
}

func costToWire(program string, c *mentoring.Cost) *v1.EditCost {
	return &v1.EditCost{Terms: convert(c.Terms, termChangeToWire), Removed: pairsToWire(program, c.Removed), Added: pairsToWire(program, c.Added)}
}

func termChangeToWire(t mentoring.TermChange) *v1.TermChange {
	return &v1.TermChange{Term: t.Term, Before: t.Before, After: t.After}
}

func pairsToWire(program string, pairs []mentoring.Pair) []*v1.MatchedPair {
	return convert(pairs, func(p mentoring.Pair) *v1.MatchedPair { return pairToWire(program, p) })
}

func pairToWire(program string, p mentoring.Pair) *v1.MatchedPair {
	return &v1.MatchedPair{
		Mentee: menteeName(program, p.Mentee), Mentor: mentorName(program, p.Mentor), MenteeCode: p.MenteeCode, MentorCode: p.MentorCode,
		Score: int32(p.Score), Locked: p.Locked, Parts: convert(p.Parts, partToWire),
	}
}

func partToWire(p mentoring.Part) *v1.ScorePart {
	return &v1.ScorePart{Feature: p.Feature, Points: int32(p.Points), Most: int32(p.Most), Evidence: p.Evidence}
}

func matchingResultToWire(program, id string, r *mentoring.Result) *v1.MatchingResult {
	w := &v1.MatchingResult{
		Name: matchingName(program, id) + "/result", Status: v1.MatchingResult_Status(matchingStatuses.number(r.Status)),
		Pairs: pairsToWire(program, r.Pairs),
		Unmatched: convert(r.Unmatched, func(u mentoring.Unmatched) *v1.UnmatchedMentee {
			return &v1.UnmatchedMentee{
				Mentee: menteeName(program, u.Mentee), MenteeCode: u.MenteeCode, Reason: string(u.Reason), Rule: u.Rule,
				MenteeCount: int32(u.Mentees), MentorCount: int32(u.Mentors), SeatCount: int32(u.Seats),
			}
		}),
		Terms:        convert(r.Terms, termToWire),
		CoveredCount: int32(r.Covered), TotalScore: r.Total, WorstScore: int32(r.Worst),
		UnstablePairCount: -1,
	}
	if r.Unstable != nil {
		w.UnstablePairCount, w.UnstablePairs = int32(min(r.Unstable.Count, math.MaxInt32)), pairsToWire(program, r.Unstable.First)
	}
	return w
}

func auditToWire(program, id string, a *pairing.EquityAudit) *v1.MatchingAudit {
	return &v1.MatchingAudit{
		Name: matchingName(program, id) + "/audit", Smallest: int32(a.Smallest), Everybody: groupToWire(a.All),
		Attributes: convert(a.Attributes, func(x pairing.AttributeAudit) *v1.AttributeAudit {
			return &v1.AttributeAudit{Attribute: x.Attribute, Groups: convert(x.Groups, groupToWire)}
		}),
	}
}

func groupToWire(g pairing.GroupAudit) *v1.GroupAudit {
	w := &v1.GroupAudit{
		Group: g.Name, Suppressed: g.Suppressed, MenteeCount: int32(g.Mentees), CoveredCount: int32(g.Covered),
		ScoreSum: g.Score, RegretSum: g.Regret, OpportunitySum: g.Opportunity, CoverageRatio: int32(g.CoverageRatio), ScoreRatio: int32(g.ScoreRatio),
	}
	if g.Gap != nil {
		w.Gap = &v1.AuditGap{Rule: g.Gap.Rule, MenteeCount: int32(g.Gap.Serves), PairCount: g.Gap.Blocked}
	}
	return w
}

func explainedPairToWire(program string, x *mentoring.PairExplanation) *v1.ExplainPairResponse {
	return &v1.ExplainPairResponse{
		Pair: pairToWire(program, x.Pair), Eligible: x.Eligible, BlockedBy: x.Blocked, Made: x.Made, Completeness: int32(x.Completeness),
		LeastLosses: convert(x.AtLeast, termToWire),
	}
}

func whyNotToWire(program string, x *mentoring.WhyNot) *v1.ExplainMissingPairResponse {
	w := &v1.ExplainMissingPairResponse{Explanation: explainedPairToWire(program, x.Explanation)}
	if x.Cost != nil {
		w.Cost = costToWire(program, x.Cost)
	}
	return w
}

func rulePricesToWire(r *mentoring.RulePrices) *v1.PriceMentoringRulesResponse {
	left := func(l mentoring.Left) *v1.ChoiceLeft {
		return &v1.ChoiceLeft{NoneCount: int32(l.None), FewCount: int32(l.Few)}
	}
	return &v1.PriceMentoringRulesResponse{
		MenteeCount: int32(r.Mentees), MentorCount: int32(r.Mentors), PairCount: r.Pairs, Now: left(r.Now),
		Rules: convert(r.Rules, func(p mentoring.RulePrice) *v1.RulePrice {
			return &v1.RulePrice{
				Rule: p.Rule, InForce: p.InForce, Liftable: p.Liftable, Alone: left(p.Alone), Changed: left(p.Changed), PairCount: p.Pairs,
			}
		}),
	}
}

func recruitmentToWire(r *mentoring.Recruitment) *v1.ExplainRecruitmentResponse {
	return &v1.ExplainRecruitmentResponse{
		UnservedCount: int32(r.Unserved), SeatCount: int32(r.Seats), MentorCount: int32(r.Mentors),
		Groups: convert(r.Groups, func(g mentoring.RecruitGroup) *v1.RecruitGroup {
			return &v1.RecruitGroup{
				Attribute: g.Attribute, Value: g.Value, Label: g.Label, MentorCount: int32(g.Mentors), SeatCount: int32(g.Seats),
				Worth: convert(g.Worth, termToWire), ServingCount: int32(g.Serving),
			}
		}),
		Kinds: convert(r.Kinds, func(k mentoring.RecruitKind) *v1.RecruitKind {
			return &v1.RecruitKind{
				Language: k.Language, LanguageLabel: k.LanguageLabel, Place: k.Place, PlaceLabel: k.PlaceLabel,
				ServesCount: int32(k.Serves), WaitingCount: int32(k.Waiting), MenteeCount: int32(k.Could), Topics: k.Topics, TopicLabels: k.TopicLabels,
			}
		}),
	}
}

func termToWire(t mentoring.Term) *v1.ObjectiveTerm {
	return &v1.ObjectiveTerm{Term: t.Name, Value: t.Value}
}

// ---- proposals and mentorships ----

func proposalToWire(p *mentoring.Proposal) *v1.Proposal {
	w := &v1.Proposal{
		Name: proposalName(p.Program, p.ID), State: v1.Proposal_State(proposalStates.number(string(p.State))),
		Mentee: menteeName(p.Program, p.Mentee), Mentor: mentorName(p.Program, p.Mentor), MenteeCode: p.MenteeCode, MentorCode: p.MentorCode,
		Reason: p.Reason, CreatedBy: p.ByHand, Score: int32(p.Score), Parts: convert(p.Parts, partToWire),
		MenteeTime: stamp(p.MenteeTime), MentorTime: stamp(p.MentorTime),
		DeclinedBy:    v1.MentoringRole(mentoringRoles.number(string(p.Decliner))),
		DeclineReason: v1.Proposal_DeclineReason(declineReasons.number(string(p.DeclineReason))), DeclineNote: p.DeclineNote,
		CreateTime: stamp(p.CreateTime), UpdateTime: stamp(p.UpdateTime), SendTime: stamp(p.SendTime), ExpireTime: stamp(p.ExpireTime), EndTime: stamp(p.EndTime),
	}
	if p.Revision > 0 { // else the caller must not count the changes
		w.Etag = etag(p.Revision)
	}
	if p.Matching != "" {
		w.Matching = matchingName(p.Program, p.Matching)
	}
	if p.Mentorship != "" {
		w.Mentorship = mentorshipName(p.Program, p.Mentorship)
	}
	return w
}

func mentorshipToWire(m *mentoring.Mentorship) *v1.Mentorship {
	return &v1.Mentorship{
		Name: mentorshipName(m.Program, m.ID), State: v1.Mentorship_State(mentorshipStates.number(string(m.State))),
		Mentee: menteeName(m.Program, m.Mentee), Mentor: mentorName(m.Program, m.Mentor), MenteeCode: m.MenteeCode, MentorCode: m.MentorCode,
		Proposal: proposalName(m.Program, m.Proposal),
		Meetings: convert(m.Meetings, func(x mentoring.Meeting) *v1.Meeting {
			return &v1.Meeting{
				Id: x.ID, Outcome: v1.Meeting_State(meetingStates.number(string(x.State))), StartTime: stamp(x.Time), Minutes: int32(x.Minutes), Place: x.Place,
				EnteredBy: v1.MentoringRole(mentoringRoles.number(string(x.By))),
			}
		}),
		Goals: convert(m.Goals, func(g mentoring.Goal) *v1.Goal {
			return &v1.Goal{
				Id: g.ID, Words: g.Words, Outcome: v1.Goal_State(goalStates.number(string(g.State))),
				EnteredBy: v1.MentoringRole(mentoringRoles.number(string(g.By))), EnterTime: stamp(g.Time),
			}
		}),
		MenteeSurvey: surveyToWire(m.MenteeSurvey), MentorSurvey: surveyToWire(m.MentorSurvey),
		EndReason: v1.Mentorship_EndReason(endReasons.number(string(m.EndReason))), EndedBy: v1.MentoringRole(mentoringRoles.number(string(m.EndedBy))),
		SafeExit: m.SafeExit, SafeExitBy: v1.MentoringRole(mentoringRoles.number(string(m.SafeExitFrom))), SafeExitHandled: m.Handled,
		Etag: etag(m.Revision), CreateTime: stamp(m.CreateTime), UpdateTime: stamp(m.UpdateTime), EndTime: stamp(m.EndTime),
	}
}

func surveyToWire(s *mentoring.Survey) *v1.ClosingSurvey {
	if s == nil {
		return nil
	}
	return &v1.ClosingSurvey{
		Helped: int32(s.Helped), Again: int32(s.Again), Fit: int32(s.Fit), Recommend: s.Recommend, Words: s.Words, AnswerTime: stamp(s.Time),
	}
}

func measuresToWire(m *mentoring.Measures) *v1.MentoringMeasures {
	w := &v1.MentoringMeasures{
		Name:        programName(m.Program) + "/mentoringMeasures",
		MentorCount: int32(m.Mentors), MenteeCount: int32(m.Mentees), WaitingCount: int32(m.Waiting), LongestWait: int32(m.LongestWait),
		MatchingCount: int32(m.Matchings), SentCount: int32(m.Sent), ConfirmedCount: int32(m.Confirmed), DeclinedCount: int32(m.Declined),
		ExpiredCount: int32(m.Expired), AcceptanceRate: int32(m.Acceptance), MentorshipCount: int32(m.Mentorships), LiveCount: int32(m.Live),
		DueMeetingCount: int32(m.FirstMeetings), EarlyMeetingCount: int32(m.FirstMeetingsInTime), EarlyMeetingRate: int32(m.FirstMeetingRate),
		PairCount: int32(m.Pairs), OverriddenCount: int32(m.Overridden), OverrideRate: int32(m.OverridesPer100),
		CompletedCount: int32(m.Completed), EndedEarlyCount: int32(m.EndedEarly), SurveyCount: int32(m.Surveys), HelpedMean: int32(m.Helped),
		Smallest: int32(m.Smallest),
	}
	if m.FirstResponse > 0 {
		w.FirstResponseDuration = durationpb.New(m.FirstResponse)
	}
	for _, reason := range slices.Sorted(maps.Keys(m.DeclineReasons)) {
		w.Declines = append(w.Declines, &v1.DeclineCount{
			Reason: v1.Proposal_DeclineReason(declineReasons.number(string(reason))), Count: int32(m.DeclineReasons[reason]),
		})
	}
	return w
}
