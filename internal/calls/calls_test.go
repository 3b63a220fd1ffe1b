package calls_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"strings"
	"testing"

	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/internal/calls"
	"github.com/openfairlead/fairlead/internal/problem"
)

func mac(label string, message []byte) []byte {
	h := hmac.New(sha256.New, []byte("tests "+label))
	h.Write(message)
	return h.Sum(nil)
}

var kind = calls.TokenKind{Prefix: "flx_", Label: "test token"}

const id = "01890a5d-ac96-774b-bcce-b302099a8057"

// Tokens are in people's hands: what they are made of may never change.
func TestTokenStays(t *testing.T) {
	token := kind.Make(mac, "spring", id, 3)
	if want := "flx_vjU3DIVbJpxf3WkWG98XXMJdmy9tg_sgFOhgq0YKGEMBiQpdrJZ3S7zOswIJmoBXc3ByaW5n"; token != want {
		t.Errorf("%s, want %s", token, want)
	}
	program, got, ok := kind.Read(token)
	if !ok || program != "spring" || got != id {
		t.Errorf("read as %q, %q, %t", program, got, ok)
	}
	if !kind.Is(token, mac, "spring", id, 3) {
		t.Error("it is not itself")
	}
}

func TestTokenRefused(t *testing.T) {
	token := kind.Make(mac, "spring", id, 3)
	for what, is := range map[string]bool{
		"another generation": kind.Is(token, mac, "spring", id, 4),
		"another program":    kind.Is(token, mac, "sprin", id, 3),
		"another person":     kind.Is(token, mac, "spring", id[:35]+"8", 3),
		"another kind":       calls.TokenKind{Prefix: "flx_", Label: "other"}.Is(token, mac, "spring", id, 3),
		"one letter":         kind.Is(token[:9]+"~"+token[10:], mac, "spring", id, 3),
	} {
		if is {
			t.Errorf("%s: it passes", what)
		}
	}
	for _, bad := range []string{"", "flx_", "fly_" + token[4:], token + "=", "flx_" + strings.Repeat("A", 64), "flx_" + strings.Repeat("A", 197), token[:20]} {
		if _, _, ok := kind.Read(bad); ok {
			t.Errorf("%q was read", bad)
		}
	}
}

// A code is read back however people type it.
func TestCode(t *testing.T) {
	code := calls.Code(mac("code", []byte("x")))
	if len(code) != 14 || strings.ContainsAny(code, "ILOU") {
		t.Fatalf("a code is %q", code)
	}
	for _, typed := range []string{code, strings.ToLower(code), strings.ReplaceAll(code, "-", ""), " " + strings.ReplaceAll(code, "-", " – ") + "."} {
		if got, ok := calls.ReadCode(typed); !ok || got != code {
			t.Errorf("%q was read as %q, %t", typed, got, ok)
		}
	}
}

func TestReadCode(t *testing.T) {
	for _, c := range []struct {
		typed, want string
	}{
		{"ABCD-EFGH-JKMN", "ABCD-EFGH-JKMN"},
		{"abcdefghjkmn", "ABCD-EFGH-JKMN"},
		{"  ab cd ef gh jk mn ", "ABCD-EFGH-JKMN"},
		{"ABCD–EFGH—JKMN", "ABCD-EFGH-JKMN"},
		{"O0I1L1oil000", "0011-1101-1000"},
		{"ABCD-EFGH-JKM", ""},
		{"ABCD-EFGH-JKMNP", ""},
		{"ABCD-EFGH-JKMU", ""}, // U is not in the alphabet
		{"ABCD-EFGH-JKM!", ""},
		{"", ""},
		{strings.Repeat("-", 100), ""},
	} {
		got, ok := calls.ReadCode(c.typed)
		if ok != (c.want != "") || ok && got != c.want {
			t.Errorf("%q is %q %v, want %q", c.typed, got, ok, c.want)
		}
	}
}

func FuzzReadCode(f *testing.F) {
	f.Add("ABCD-EFGH-JKMN")
	f.Add("oil0 oil0 oil0")
	f.Add("ſßİ")
	f.Fuzz(func(t *testing.T, typed string) {
		code, ok := calls.ReadCode(typed)
		if !ok {
			return
		}
		if len(code) != 14 || strings.Trim(code, "0123456789ABCDEFGHJKMNPQRSTVWXYZ-") != "" {
			t.Fatalf("%q became %q", typed, code)
		}
		if again, ok := calls.ReadCode(code); !ok || again != code {
			t.Fatalf("%q is not stable: %q", code, again)
		}
	})
}

func TestNeed(t *testing.T) {
	for want, who := range map[string]access.Principal{"TOKEN_REQUIRED": {}, "PERMISSION_MISSING": {Subject: "enrollments/1", Program: "spring", Enrollment: "1"}} {
		if got := problem.ReasonOf(calls.Need(who, access.SelectionsRun, "spring")); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestReasons(t *testing.T) {
	if got, err := calls.Reason(" asked by phone "); err != nil || got != "asked by phone" {
		t.Errorf("%q, %v", got, err)
	}
	for _, bad := range []string{"", "  ", strings.Repeat("x", 1001), "a\x00b"} {
		if _, err := calls.Reason(bad); problem.ReasonOf(err) != "REASON_MISSING" {
			t.Errorf("%.10q: %v", bad, err)
		}
		if _, err := calls.OnBehalf(false, bad); problem.ReasonOf(err) != "REASON_MISSING" {
			t.Errorf("on behalf, %.10q: %v", bad, err)
		}
	}
	if got, err := calls.OnBehalf(true, "mine"); got != "" || err != nil {
		t.Errorf("one's own: %q, %v", got, err)
	}
}

func TestSameRevision(t *testing.T) {
	for _, c := range []struct {
		asked, stored int64
		same          bool
	}{{0, 7, true}, {7, 7, true}, {6, 7, false}} {
		if err := calls.SameRevision(c.asked, c.stored); (err == nil) != c.same {
			t.Errorf("%d of %d: %v", c.asked, c.stored, err)
		}
	}
}
