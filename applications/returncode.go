package applications

import "github.com/openfairlead/fairlead/internal/calls"

// Labels of the keys that applicants' secrets are derived with.
const (
	labelReturnCode     = "return code"
	labelReturnCodeHash = "return code hash"
)

// applicantTokens are what applicants authenticate with.
var applicantTokens = calls.TokenKind{Prefix: "fla_", Label: "applicant token"}

// returnCode derives the code for people: three groups of four.
func (s *Service) returnCode(program, id string, generation int) string {
	return calls.Code(s.Secrets.MAC(labelReturnCode, calls.SecretOf(program, id, generation)))
}

// returnCodeHash is what a code is looked up by. It is keyed: 60 bits could be
// searched through by whoever has the database.
func (s *Service) returnCodeHash(program, code string) []byte {
	return s.Secrets.MAC(labelReturnCodeHash, []byte(program+"\x00"+code))
}
