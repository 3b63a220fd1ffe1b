package server

import (
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/openfairlead/fairlead/applications"
	v1 "github.com/openfairlead/fairlead/gen/fairlead/v1"
)

var (
	programStates = enumNames{"Program.State", "", v1.Program_State_value, v1.Program_State_name}
	kinds         = enumNames{"Attribute.Kind", "", v1.Attribute_Kind_value, v1.Attribute_Kind_name}
	sensitivities = enumNames{"Attribute.Sensitivity", "", v1.Attribute_Sensitivity_value, v1.Attribute_Sensitivity_name}
	purposes      = enumNames{"Attribute.Purpose", "", v1.Attribute_Purpose_value, v1.Attribute_Purpose_name}
)

// ---- programs ----

func programToWire(p *applications.Program) *v1.Program {
	return &v1.Program{
		Name:  programName(p.ID),
		State: v1.Program_State(programStates.number(string(p.State))),
		Title: p.Title, Summary: p.Summary, Audience: p.Audience, Effort: p.Effort,
		SelectionNote: p.Selected, Contact: p.Contact, Region: p.Region,
		Preset: presetName(p.Preset), CodePrefix: p.CodePrefix,
		MinSeats: int32(p.MinSeats), Seats: int32(p.Seats),
		Window:       windowToWire(p.Window),
		Form:         formName(p.ID, p.FormVersion),
		Criteria:     criteriaName(p.ID, p.CriteriaVersion),
		PublicAgency: p.PublicAgency, ApplicationCount: int32(p.ApplicationCount),
		Etag:       etag(p.Revision),
		CreateTime: stamp(p.CreateTime), UpdateTime: stamp(p.UpdateTime),
		OpenTime: stamp(p.OpenTime), CloseTime: stamp(p.CloseTime),
	}
}

// programFromWire takes what callers may set; the rest is the server's.
func programFromWire(w *v1.Program) *applications.Program {
	p := &applications.Program{
		Title: text(w.GetTitle()), Summary: text(w.GetSummary()), Audience: text(w.GetAudience()), Effort: text(w.GetEffort()),
		Selected: text(w.GetSelectionNote()), Contact: text(w.GetContact()), Region: text(w.GetRegion()),
		CodePrefix: w.GetCodePrefix(), MinSeats: int(w.GetMinSeats()), Seats: int(w.GetSeats()),
		PublicAgency: w.GetPublicAgency(),
	}
	if w.GetName() != "" {
		p.ID = programID(w.GetName())
	}
	if w.GetPreset() != "" {
		p.Preset = lastID(w.GetPreset())
	}
	if win := w.GetWindow(); win != nil {
		p.Window = applications.Window{
			Opens: timeOf(win.GetOpenTime()), Closes: timeOf(win.GetCloseTime()),
			Zone: win.GetTimeZone(), GraceMinutes: int(win.GetGraceMinutes()),
		}
	}
	return p
}

func windowToWire(w applications.Window) *v1.Window {
	if w == (applications.Window{}) {
		return nil
	}
	return &v1.Window{
		OpenTime: stamp(w.Opens), CloseTime: stamp(w.Closes),
		TimeZone: w.Zone, GraceMinutes: int32(w.GraceMinutes),
	}
}

// ---- forms ----

func formToWire(f *applications.Form) *v1.Form {
	w := &v1.Form{
		Version: int32(f.Version), Digest: f.Digest,
		Attributes:  convert(f.Attributes, attributeToWire),
		Pages:       convert(f.Pages, pageToWire),
		Eligibility: convert(f.Eligibility, conditionToWire),
		Consents:    convert(f.Consents, consentTextToWire),
	}
	if f.Program != "" {
		w.Name = formName(f.Program, f.Version)
	}
	return w
}

func formFromWire(w *v1.Form) (*applications.Form, error) {
	f := &applications.Form{
		Pages:       convert(w.GetPages(), pageFromWire),
		Eligibility: convert(w.GetEligibility(), conditionFromWire),
		Consents:    convert(w.GetConsents(), consentTextFromWire),
	}
	for _, a := range w.GetAttributes() {
		attribute, err := attributeFromWire(a)
		if err != nil {
			return nil, err
		}
		f.Attributes = append(f.Attributes, attribute)
	}
	return f, nil
}

// ParseForm reads a form as the REST API answers it, for clients of this
// program's own.
func ParseForm(json []byte) (*applications.Form, error) {
	w := &v1.Form{}
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(json, w); err != nil {
		return nil, err
	}
	return formFromWire(w)
}

func attributeToWire(a applications.Attribute) *v1.Attribute {
	w := &v1.Attribute{
		Key: a.Key, Kind: v1.Attribute_Kind(kinds.number(string(a.Kind))),
		Question: a.Question, Hint: a.Hint, Why: a.Why, Label: a.Label,
		Values: convert(a.Values, valueToWire), MaxValues: int32(a.MaxValues),
		DerivedFrom: a.DerivedFrom, VisibleWhen: conditionPointerToWire(a.VisibleWhen),
		Required: a.Required, Decline: a.Decline,
		Sensitivity: v1.Attribute_Sensitivity(sensitivities.number(string(a.Sensitivity))),
		Purposes: convert(a.Purposes, func(p applications.Purpose) v1.Attribute_Purpose {
			return v1.Attribute_Purpose(purposes.number(string(p)))
		}),
		Source: a.Source, MaxLength: int32(a.MaxLength),
	}
	if q := a.Qualifier; q != nil {
		w.Qualifier = &v1.Qualifier{Key: q.Key, Label: q.Label, Values: convert(q.Values, valueToWire)}
	}
	return w
}

func attributeFromWire(w *v1.Attribute) (applications.Attribute, error) {
	a := applications.Attribute{
		Key: w.GetKey(), Question: text(w.GetQuestion()), Hint: text(w.GetHint()), Why: text(w.GetWhy()), Label: text(w.GetLabel()),
		Values: convert(w.GetValues(), valueFromWire), MaxValues: int(w.GetMaxValues()),
		DerivedFrom: w.GetDerivedFrom(), VisibleWhen: conditionPointerFromWire(w.GetVisibleWhen()),
		Required: w.GetRequired(), Decline: w.GetDecline(), Source: w.GetSource(), MaxLength: int(w.GetMaxLength()),
	}
	kind, err := kinds.word(int32(w.GetKind()))
	if err != nil {
		return a, err
	}
	sensitivity, err := sensitivities.word(int32(w.GetSensitivity()))
	if err != nil {
		return a, err
	}
	a.Kind, a.Sensitivity = applications.AttributeKind(kind), applications.Sensitivity(sensitivity)
	for _, n := range w.GetPurposes() {
		purpose, err := purposes.word(int32(n))
		if err != nil {
			return a, err
		}
		a.Purposes = append(a.Purposes, applications.Purpose(purpose))
	}
	if q := w.GetQualifier(); q != nil {
		a.Qualifier = &applications.Qualifier{Key: q.GetKey(), Label: text(q.GetLabel()), Values: convert(q.GetValues(), valueFromWire)}
	}
	return a, nil
}

func valueToWire(v applications.Value) *v1.AttributeValue {
	return &v1.AttributeValue{
		Code: v.Code, Label: v.Label, Exclusive: v.Exclusive, WriteIn: v.WriteIn, Health: v.Health, Uncounted: v.Uncounted,
		VisibleWhen: conditionPointerToWire(v.VisibleWhen), Benchmark: benchmarkToWire(v.Benchmark), Rollup: rollupToWire(v.Rollup),
	}
}

func rollupToWire(r *applications.Rollup) *v1.Rollup {
	if r == nil {
		return nil
	}
	return &v1.Rollup{Any: r.Any, Only: r.Only, AtLeast: int32(r.AtLeast)}
}

func valueFromWire(w *v1.AttributeValue) applications.Value {
	v := applications.Value{
		Code: w.GetCode(), Label: text(w.GetLabel()), Exclusive: w.GetExclusive(), WriteIn: w.GetWriteIn(),
		Health: w.GetHealth(), Uncounted: w.GetUncounted(), VisibleWhen: conditionPointerFromWire(w.GetVisibleWhen()),
	}
	if b := w.GetBenchmark(); b != nil {
		v.Benchmark = &applications.Benchmark{Share: b.GetShare(), Basis: b.GetBasis(), Source: b.GetSource()}
	}
	if r := w.GetRollup(); r != nil {
		v.Rollup = &applications.Rollup{Any: r.GetAny(), Only: r.GetOnly(), AtLeast: int(r.GetAtLeast())}
	}
	return v
}

func benchmarkToWire(b *applications.Benchmark) *v1.Benchmark {
	if b == nil {
		return nil
	}
	return &v1.Benchmark{Share: b.Share, Basis: b.Basis, Source: b.Source}
}

func conditionToWire(c applications.Condition) *v1.Condition {
	return &v1.Condition{Attribute: c.Attribute, Values: c.Values}
}

func conditionFromWire(w *v1.Condition) applications.Condition {
	return applications.Condition{Attribute: w.GetAttribute(), Values: w.GetValues()}
}

func conditionPointerToWire(c *applications.Condition) *v1.Condition {
	if c == nil {
		return nil
	}
	return conditionToWire(*c)
}

func conditionPointerFromWire(w *v1.Condition) *applications.Condition {
	if w == nil {
		return nil
	}
	c := conditionFromWire(w)
	return &c
}

func pageToWire(p applications.Page) *v1.FormPage {
	return &v1.FormPage{Key: p.Key, Title: p.Title, Attributes: p.Attributes}
}

func pageFromWire(w *v1.FormPage) applications.Page {
	return applications.Page{Key: w.GetKey(), Title: text(w.GetTitle()), Attributes: w.GetAttributes()}
}

func consentTextToWire(c applications.ConsentText) *v1.ConsentText {
	return &v1.ConsentText{Key: c.Key, Text: c.Text, Required: c.Required, Health: c.Health}
}

func consentTextFromWire(w *v1.ConsentText) applications.ConsentText {
	return applications.ConsentText{Key: w.GetKey(), Text: text(w.GetText()), Required: w.GetRequired(), Health: w.GetHealth()}
}

// ---- policies ----

func policyToWire(p *applications.Policy) *v1.Policy {
	return &v1.Policy{
		Name: policyName(p.Program, p.ID), Attributes: p.Attributes,
		Purpose:  v1.Attribute_Purpose(purposes.number(string(p.Purpose))),
		Approver: p.Approver, SecondApprover: p.SecondApprover, RecordedBy: p.RecordedBy, Reason: p.Reason,
		ApproveTime: stamp(p.ApproveTime), ExpireTime: stamp(p.ExpireTime), RevokeTime: stamp(p.RevokeTime),
		Etag: etag(p.Revision),
	}
}

func policyFromWire(program string, w *v1.Policy) *applications.Policy {
	return &applications.Policy{
		Program: program, Attributes: w.GetAttributes(), Purpose: applications.ForBalance,
		Approver: w.GetApprover(), SecondApprover: w.GetSecondApprover(), Reason: w.GetReason(),
		ApproveTime: timeOf(w.GetApproveTime()), ExpireTime: timeOf(w.GetExpireTime()),
	}
}

// ---- presets ----

func presetToWire(p *applications.Preset) *v1.Preset {
	w := &v1.Preset{
		Name: presetName(p.ID), Version: p.Version, Title: p.Title, Description: p.Description,
		Program: programToWire(&p.Program), Form: formToWire(&p.Form), Sources: p.Sources,
	}
	// A program to be made has neither a name nor a state nor times.
	w.Program.Name, w.Program.Etag, w.Program.State = "", "", 0
	w.Program.CreateTime, w.Program.UpdateTime = (*timestamppb.Timestamp)(nil), nil
	for _, name := range p.CriteriaName {
		c := p.Criteria[name]
		wire := criteriaToWire(&c)
		wire.Name = ""
		w.Criteria = append(w.Criteria, wire)
	}
	return w
}
