package access

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// matrix is the access matrix as a person reads it: one line a role, one
// column a permission in the order above, x where it is held. It is written a
// second time, by hand, so that a change of the code has to be meant.
const matrix = `
                        pub in  pR  pW  pO  cW  pol own aR  aW  aX  id  sR  sr  mR  mr  mo  no  rev tok aud era key
ADMINISTRATOR           x   x   x   x   x   .   .   .   .   .   .   .   .   .   .   .   .   .   .   x   .   .   x
PROGRAM_ADMINISTRATOR   x   x   x   x   x   x   .   x   x   x   .   .   .   x   .   .   .   .   .   .   .   .   .
FACILITATOR             x   x   x   .   .   x   .   x   x   x   x   x   x   x   .   .   .   .   .   .   .   .   .
COORDINATOR             x   x   x   .   .   .   .   .   .   .   .   .   .   .   x   x   x   x   .   .   .   .   .
REVIEWER                x   x   x   .   .   .   .   .   .   .   .   .   .   .   .   .   .   .   x   .   .   .   .
POLICY_APPROVER         x   x   x   .   .   .   x   .   .   .   .   .   .   .   .   .   .   .   .   .   .   .   .
PRIVACY_OFFICER         x   x   x   .   .   .   .   x   x   .   .   .   .   .   .   .   .   .   .   .   x   x   .
STEWARD                 x   x   .   .   .   .   .   .   .   .   .   .   .   .   .   .   .   .   .   .   .   .   .
AUDITOR                 x   x   .   .   .   .   .   .   .   .   .   .   .   .   .   .   .   .   .   .   x   .   .
SERVICE                 x   x   x   .   .   .   .   x   x   x   .   .   .   .   .   .   .   .   .   .   .   .   .
APPLICANT               x   x   .   .   .   .   .   x   .   .   .   .   .   .   .   .   .   .   .   .   .   .   .
`

// Every role, every permission, held for everything, for one program, and
// asked about that program, another one, and the installation.
func TestMatrix(t *testing.T) {
	lines := strings.Split(strings.TrimSpace(matrix), "\n")[1:]
	everybody := func(p Permission) bool { return p == Public || p == SignedIn } // whatever the program
	if len(lines) != len(Roles) {
		t.Fatalf("the matrix has %d roles, the package %d", len(lines), len(Roles))
	}
	checked := 0
	for i, line := range lines {
		cells := strings.Fields(line)
		role := Roles[i]
		if cells[0] != string(role) || len(cells) != len(permissions)+1 {
			t.Fatalf("line %d of the matrix is not about %s", i, role)
		}
		for j, perm := range permissions {
			holds := cells[j+1] == "x"
			everywhere := Principal{Subject: "users/u", Grants: []Grant{{Role: role}}}
			one := Principal{Subject: "users/u", Grants: []Grant{{Role: role, Program: "a"}}}
			for _, c := range []struct {
				name    string
				who     Principal
				program string
				want    bool
			}{
				{"everywhere, asked for the installation", everywhere, "", holds},
				{"everywhere, asked for a program", everywhere, "a", holds},
				{"one program, asked for it", one, "a", holds},
				{"one program, asked for another", one, "b", everybody(perm)},
				{"one program, asked for the installation", one, "", everybody(perm)},
			} {
				if got := c.who.Can(perm, c.program); got != c.want {
					t.Errorf("%s may %s (%s) = %v, want %v", role, perm, c.name, got, c.want)
				}
				checked++
			}
			if got := one.CanSomewhere(perm); got != (holds || everybody(perm)) {
				t.Errorf("%s may %s somewhere = %v", role, perm, got)
			}
		}
	}
	if want := len(Roles) * len(permissions) * 5; checked != want {
		t.Fatalf("checked %d cells, want %d", checked, want)
	}
}

// A permission granted in the code but missing in the test's list would not be
// looked at.
func TestEveryPermissionIsInTheMatrix(t *testing.T) {
	for role, perms := range granted {
		if !slices.Contains(Roles, role) {
			t.Errorf("%s is granted something but is not listed in Roles", role)
		}
		for _, p := range perms {
			if !slices.Contains(permissions, p) {
				t.Errorf("%s holds %s, which the matrix does not show", role, p)
			}
		}
	}
}

func TestGrantable(t *testing.T) {
	for _, r := range Roles {
		if got := Grantable(r); got != (r != Applicant) {
			t.Errorf("Grantable(%s) = %v", r, got)
		}
	}
	for _, r := range []Role{"", "ROOT", "administrator"} {
		if Grantable(r) {
			t.Errorf("a role %q can be granted", r)
		}
	}
}

func TestApplicant(t *testing.T) {
	who := Principal{Subject: "applications/1", Program: "a", Application: "1"}
	for _, perm := range permissions {
		for _, program := range []string{"", "a", "b"} {
			want := perm == Public || perm == SignedIn || perm == ApplicationsOwn && program == "a"
			if got := who.Can(perm, program); got != want {
				t.Errorf("an applicant's token may %s in %q = %v, want %v", perm, program, got, want)
			}
		}
	}
	for _, c := range []struct {
		program, application string
		want                 bool
	}{{"a", "1", true}, {"a", "2", false}, {"b", "1", false}, {"", "", false}} {
		if got := who.Owns(c.program, c.application); got != c.want {
			t.Errorf("owns %v = %v", c, got)
		}
	}
	if (Principal{}).Owns("", "") {
		t.Error("the public owns the application without an id")
	}
	if !who.CanSomewhere(ApplicationsOwn) || who.CanSomewhere(ApplicationsRead) {
		t.Error("an applicant reaches their own application somewhere, and no list")
	}
}

func TestEnrolled(t *testing.T) {
	who := Principal{Subject: "mentors/1", Program: "a", Enrollment: "1"}
	for _, perm := range permissions {
		for _, program := range []string{"", "a", "b"} {
			want := perm == Public || perm == SignedIn || perm == MatchingsOwn && program == "a"
			if got := who.Can(perm, program); got != want {
				t.Errorf("a mentor's token may %s in %q = %v, want %v", perm, program, got, want)
			}
		}
	}
	for _, c := range []struct {
		program, enrollment string
		want                bool
	}{{"a", "1", true}, {"a", "2", false}, {"b", "1", false}, {"", "", false}} {
		if got := who.Enrolled(c.program, c.enrollment); got != c.want {
			t.Errorf("enrolled %v = %v", c, got)
		}
	}
	if (Principal{}).Enrolled("", "") || who.Owns("a", "1") {
		t.Error("somebody owns what has no id, or an application by the id of an enrollment")
	}
	if !who.CanSomewhere(MatchingsOwn) || who.CanSomewhere(MatchingsRead) {
		t.Error("a mentor reaches their own enrollment somewhere, and no list")
	}
}

func TestMemberOf(t *testing.T) {
	who := Principal{Subject: "members/1", Program: "a", Network: "n", Member: "1"}
	for _, perm := range permissions {
		for _, program := range []string{"", "a", "b"} {
			want := perm == Public || perm == SignedIn || perm == NetworksOwn && program == "a"
			if got := who.Can(perm, program); got != want {
				t.Errorf("a member's token may %s in %q = %v, want %v", perm, program, got, want)
			}
		}
	}
	for _, c := range []struct {
		program, network, member string
		want                     bool
	}{{"a", "n", "1", true}, {"a", "n", "2", false}, {"a", "m", "1", false}, {"b", "n", "1", false}, {"", "", "", false}} {
		if got := who.MemberOf(c.program, c.network, c.member); got != c.want {
			t.Errorf("member of %v = %v", c, got)
		}
	}
	if (Principal{}).MemberOf("", "", "") || who.Enrolled("a", "1") || who.Owns("a", "1") {
		t.Error("somebody is the member without an id, or owns something else by the id of one")
	}
	if !who.CanSomewhere(NetworksOwn) || who.CanSomewhere(MatchingsOwn) {
		t.Error("a member reaches their own network somewhere, and no enrollment")
	}
}

func TestPublic(t *testing.T) {
	var nobody Principal
	for _, perm := range permissions {
		if got := nobody.Can(perm, "a"); got != (perm == Public) {
			t.Errorf("the public may %s = %v", perm, got)
		}
	}
	if nobody.Authenticated() {
		t.Error("the public is authenticated")
	}
}

// Several roles of one person add up, each within its own program.
func TestRolesAddUp(t *testing.T) {
	who := Principal{Subject: "users/u", Grants: []Grant{{Role: Reviewer, Program: "a"}, {Role: Facilitator, Program: "b"}}}
	for _, c := range []struct {
		perm    Permission
		program string
		want    bool
	}{
		{ReviewsWrite, "a", true},
		{ReviewsWrite, "b", false},
		{IdentityRead, "b", true},
		{IdentityRead, "a", false},
	} {
		if got := who.Can(c.perm, c.program); got != c.want {
			t.Errorf("%s in %s = %v, want %v", c.perm, c.program, got, c.want)
		}
	}
}

// No role that opens calls or grants roles also reads identity answers.
func TestAdministratorsReadNoIdentity(t *testing.T) {
	for role, perms := range granted {
		if slices.Contains(perms, IdentityRead) && (slices.Contains(perms, TokensAdmin) || slices.Contains(perms, ProgramsOpen)) {
			t.Error(fmt.Sprint(role, " administers and reads identity answers"))
		}
	}
}
