// Package access says who may do what. It is pure: a Principal and a
// permission in, yes or no out.
package access

import "slices"

// Role is a set of permissions, held for one program or for all.
type Role string

const (
	Administrator        Role = "ADMINISTRATOR" // installation; grants roles; reads no identity answers by this role
	ProgramAdministrator Role = "PROGRAM_ADMINISTRATOR"
	Facilitator          Role = "FACILITATOR"
	Coordinator          Role = "COORDINATOR"
	Reviewer             Role = "REVIEWER"
	PolicyApprover       Role = "POLICY_APPROVER"
	PrivacyOfficer       Role = "PRIVACY_OFFICER"
	Steward              Role = "STEWARD"
	Auditor              Role = "AUDITOR"
	Service              Role = "SERVICE"
	Applicant            Role = "APPLICANT" // by application token only; never granted
)

// Roles lists every role in the order of the access matrix.
var Roles = []Role{
	Administrator, ProgramAdministrator, Facilitator, Coordinator, Reviewer, PolicyApprover,
	PrivacyOfficer, Steward, Auditor, Service, Applicant,
}

// Grantable reports whether the role exists and can be granted: every role
// but Applicant, which only an application's own token holds.
func Grantable(r Role) bool { return r != Applicant && slices.Contains(Roles, r) }

// Opens reports whether a grant of the role lets anybody do anything yet.
func Opens(r Role) bool { return len(granted[r]) > 0 }

// Permission is what a method needs. Each method of the API declares one.
type Permission string

const (
	Public             Permission = "public"              // anybody, also without a token
	SignedIn           Permission = "signed-in"           // anybody with a valid token, about themselves
	ProgramsRead       Permission = "programs.read"       // drafts included
	ProgramsWrite      Permission = "programs.write"      // create, change, delete, form, texts
	ProgramsOpen       Permission = "programs.open"       // open, close, extend
	CriteriaWrite      Permission = "criteria.write"      // save and register criteria, check them
	PoliciesApprove    Permission = "policies.approve"    // approve the use of identity answers
	ApplicationsOwn    Permission = "applications.own"    // one's own application, or any with ApplicationsWrite
	ApplicationsRead   Permission = "applications.read"   // lists, codes, states; no identity answers
	ApplicationsWrite  Permission = "applications.write"  // on behalf of somebody, import; with IdentityRead: what opens somebody's application
	ApplicationsExport Permission = "applications.export" // the table without identity columns
	ApplicationsErase  Permission = "applications.erase"  // erase a person's application for good
	IdentityRead       Permission = "identity.read"       // identity answers and contact; every read is recorded
	SelectionsRun      Permission = "selections.run"      // start, cancel, publish
	SelectionsRead     Permission = "selections.read"     // runs and their results
	MatchingsRun       Permission = "matchings.run"
	MatchingsRead      Permission = "matchings.read"
	MatchingsOwn       Permission = "matchings.own" // one's own enrollment, its proposals and mentorships, or any with MatchingsRun
	NetworksOwn        Permission = "networks.own"  // one's own membership of a network and its introductions, or any with MatchingsRun
	ReviewsWrite       Permission = "reviews.write"
	TokensAdmin        Permission = "tokens.admin" // tokens, users, roles
	AuditRead          Permission = "audit.read"   // the audit log; held for a program: of that program
	KeysAdmin          Permission = "keys.admin"   // destroy a program with its key; only on the machine itself
)

// permissions lists every permission there is.
var permissions = []Permission{
	Public, SignedIn, ProgramsRead, ProgramsWrite, ProgramsOpen, CriteriaWrite, PoliciesApprove, ApplicationsOwn,
	ApplicationsRead, ApplicationsWrite, ApplicationsExport, IdentityRead, SelectionsRun, SelectionsRead,
	MatchingsRun, MatchingsRead, MatchingsOwn, NetworksOwn, ReviewsWrite, TokensAdmin, AuditRead, ApplicationsErase, KeysAdmin,
}

// Known reports whether there is such a permission: a method that declares
// another must not start.
func Known(p Permission) bool { return slices.Contains(permissions, p) }

// granted is the access matrix: what each role may do where it is held.
var granted = map[Role][]Permission{
	Administrator:        {ProgramsRead, ProgramsWrite, ProgramsOpen, TokensAdmin, KeysAdmin},
	ProgramAdministrator: {ProgramsRead, ProgramsWrite, ProgramsOpen, CriteriaWrite, ApplicationsOwn, ApplicationsRead, ApplicationsWrite, SelectionsRead},
	Facilitator:          {ProgramsRead, CriteriaWrite, ApplicationsOwn, ApplicationsRead, ApplicationsWrite, ApplicationsExport, IdentityRead, SelectionsRun, SelectionsRead},
	Coordinator:          {ProgramsRead, MatchingsRun, MatchingsRead, MatchingsOwn, NetworksOwn},
	Reviewer:             {ProgramsRead, ReviewsWrite},
	PolicyApprover:       {ProgramsRead, PoliciesApprove},
	PrivacyOfficer:       {ProgramsRead, AuditRead, ApplicationsOwn, ApplicationsRead, ApplicationsErase},
	Steward:              {},
	Auditor:              {AuditRead},
	Service:              {ProgramsRead, ApplicationsOwn, ApplicationsRead, ApplicationsWrite},
	Applicant:            {ApplicationsOwn},
}

// Grant is a role held for one program, or for all when Program is empty.
type Grant struct {
	Role    Role
	Program string
}

// Principal is who calls. The zero Principal is the public.
type Principal struct {
	// Subject names the caller in the audit log: "tokens/…", "users/…",
	// "applications/…"; empty for the public. It is never a person's name.
	Subject string
	Grants  []Grant
	// Token is the id of the staff token that was presented; empty for
	// applicants and the public.
	Token string
	// Program and Application are set for an applicant's own token, Program and
	// Enrollment for that of a mentor or a mentee, Program, Network and Member for
	// that of a member of a network.
	Program, Application, Enrollment, Network, Member string
}

// Can reports whether p holds the permission for the program (empty: for the
// installation as a whole, which only a grant for all programs gives). An
// applicant's token holds ApplicationsOwn in its own program, a mentor's or
// mentee's MatchingsOwn, a network member's NetworksOwn; that what is asked about
// is theirs is for Owns, Enrolled and MemberOf to say.
func (p Principal) Can(perm Permission, program string) bool {
	switch perm {
	case Public:
		return true
	case SignedIn:
		return p.Authenticated()
	}
	for _, g := range p.Grants {
		if (g.Program == "" || g.Program == program) && slices.Contains(granted[g.Role], perm) {
			return true
		}
	}
	if p.Program != program {
		return false
	}
	return p.holdsOwn(perm)
}

// holdsOwn reports whether p is of those whose own things the permission opens.
func (p Principal) holdsOwn(perm Permission) bool {
	return perm == ApplicationsOwn && p.Application != "" || perm == MatchingsOwn && p.Enrollment != "" || perm == NetworksOwn && p.Member != ""
}

// CanSomewhere reports whether p holds the permission for at least one
// program: the question for methods that list across programs.
func (p Principal) CanSomewhere(perm Permission) bool {
	if p.Can(perm, "") || p.holdsOwn(perm) {
		return true
	}
	for _, g := range p.Grants {
		if slices.Contains(granted[g.Role], perm) {
			return true
		}
	}
	return false
}

// Owns reports whether p is the applicant of this application.
func (p Principal) Owns(program, application string) bool {
	return p.Application != "" && p.Application == application && p.Program == program
}

// Enrolled reports whether p is the mentor or mentee of this enrollment.
func (p Principal) Enrolled(program, enrollment string) bool {
	return p.Enrollment != "" && p.Enrollment == enrollment && p.Program == program
}

// MemberOf reports whether p is this member of this network.
func (p Principal) MemberOf(program, network, member string) bool {
	return p.Member != "" && p.Member == member && p.Network == network && p.Program == program
}

// Authenticated reports whether p presented a valid token.
func (p Principal) Authenticated() bool { return p.Subject != "" }
