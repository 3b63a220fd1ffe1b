package server

import (
	"google.golang.org/protobuf/types/known/durationpb"

	v1 "github.com/openfairlead/fairlead/gen/fairlead/v1"
	"github.com/openfairlead/fairlead/introductions"
)

var (
	roundStates          = enumNames{"Round.State", "", v1.Round_State_value, v1.Round_State_name}
	roundStatuses        = enumNames{"RoundResult.Status", "", v1.RoundResult_Status_value, v1.RoundResult_Status_name}
	leftReasons          = enumNames{"LeftMember.Reason", "", v1.LeftMember_Reason_value, v1.LeftMember_Reason_name}
	absentReasons        = enumNames{"AbsentCount.Reason", "", v1.AbsentCount_Reason_value, v1.AbsentCount_Reason_name}
	introductionStates   = enumNames{"Introduction.State", "", v1.Introduction_State_value, v1.Introduction_State_name}
	introductionDeclines = enumNames{"Introduction.DeclineReason", "", v1.Introduction_DeclineReason_value, v1.Introduction_DeclineReason_name}
)

func networkName(p, n string) string          { return programName(p) + "/networks/" + n }
func memberName(p, n, id string) string       { return networkName(p, n) + "/members/" + id }
func roundName(p, n, id string) string        { return networkName(p, n) + "/rounds/" + id }
func introductionName(p, n, id string) string { return networkName(p, n) + "/introductions/" + id }

func networkToWire(n *introductions.Network) *v1.Network {
	return &v1.Network{
		Name: networkName(n.Program, n.ID), Title: n.Title, MinGroupSize: int32(n.MinSize), MaxGroupSize: int32(n.MaxSize),
		Different: n.Different, Spread: n.Spread, Shown: n.Shown,
		Points: convert(n.Points, func(p introductions.Points) *v1.IntroductionPoints {
			return &v1.IntroductionPoints{Attribute: p.Attribute, Points: int32(p.Points), Unlike: p.Unlike}
		}),
		AnswerTime: durationpb.New(n.AnswerTime), RoundCount: int32(n.Rounds), Etag: etag(n.Revision),
		CreateTime: stamp(n.CreateTime), UpdateTime: stamp(n.UpdateTime),
	}
}

func networkFromWire(w *v1.Network) *introductions.Network {
	return &introductions.Network{
		Title: w.GetTitle(), MinSize: int(w.GetMinGroupSize()), MaxSize: int(w.GetMaxGroupSize()),
		Different: w.GetDifferent(), Spread: w.GetSpread(), Shown: w.GetShown(),
		Points: convert(w.GetPoints(), func(p *v1.IntroductionPoints) introductions.Points {
			return introductions.Points{Attribute: p.GetAttribute(), Points: int(p.GetPoints()), Unlike: p.GetUnlike()}
		}),
		AnswerTime: durationOf(w.GetAnswerTime()),
	}
}

func memberToWire(m *introductions.Member) *v1.Member {
	return &v1.Member{
		Name: memberName(m.Program, m.Network, m.ID), Code: m.Code, Reference: m.Reference, Contact: networkContactToWire(m.Contact), Profile: m.Profile,
		Agreed: m.Agreed, AgreeTime: stamp(m.AgreeTime), Paused: m.Paused, RestDays: int32(m.RestDays), Erased: m.Erased,
		Never:       convert(m.Never, func(id string) string { return memberName(m.Program, m.Network, id) }),
		WaitedCount: int32(m.Waited), SkippedCount: int32(m.Skipped), IntroduceTime: stamp(m.IntroduceTime), EnrolledBy: m.OnBehalf,
		Etag: etag(m.Revision), CreateTime: stamp(m.CreateTime), UpdateTime: stamp(m.UpdateTime),
	}
}

func memberFromWire(w *v1.Member) *introductions.Member {
	c := w.GetContact()
	return &introductions.Member{
		Reference: w.GetReference(), Profile: w.GetProfile(), Agreed: w.GetAgreed(), Paused: w.GetPaused(), RestDays: int(w.GetRestDays()),
		Contact: introductions.Contact{Name: c.GetName(), Goes: c.GetPreferredName(), Email: c.GetEmail(), Phone: c.GetPhone()},
		Never:   convert(w.GetNever(), lastID),
	}
}

func networkContactToWire(c introductions.Contact) *v1.Contact {
	if c == (introductions.Contact{}) {
		return nil
	}
	return &v1.Contact{Name: c.Name, PreferredName: c.Goes, Email: c.Email, Phone: c.Phone}
}

func roundToWire(r *introductions.Round) *v1.Round {
	w := &v1.Round{
		Name: roundName(r.Program, r.Network, r.ID), State: v1.Round_State(roundStates.number(string(r.State))), Seed: r.Seed, WorkLimit: r.Work,
		BaseCount: int32(r.Base), PublishedNumber: int32(r.Number), CurrentStep: r.CurrentStep, Progress: r.Progress, CancelRequested: r.CancelAsked,
		MemberCount: int32(r.Members), GroupCount: int32(r.Groups), LeftCount: int32(r.Left), AbsentCount: int32(r.Absent), ErasedCount: int32(r.ErasedCount),
		InputDigest: r.InputDigest, Engine: r.Engine, CreatedBy: r.CreatedBy, PublishedBy: r.PublishedBy, Etag: etag(r.Revision),
		CreateTime: stamp(r.CreateTime), UpdateTime: stamp(r.UpdateTime), EndTime: stamp(r.DoneTime), PublishTime: stamp(r.PublishTime),
	}
	if r.ErrorReason != "" || r.Error != "" {
		w.Error = &v1.RoundError{Reason: r.ErrorReason, Message: r.Error}
	}
	return w
}

func roundResultToWire(program, network, id string, r *introductions.Result) *v1.RoundResult {
	named := func(id string) string { return memberName(program, network, id) }
	return &v1.RoundResult{
		Name: roundName(program, network, id) + "/result", Status: v1.RoundResult_Status(roundStatuses.number(r.Status)),
		Groups: convert(r.Groups, func(g introductions.Group) *v1.RoundGroup {
			return &v1.RoundGroup{
				Members: convert(g.Members, named), Codes: g.Codes, Score: int32(g.Score), ThirdScore: int32(g.Third),
				ClashCount: int32(g.Clashes), RepeatCount: int32(g.Repeats),
			}
		}),
		Left: convert(r.Left, func(l introductions.Left) *v1.LeftMember {
			return &v1.LeftMember{
				Member: named(l.Member), Code: l.Code, Reason: v1.LeftMember_Reason(leftReasons.number(string(l.Reason))),
				WaitedCount: int32(l.Waited), SkippedCount: int32(l.Skipped), RivalCount: int32(l.Rivals), PartCount: int32(l.Parts), OtherCount: int32(l.Others),
			}
		}),
		Absent: convert(r.Absent, func(a introductions.Absent) *v1.AbsentCount {
			return &v1.AbsentCount{Reason: v1.AbsentCount_Reason(absentReasons.number(string(a.Reason))), MemberCount: int32(a.Members)}
		}),
		LeftProved: r.LeftProved, TotalScore: r.Total, TotalProved: r.TotalProved,
	}
}

func introductionToWire(v *introductions.Shown) *v1.Introduction {
	w := &v1.Introduction{
		Name: introductionName(v.Program, v.Network, v.ID), State: v1.Introduction_State(introductionStates.number(string(v.State))),
		Round: roundName(v.Program, v.Network, v.Round),
		Members: convert(v.Sides, func(s introductions.Side) *v1.Introduced {
			return &v1.Introduced{
				Member: memberName(v.Program, v.Network, s.Member), Code: s.Code, Profile: v.Profiles[s.Member], Contact: networkContactToWire(v.Contacts[s.Member]),
			}
		}),
		CreateTime: stamp(v.CreateTime), UpdateTime: stamp(v.UpdateTime), ExpireTime: stamp(v.ExpireTime), EndTime: stamp(v.EndTime),
	}
	if v.Revision > 0 { // else the caller must not count the changes
		w.Etag = etag(v.Revision)
	}
	for _, s := range v.Sides {
		if s.Member == v.Own && s.Answer == introductions.Accepted {
			w.OwnAcceptTime = stamp(s.Time)
		}
	}
	for _, reason := range introductions.DeclineReasons {
		if n := v.Declines[reason]; n > 0 {
			w.Declines = append(w.Declines, &v1.DeclinedCount{Reason: v1.Introduction_DeclineReason(introductionDeclines.number(string(reason))), MemberCount: int32(n)})
		}
	}
	return w
}
