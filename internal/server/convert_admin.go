package server

import (
	"strconv"

	"github.com/openfairlead/fairlead/applications"
	v1 "github.com/openfairlead/fairlead/gen/fairlead/v1"
	"github.com/openfairlead/fairlead/internal/access"
)

var roles = enumNames{"Role", "ROLE_", v1.Role_value, v1.Role_name}

func grantsToWire(grants []access.Grant) []*v1.Grant {
	return convert(grants, func(g access.Grant) *v1.Grant {
		return &v1.Grant{Role: v1.Role(roles.number(string(g.Role))), Program: prefixed("programs/", g.Program)}
	})
}

func grantsFromWire(wire []*v1.Grant) ([]access.Grant, error) {
	var grants []access.Grant
	for _, w := range wire {
		role, err := roles.word(int32(w.GetRole()))
		if err != nil {
			return nil, err
		}
		g := access.Grant{Role: access.Role(role)}
		if w.GetProgram() != "" {
			g.Program = programID(w.GetProgram())
		}
		grants = append(grants, g)
	}
	return grants, nil
}

func userToWire(u *applications.User) *v1.User {
	return &v1.User{
		Name: userName(u.ID), DisplayName: u.Name, Grants: grantsToWire(u.Grants), Disabled: u.Disabled,
		Etag: etag(u.Revision), CreateTime: stamp(u.CreateTime),
	}
}

// tokenToWire never carries a secret: only CreateToken's answer does.
func tokenToWire(t *applications.Token) *v1.Token {
	return &v1.Token{
		Name: tokenName(t.ID), User: userName(t.User), Label: t.Label, Grants: grantsToWire(t.Grants),
		CreateTime: stamp(t.CreateTime), ExpireTime: stamp(t.ExpireTime), RevokeTime: stamp(t.RevokeTime),
	}
}

func tokenFromWire(w *v1.Token) (*applications.Token, error) {
	grants, err := grantsFromWire(w.GetGrants())
	if err != nil {
		return nil, err
	}
	t := &applications.Token{Label: w.GetLabel(), Grants: grants, ExpireTime: timeOf(w.GetExpireTime())}
	if w.GetUser() != "" {
		t.User = lastID(w.GetUser())
	}
	return t, nil
}

func eventToWire(e applications.Event) *v1.AuditEvent {
	return &v1.AuditEvent{
		Name: "auditEvents/" + strconv.FormatInt(e.Index, 10), EventTime: stamp(e.Time), Actor: e.Actor,
		Action: e.Action, Resource: e.Resource, Reason: e.Reason, Detail: e.Detail,
	}
}
