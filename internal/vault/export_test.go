package vault

import (
	"bytes"
	"strings"
	"testing"

	"github.com/openfairlead/fairlead/applications"
)

func cheap(t *testing.T) {
	before := workFactor
	workFactor = 8
	t.Cleanup(func() { workFactor = before })
}

func TestExport(t *testing.T) {
	cheap(t)
	const passphrase = "zwölf Boxkämpfer jagen Viktor"
	v := generate(t)
	out, err := v.Export(passphrase)
	if err != nil {
		t.Fatal(err)
	}
	if text := string(out); !strings.HasPrefix(text, "-----BEGIN AGE ENCRYPTED FILE-----\n") || strings.Contains(text, v.KeyID()) {
		t.Errorf("exported:\n%s", text)
	}
	for _, in := range [][]byte{out, append([]byte("\n \n"), out...), bytes.ReplaceAll(out, []byte("\n"), []byte("\r\n"))} {
		back, err := Import(in, passphrase)
		if err != nil || back.KeyID() != v.KeyID() || !bytes.Equal(back.FileText(), v.FileText()) {
			t.Fatalf("%v", err)
		}
	}
	for _, other := range []string{passphrase + " ", "zwoelf Boxkaempfer jagen Viktor", strings.ToLower(passphrase)} {
		if _, err := Import(out, other); applications.ReasonOf(err) != "PASSPHRASE_WRONG" || strings.Contains(err.Error(), other) {
			t.Errorf("%q: %v", other, err)
		}
	}
	for name, bad := range map[string][]byte{
		"empty": nil, "text": []byte("hello"), "a key file": v.FileText(), "cut": out[:len(out)-60], "long": make([]byte, 1<<20),
		"with a line changed": bytes.Replace(out, out[200:210], []byte("AAAAAAAAAA"), 1),
	} {
		if _, err := Import(bad, passphrase); applications.ReasonOf(err) != "EXPORT_MALFORMED" && applications.ReasonOf(err) != "PASSPHRASE_WRONG" {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, weak := range []string{"", "short", strings.Repeat("ä", ShortestPassphrase-1), "not \xff valid text"} {
		if _, err := v.Export(weak); applications.ReasonOf(err) != "PASSPHRASE_INVALID" {
			t.Errorf("%q: %v", weak, err)
		}
	}
}

// A key that somebody exported with the real cost opens in reasonable time,
// and costs who guesses.
func TestExportCost(t *testing.T) {
	if workFactor < 18 {
		t.Errorf("a try costs 2^%d", workFactor)
	}
}
