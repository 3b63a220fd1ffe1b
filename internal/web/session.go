package web

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"time"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/access"
)

// sealer encrypts what is handed to browsers to keep: sessions, and a form
// whose session was lost. AES-256-GCM under a key derived from the master key;
// the purpose is bound as associated data.
type sealer struct{ aead cipher.AEAD }

func newSealer(secrets applications.Secrets) sealer {
	block, err := aes.NewCipher(secrets.MAC("web/seal", []byte("AES-256-GCM")))
	if err != nil {
		panic(err) // the MAC is 32 bytes by contract
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err)
	}
	return sealer{aead}
}

func (s sealer) seal(purpose string, v any) string {
	plain, err := json.Marshal(v)
	if err != nil {
		panic(err) // only structs of this package are sealed
	}
	return base64.RawURLEncoding.EncodeToString(s.aead.Seal(nil, nil, plain, []byte(purpose)))
}

func (s sealer) open(purpose, sealed string, v any) bool {
	b, err := base64.RawURLEncoding.DecodeString(sealed)
	if err != nil {
		return false
	}
	plain, err := s.aead.Open(nil, nil, b, []byte(purpose))
	return err == nil && json.Unmarshal(plain, v) == nil
}

// applicantSession says which application a browser may open. One cookie per
// program, so that one person can apply to several. The cookie ends with the
// browser session: people apply on shared computers, and the return code
// brings them back.
type applicantSession struct {
	Program, Application string
	// Generation is the application's token generation when the session began:
	// a new return code given by staff ends the sessions before it.
	Generation int
	ReturnCode string `json:",omitempty"`
	Expires    time.Time
}

// staffSession names the staff token that was pasted, or that a sign-in link
// stands for: by its id, never the token itself.
type staffSession struct {
	Token   string
	Expires time.Time
}

const (
	applicantSessionLasts = 24 * time.Hour // since the last page
	staffSessionLasts     = 8 * time.Hour  // since signing in
)

func (s *server) cookieName(name string) string {
	if s.Secure {
		return "__Host-" + name
	}
	return name
}

func (s *server) setCookie(w http.ResponseWriter, name, value string) {
	c := &http.Cookie{
		Name: s.cookieName(name), Value: value, Path: "/",
		HttpOnly: true, Secure: s.Secure, SameSite: http.SameSiteLaxMode,
	}
	if value == "" {
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
}

func (s *server) readCookie(r *http.Request, name string) string {
	c, err := r.Cookie(s.cookieName(name))
	if err != nil {
		return ""
	}
	return c.Value
}

func applicantCookie(program string) string { return "fairlead-apply-" + program }

const staffCookie = "fairlead-staff"

// applicant returns the session of the program in the path, or nil.
func (s *server) applicant(r *http.Request, program string) *applicantSession {
	var a applicantSession
	name := applicantCookie(program)
	if !s.sealer.open(name, s.readCookie(r, name), &a) || a.Program != program || !s.Now().Before(a.Expires) {
		return nil
	}
	return &a
}

func (s *server) keepApplicant(w http.ResponseWriter, a applicantSession) {
	a.Expires = s.Now().Add(applicantSessionLasts)
	name := applicantCookie(a.Program)
	s.setCookie(w, name, s.sealer.seal(name, a))
}

func (s *server) dropApplicant(w http.ResponseWriter, program string) {
	s.setCookie(w, applicantCookie(program), "")
}

func (a *applicantSession) principal() access.Principal {
	return access.Principal{
		Subject: "applications/" + a.Application, Program: a.Program, Application: a.Application,
	}
}

func (s *server) keepStaff(w http.ResponseWriter, who access.Principal) {
	session := staffSession{Token: who.Token, Expires: s.Now().Add(staffSessionLasts)}
	s.setCookie(w, staffCookie, s.sealer.seal(staffCookie, session))
}

var errSignIn = applications.Errorf(applications.Unauthenticated, "SIGN_IN", "sign in to see this page")

// staff returns who is signed in as staff, as of now: a token that was revoked
// meanwhile no longer opens anything.
func (s *server) staff(r *http.Request) (access.Principal, error) {
	var session staffSession
	if !s.sealer.open(staffCookie, s.readCookie(r, staffCookie), &session) || !s.Now().Before(session.Expires) {
		return access.Principal{}, errSignIn
	}
	return s.svc.StaffSession(r.Context(), session.Token)
}

// nonce is 128 random bits in the form of a UUIDv4, for request ids.
func nonce() string {
	var b [16]byte
	rand.Read(b[:])
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	const hexDigits = "0123456789abcdef"
	out := make([]byte, 0, 36)
	for i, x := range b {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			out = append(out, '-')
		}
		out = append(out, hexDigits[x>>4], hexDigits[x&15])
	}
	return string(out)
}
