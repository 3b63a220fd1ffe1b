package pagetoken_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/server/pagetoken"
)

type secrets string

func (s secrets) MAC(label string, message []byte) []byte {
	m := hmac.New(sha256.New, []byte(string(s)+label))
	m.Write(message)
	return m.Sum(nil)
}

func at(t time.Time) func() time.Time { return func() time.Time { return t } }

var noon = time.Date(2027, 1, 15, 12, 0, 0, 0, time.UTC)

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tokens := pagetoken.Tokens{Secrets: secrets("k"), Now: at(noon)}
		b := pagetoken.Binding{
			Method: rapid.String().Draw(t, "method"), Subject: rapid.String().Draw(t, "subject"),
			Query: rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "query"),
		}
		cursor := rapid.StringN(0, 100, 400).Draw(t, "cursor")
		got, err := tokens.Read(b, tokens.Make(b, cursor))
		if err != nil || got != cursor {
			t.Fatalf("read back %q, %v; want %q", got, err, cursor)
		}
	})
}

func TestRefused(t *testing.T) {
	bound := pagetoken.Binding{Method: "List", Subject: "users/1", Query: []byte("q")}
	tokens := pagetoken.Tokens{Secrets: secrets("k"), Now: at(noon)}
	good := tokens.Make(bound, "cursor")
	other := func(change func(*pagetoken.Binding)) pagetoken.Binding {
		b := bound
		change(&b)
		return b
	}
	for _, c := range []struct {
		name, token, want string
		binding           pagetoken.Binding
		tokens            pagetoken.Tokens
	}{
		{"garbage", "%%%", "no page token of this server", bound, tokens},
		{"short", "AQ", "no page token of this server", bound, tokens},
		{"endless", strings.Repeat("A", 3000), "no page token of this server", bound, tokens},
		{"one letter changed", "B" + good[1:], "no page token of this server", bound, tokens},
		{"cut", good[:len(good)-4], "no page token of this server", bound, tokens},
		{"another key", good, "no page token of this server", bound, pagetoken.Tokens{Secrets: secrets("x"), Now: at(noon)}},
		{"another method", good, "another list", other(func(b *pagetoken.Binding) { b.Method = "Other" }), tokens},
		{"another caller", good, "another list", other(func(b *pagetoken.Binding) { b.Subject = "users/2" }), tokens},
		{"another query", good, "another list", other(func(b *pagetoken.Binding) { b.Query = []byte("r") }), tokens},
		{"shifted parts", good, "another list", other(func(b *pagetoken.Binding) { b.Method, b.Subject = "Listu", "sers/1" }), tokens},
		{"a day later", good, "expired", bound, pagetoken.Tokens{Secrets: secrets("k"), Now: at(noon.Add(pagetoken.Life))}},
	} {
		t.Run(c.name, func(t *testing.T) {
			cursor, err := c.tokens.Read(c.binding, c.token)
			if applications.CodeOf(err) != applications.InvalidArgument || !strings.Contains(err.Error(), c.want) || cursor != "" {
				t.Errorf("got %q, %v; want an error with %q", cursor, err, c.want)
			}
		})
	}
	if _, err := (pagetoken.Tokens{Secrets: secrets("k"), Now: at(noon.Add(pagetoken.Life - time.Second))}).Read(bound, good); err != nil {
		t.Errorf("one second before its end: %v", err)
	}
}

// FuzzRead feeds anything as a token: it must be refused with
// PAGE_TOKEN_INVALID, or else be exactly what Make makes.
func FuzzRead(f *testing.F) {
	bound := pagetoken.Binding{Method: "List", Subject: "users/1", Query: []byte("q")}
	tokens := pagetoken.Tokens{Secrets: secrets("k"), Now: at(noon)}
	f.Add("")
	f.Add("AQ")
	f.Add(tokens.Make(bound, "c"))
	f.Add("\n" + tokens.Make(bound, "c") + "\r")
	f.Add(tokens.Make(pagetoken.Binding{}, "0192f0c1-0000-7000-8000-000000000000"))
	f.Fuzz(func(t *testing.T, token string) {
		cursor, err := tokens.Read(bound, token)
		if err != nil {
			if applications.ReasonOf(err) != "PAGE_TOKEN_INVALID" {
				t.Fatalf("%q: %v", token, err)
			}
			return
		}
		if again := tokens.Make(bound, cursor); again != token {
			t.Fatalf("%q was read as %q, whose token is %q", token, cursor, again)
		}
	})
}
