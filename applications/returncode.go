package applications

import (
	"crypto/hmac"
	"encoding/base64"
	"encoding/binary"
	"strings"

	"github.com/openfairlead/fairlead/internal/logbook"
)

// Labels of the keys that applicants' secrets are derived with.
const (
	labelApplicantToken = "applicant token"
	labelReturnCode     = "return code"
	labelReturnCodeHash = "return code hash"
)

const applicantPrefix = "fla_"

// applicantToken derives an application's token. It carries the program and
// the id, so that it can be looked up, and a MAC over them and the generation:
// a new generation revokes it.
func (s *Service) applicantToken(program, id string, generation int) string {
	raw := make([]byte, 0, 32+16+len(program))
	raw = append(raw, s.Secrets.MAC(labelApplicantToken, secretOf(program, id, generation))...)
	uuid, ok := logbook.ReadUUID(id)
	if !ok {
		panic("the id of an application is not a UUID")
	}
	raw = append(raw, uuid[:]...)
	raw = append(raw, program...)
	return applicantPrefix + base64.RawURLEncoding.EncodeToString(raw)
}

// readApplicantToken takes a token apart. It proves nothing yet.
func readApplicantToken(token string) (program, id string, ok bool) {
	text, ok := strings.CutPrefix(token, applicantPrefix)
	if !ok || len(token) > 200 {
		return "", "", false
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(raw) <= 32+16 {
		return "", "", false
	}
	program = string(raw[32+16:])
	return program, logbook.UUID([16]byte(raw[32 : 32+16])), programShape.MatchString(program)
}

// tokenIsOf reports whether the token is the application's present one.
func (s *Service) tokenIsOf(token string, a *Application) bool {
	want := s.applicantToken(a.Program, a.ID, a.TokenGeneration)
	return a.State != Erased && hmac.Equal([]byte(token), []byte(want))
}

// secretOf is what applicants' secrets are derived from, unambiguous because a
// program's id has no zero byte.
func secretOf(program, id string, generation int) []byte {
	b := append([]byte(program), 0)
	b = append(b, id...)
	return binary.BigEndian.AppendUint64(append(b, 0), uint64(generation))
}

// crockford is the alphabet of return codes: digits and letters without I, L,
// O and U, which are misread.
const crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

const returnCodeLength = 12 // characters of 5 bits

// returnCode derives the code for people: three groups of four.
func (s *Service) returnCode(program, id string, generation int) string {
	bits := binary.BigEndian.Uint64(s.Secrets.MAC(labelReturnCode, secretOf(program, id, generation)))
	var b strings.Builder
	for i := range returnCodeLength {
		if i > 0 && i%4 == 0 {
			b.WriteByte('-')
		}
		b.WriteByte(crockford[bits>>(64-5*(i+1))&31])
	}
	return b.String()
}

// returnCodeHash is what a code is looked up by. It is keyed: 60 bits could be
// searched through by whoever has the database.
func (s *Service) returnCodeHash(program, code string) []byte {
	return s.Secrets.MAC(labelReturnCodeHash, []byte(program+"\x00"+code))
}

// normalReturnCode reads a code as people type it: any case, with or without
// dashes and blanks, O for 0, I or L for 1.
func normalReturnCode(typed string) (string, bool) {
	var b strings.Builder
	n := 0
	for _, r := range strings.ToUpper(typed) {
		switch r {
		case ' ', '-', '\t', '\u00a0', '‐', '‑', '–', '—', '.':
			continue
		case 'O':
			r = '0'
		case 'I', 'L':
			r = '1'
		}
		if !strings.ContainsRune(crockford, r) || n == returnCodeLength {
			return "", false
		}
		if n > 0 && n%4 == 0 {
			b.WriteByte('-')
		}
		b.WriteRune(r)
		n++
	}
	return b.String(), n == returnCodeLength
}
