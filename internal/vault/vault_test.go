package vault

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/openfairlead/fairlead/applications"
)

func generate(t testing.TB) *Vault {
	t.Helper()
	v, err := Generate()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// fixed is the vault of a key of zeros.
func fixed(t testing.TB) *Vault {
	t.Helper()
	v, err := newVault(make([]byte, keySize))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestDerivation pins every derivation: another one could not open what an
// earlier version wrote.
func TestDerivation(t *testing.T) {
	v := fixed(t)
	hkdf := func(info string) []byte { // RFC 5869 with an empty salt and one block
		extract := hmac.New(sha256.New, make([]byte, 32))
		extract.Write(make([]byte, keySize))
		expand := hmac.New(sha256.New, extract.Sum(nil))
		expand.Write([]byte(info))
		expand.Write([]byte{1})
		return expand.Sum(nil)
	}
	if want := hex.EncodeToString(hkdf("vault key id")[:8]); v.KeyID() != want {
		t.Errorf("key id %s, want %s", v.KeyID(), want)
	}
	if want := hkdf("vault check value")[:16]; !bytes.Equal(v.Check(), want) {
		t.Errorf("check %x, want %x", v.Check(), want)
	}
	if want := hkdf("app page-token"); !bytes.Equal(v.Derive("page-token"), want) {
		t.Errorf("derived %x, want %x", v.Derive("page-token"), want)
	}
	mac := hmac.New(sha256.New, hkdf("app applicant token"))
	mac.Write([]byte("message"))
	if want := mac.Sum(nil); !bytes.Equal(v.MAC("applicant token", []byte("message")), want) {
		t.Errorf("MAC %x, want %x", v.MAC("applicant token", []byte("message")), want)
	}
	const pinned = "41e0c52badfd8147" // by another language's hmac
	if v.KeyID() != pinned {
		t.Errorf("the key id of a key of zeros is %s, was %s", v.KeyID(), pinned)
	}
}

func TestLabelsAndKeysAreApart(t *testing.T) {
	v, w := generate(t), generate(t)
	seen := map[string]string{}
	for name, key := range map[string][]byte{
		"a": v.Derive("web/seal"), "b": v.Derive("page-token"), "a of w": w.Derive("web/seal"),
		"id": v.now.Load().key(labelID), "check": v.now.Load().key(labelCheck), "wrap": v.now.Load().key(labelWrap),
	} {
		if len(key) != keySize {
			t.Errorf("%s has %d bytes", name, len(key))
		}
		if other, ok := seen[string(key)]; ok {
			t.Errorf("%s and %s are the same key", name, other)
		}
		seen[string(key)] = name
	}
	if v.KeyID() == w.KeyID() {
		t.Error("two keys have the same id")
	}
}

func TestMatches(t *testing.T) {
	v, w := generate(t), generate(t)
	if err := v.Matches(v.KeyID(), v.Check()); err != nil {
		t.Error(err)
	}
	for _, c := range []struct {
		id    string
		check []byte
	}{{w.KeyID(), w.Check()}, {v.KeyID(), w.Check()}, {w.KeyID(), v.Check()}, {"", nil}, {v.KeyID(), v.Check()[:15]}, {strings.Repeat("a", 99), nil}, {"personal data", nil}} {
		err := v.Matches(c.id, c.check)
		if applications.ReasonOf(err) != "MASTER_KEY_MISMATCH" {
			t.Errorf("%s: %v", c.id, err)
		}
		if err != nil && strings.Contains(err.Error(), "personal data") {
			t.Errorf("the message quotes what is no key id: %v", err)
		}
	}
}

func TestSealedValueOpensInItsPlaceOnly(t *testing.T) {
	v := generate(t)
	k, wrapped, err := v.NewDataKey("p1")
	if err != nil {
		t.Fatal(err)
	}
	at := Place{"applications", "body", "a1"}
	for _, plain := range [][]byte{{}, []byte("x"), []byte("dxʷlilap"), bytes.Repeat([]byte{7}, 1<<20)} {
		sealed, err := k.Seal(at, plain)
		if err != nil {
			t.Fatal(err)
		}
		if len(plain) > 4 && bytes.Contains(sealed, plain[:5]) {
			t.Fatal("the sealed value holds the plain one")
		}
		if id, ok := SealedBy(sealed); !ok || id != k.ID {
			t.Errorf("sealed by %s, %v", id, ok)
		}
		again, err := v.OpenDataKey("p1", k.ID, wrapped)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := again.Open(at, sealed); err != nil || !bytes.Equal(got, plain) {
			t.Fatalf("%v", err)
		}
		for _, other := range []Place{
			{"applications", "body", "a2"},
			{"applications", "frozen", "a1"},
			{"programs", "body", "a1"},
			{"applicationsb", "ody", "a1"},
			{"applications", "bodya", "1"},
			{},
		} {
			wantUnreadable(t, k, other, sealed)
		}
		step := max(1, len(sealed)/200)
		for i := 0; i < len(sealed); i += step {
			bad := bytes.Clone(sealed)
			bad[i] ^= 0x10
			wantUnreadable(t, k, at, bad)
		}
		for _, n := range []int{0, 1, 9, 21, 36, len(sealed) - 1} {
			wantUnreadable(t, k, at, sealed[:n])
		}
	}
	// The same program's next key, and another program's.
	sealed, err := k.Seal(at, []byte("text"))
	if err != nil {
		t.Fatal(err)
	}
	for _, program := range []string{"p1", "p2"} {
		other, _, err := v.NewDataKey(program)
		if err != nil {
			t.Fatal(err)
		}
		wantUnreadable(t, other, at, sealed)
	}
	// A key that was opened for another program is another context.
	moved := *k
	moved.Program = "p2"
	wantUnreadable(t, &moved, at, sealed)
}

func wantUnreadable(t *testing.T, k *DataKey, at Place, sealed []byte) {
	t.Helper()
	plain, err := k.Open(at, sealed)
	if applications.CodeOf(err) != applications.DataLoss || applications.ReasonOf(err) != "SEALED_VALUE_UNREADABLE" || plain != nil {
		t.Fatalf("opened %d bytes at %v: %v", len(plain), at, err)
	}
}

func TestSealIsRandom(t *testing.T) {
	k, _, err := generate(t).NewDataKey("p")
	if err != nil {
		t.Fatal(err)
	}
	heads := map[string]bool{}
	for range 1000 {
		sealed, err := k.Seal(Place{"t", "f", "r"}, []byte("x"))
		if err != nil {
			t.Fatal(err)
		}
		heads[string(sealed[:SealHead])] = true
	}
	if len(heads) != 1000 {
		t.Fatalf("%d seals of 1000 are unique", len(heads))
	}
}

func TestDataKeyOpensUnderItsMasterKeyOnly(t *testing.T) {
	v, w := generate(t), generate(t)
	k, wrapped, err := v.NewDataKey("p1")
	if err != nil {
		t.Fatal(err)
	}
	bad := bytes.Clone(wrapped)
	bad[len(bad)-1] ^= 1
	for _, c := range []struct {
		v           *Vault
		program, id string
		wrapped     []byte
	}{{w, "p1", k.ID, wrapped}, {v, "p2", k.ID, wrapped}, {v, "p1", "0000000000000000", wrapped}, {v, "p1", k.ID + "00", wrapped}, {v, "p1", "zz", wrapped}, {v, "p1", k.ID, bad}, {v, "p1", k.ID, nil}} {
		if _, err := c.v.OpenDataKey(c.program, c.id, c.wrapped); applications.CodeOf(err) != applications.DataLoss || applications.ReasonOf(err) != "DATA_KEY_UNREADABLE" {
			t.Errorf("got %v", err)
		}
	}
}

func TestErrorsHoldNoKeyMaterial(t *testing.T) {
	v := generate(t)
	text := string(v.FileText())
	secret := base64.StdEncoding.EncodeToString(v.now.Load().master)
	if !strings.Contains(text, secret) {
		t.Fatal("the test looks for the wrong thing")
	}
	for _, damaged := range []string{
		strings.Replace(text, "key: "+secret, "key: "+secret+"A", 1),
		strings.Replace(text, "key: "+secret, "key: "+secret[1:], 1),
		strings.Replace(text, "id: ", "id: 0", 1),
		strings.Replace(text, "check: ", "", 1),
		text + text,
		text + "key: " + secret,
		secret,
	} {
		_, err := parse([]byte(damaged))
		if err == nil {
			t.Errorf("accepted:\n%s", damaged)
		} else if strings.Contains(err.Error(), secret[2:20]) {
			t.Errorf("the error tells the key: %v", err)
		}
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
		if got := fmt.Sprintf(verb, v); got != "vault("+v.KeyID()+")" {
			t.Errorf("%s prints %s", verb, got)
		}
	}
}
