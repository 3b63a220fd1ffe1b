package demo

import (
	"slices"
	"time"
)

// The parts of the API's messages that the demo uses, in their JSON form.

type text map[string]string

type programMessage struct {
	Name    string         `json:"name,omitempty"`
	State   string         `json:"state,omitempty"`
	Title   text           `json:"title,omitempty"`
	Contact text           `json:"contact,omitempty"`
	Preset  string         `json:"preset,omitempty"`
	Seats   int            `json:"seats,omitempty"`
	Window  *windowMessage `json:"window,omitempty"`
}

type windowMessage struct {
	OpenTime  time.Time `json:"openTime"`
	CloseTime time.Time `json:"closeTime"`
	TimeZone  string    `json:"timeZone"`
}

type formMessage struct {
	Name       string
	Attributes []attributeMessage
	Pages      []struct{ Attributes []string }
	Consents   []struct{ Key string }
}

type attributeMessage struct {
	Key               string
	Kind              string
	Label             text
	Values            []valueMessage
	MaxValues         int
	Qualifier         *struct{ Values []valueMessage }
	Required, Decline bool
	VisibleWhen       *conditionMessage
	Sensitivity       string
}

type valueMessage struct {
	Code               string
	Label              text
	Exclusive, WriteIn bool
	VisibleWhen        *conditionMessage
}

type conditionMessage struct {
	Attribute string
	Values    []string
}

type presetMessage struct {
	Criteria []map[string]any
}

type criteriaMessage struct {
	Name, Title string
}

type policyMessage struct {
	Attributes []string  `json:"attributes"`
	Approver   string    `json:"approver"`
	Reason     string    `json:"reason"`
	ExpireTime time.Time `json:"expireTime"`
}

type applicationMessage struct {
	Name     string                   `json:"name,omitempty"`
	Code     string                   `json:"code,omitempty"`
	State    string                   `json:"state,omitempty"`
	Contact  contactMessage           `json:"contact"`
	Answers  map[string]answerMessage `json:"answers"`
	Consents []consentMessage         `json:"consents"`
	Language string                   `json:"language,omitempty"`
}

type contactMessage struct {
	Name  string `json:"name"`
	Email string `json:"email,omitempty"`
	Phone string `json:"phone,omitempty"`
}

type answerMessage struct {
	Values     []string                  `json:"values,omitempty"`
	Qualifiers map[string]qualifierCodes `json:"qualifiers,omitempty"`
	Text       string                    `json:"text,omitempty"`
	Declined   bool                      `json:"declined,omitempty"`
}

type qualifierCodes struct {
	Codes []string `json:"codes"`
}

type consentMessage struct {
	Key string `json:"key"`
}

type accessMessage struct {
	Application       applicationMessage
	Token, ReturnCode string
}

type selectionMessage struct {
	Name       string                            `json:"name,omitempty"`
	State      string                            `json:"state,omitempty"`
	Criteria   string                            `json:"criteria,omitempty"`
	SeedKind   string                            `json:"seedKind,omitempty"`
	SeedSource string                            `json:"seedSource,omitempty"`
	Provenance string                            `json:"provenance,omitempty"`
	Seal       *sealMessage                      `json:"seal,omitempty"`
	Draws      []drawMessage                     `json:"draws,omitempty"`
	Error      *struct{ Reason, Message string } `json:"error,omitempty"`
}

type sealMessage struct {
	Digest, PoolRoot, BookDigest string
	PoolSize, CohortCount        int
	Chances                      struct {
		Proved                        bool
		Smallest, Largest             int // billionths
		CertainCount, ImpossibleCount int
		NeedsConfirmation             bool
	}
}

type drawMessage struct {
	Value  string
	Ticket int
}

type resultMessage struct {
	Status     string
	Provenance string
	Groups     []groupMessage
	Rules      []ruleMessage
	Size       struct{ Wanted, Got, Bound int }
	Deviations []struct {
		Priority     int
		Value, Bound int64 `json:",string"`
	}
}

type groupMessage struct{ Members []memberMessage }

type memberMessage struct {
	Application, Code string
	Chance            int // millionths
	Answers           map[string]answerMessage
}

type ruleMessage struct {
	Attribute    string
	Values       []string
	Group, Label text
	Kind         string
	Min, Max     int
	Priority     int
	Pool, Count  int
	Short, Over  int
}

type linkMessage struct{ Code, URI string }

// questions turns the form's message into what the generator needs, in the
// order in which the form asks.
func (f *formMessage) questions() []question {
	byKey := map[string]attributeMessage{}
	for _, a := range f.Attributes {
		byKey[a.Key] = a
	}
	var all []question
	for _, p := range f.Pages {
		for _, key := range p.Attributes {
			a, ok := byKey[key]
			if !ok {
				continue
			}
			q := question{
				Key: a.Key, Kind: a.Kind, MaxValues: a.MaxValues, Required: a.Required,
				Decline: a.Decline, When: a.VisibleWhen.condition(),
			}
			for _, v := range a.Values {
				q.Values = append(q.Values, value{v.Code, v.Exclusive, v.WriteIn, v.VisibleWhen.condition()})
			}
			if a.Qualifier != nil {
				for _, v := range a.Qualifier.Values {
					q.Qualifier = append(q.Qualifier, v.Code)
				}
			}
			all = append(all, q)
		}
	}
	return all
}

func (c *conditionMessage) condition() *condition {
	if c == nil {
		return nil
	}
	return &condition{c.Attribute, c.Values}
}

// application is the message that submits p. All consents are given: an
// invented person has nothing to lose.
func (f *formMessage) application(p person) applicationMessage {
	m := applicationMessage{
		Contact: contactMessage{p.Name, p.Email, p.Phone},
		Answers: map[string]answerMessage{}, Language: "en",
	}
	for key, a := range p.Answers {
		am := answerMessage{Values: a.Values, Text: a.Text, Declined: a.Declined}
		for v, codes := range a.Qualifiers {
			if am.Qualifiers == nil {
				am.Qualifiers = map[string]qualifierCodes{}
			}
			am.Qualifiers[v] = qualifierCodes{codes}
		}
		m.Answers[key] = am
	}
	for _, c := range f.Consents {
		m.Consents = append(m.Consents, consentMessage{c.Key})
	}
	return m
}

// label is the label of a value in a table, or the code itself.
func (f *formMessage) label(attribute, code string) string {
	for _, a := range f.Attributes {
		if a.Key != attribute {
			continue
		}
		if i := slices.IndexFunc(a.Values, func(v valueMessage) bool { return v.Code == code }); i >= 0 {
			return a.Values[i].Label["en"]
		}
	}
	return code
}
