package server

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/openfairlead/fairlead/internal/tlstest"
)

// TestCertificateIsReadAgain renews a certificate under a running server, in
// good order, half-way and with what cannot be used.
func TestCertificateIsReadAgain(t *testing.T) {
	dir := t.TempDir()
	ca, elsewhere := tlstest.New(t), t.TempDir()
	noon := time.Date(2027, 1, 1, 12, 0, 0, 0, time.UTC)
	year := noon.AddDate(1, 0, 0)
	certFile, keyFile := ca.Write(t, dir, tlstest.Leaf{Serial: 1, From: noon.Add(-time.Hour), Until: year})
	first, err := readCertificate(certFile, keyFile, noon)
	if err != nil {
		t.Fatal(err)
	}
	c := &certificate{certFile: certFile, keyFile: keyFile, served: first}
	var said bytes.Buffer
	log := slog.New(slog.NewTextHandler(&said, nil))
	// after looks twice at what there is, as the watch does, and once more: a
	// state that stays is told once.
	after := func(what string, serial int64, lines int, words ...string) {
		t.Helper()
		said.Reset()
		for range 3 {
			c.look(log, noon)
		}
		got, err := c.get(nil)
		if err != nil || got.Leaf.SerialNumber.Int64() != serial {
			t.Errorf("%s: serves certificate %v, want %d: %v", what, got.Leaf.SerialNumber, serial, err)
		}
		if n := strings.Count(said.String(), "\n"); n != lines {
			t.Errorf("%s: %d lines, want %d: %s", what, n, lines, said.String())
		}
		for _, w := range words {
			if !strings.Contains(said.String(), w) {
				t.Errorf("%s: the log does not say %q: %s", what, w, said.String())
			}
		}
	}
	write := func(file, text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	move := func(from, to string) {
		t.Helper()
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}
	after("nothing changed", 1, 0)
	ca.Write(t, dir, tlstest.Leaf{Serial: 2, From: noon.Add(-time.Hour), Until: year})
	after("renewed", 2, 1, "took up", "2028-01-01")
	write(certFile, "half")
	after("half a file", 2, 1, "level=ERROR", "no certificate in PEM form", "from before is served", certFile)
	ca.Write(t, dir, tlstest.Leaf{Serial: 3, From: noon.Add(-time.Hour), Until: year})
	after("mended", 3, 1, "took up")
	otherCert, otherKey := ca.Write(t, elsewhere, tlstest.Leaf{Serial: 4, From: noon.Add(-time.Hour), Until: year})
	move(otherCert, certFile)
	after("the key of another", 3, 1, "do not belong together")
	move(otherKey, keyFile)
	after("then its own", 4, 1, "took up")
	ca.Write(t, dir, tlstest.Leaf{Serial: 5, From: noon.AddDate(-1, 0, 0), Until: noon.Add(-time.Minute)})
	after("one that has ended", 4, 1, "ended on 2027-01-01")
	ca.Write(t, dir, tlstest.Leaf{Serial: 6, From: noon.Add(time.Hour), Until: year})
	after("one that has not begun", 4, 1, "begins only on")
	if err := os.Remove(certFile); err != nil {
		t.Fatal(err)
	}
	after("no file", 4, 1, "cannot be read", "no such file")
	ca.Write(t, dir, tlstest.Leaf{Serial: 7, From: noon.Add(-time.Hour), Until: noon.Add(10 * 24 * time.Hour)})
	after("one that ends soon", 7, 2, "took up", "ends soon", "2027-01-11")
	said.Reset()
	c.look(log, noon.Add(23*time.Hour))
	if said.Len() > 0 {
		t.Errorf("warned twice in a day: %s", said.String())
	}
	c.look(log, noon.Add(25*time.Hour))
	if !strings.Contains(said.String(), "ends soon") {
		t.Errorf("not warned the next day: %s", said.String())
	}
	said.Reset()
	c.look(log, noon.Add(11*24*time.Hour))
	if !strings.Contains(said.String(), "has ended") {
		t.Errorf("an end is not told: %s", said.String())
	}
	if b, err := os.ReadFile(keyFile); err != nil || strings.Contains(said.String(), strings.Split(string(b), "\n")[1]) {
		t.Errorf("the log holds the key: %v", err)
	}
	// Between the certificate and its key another look may come: nothing is told.
	said.Reset()
	otherCert, otherKey = ca.Write(t, elsewhere, tlstest.Leaf{Serial: 8, From: noon.Add(-time.Hour), Until: year})
	move(otherCert, certFile)
	c.look(log, noon)
	move(otherKey, keyFile)
	c.look(log, noon)
	if strings.Contains(said.String(), "ERROR") || !strings.Contains(said.String(), "took up") {
		t.Errorf("a renewal in two steps: %s", said.String())
	}
}

func TestCertificatesThatCannotBeUsed(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := tlstest.New(t).Write(t, dir, tlstest.Leaf{})
	locked := filepath.Join(dir, "locked.pem")
	if err := os.WriteFile(locked, []byte("-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ cert, key, want string }{
		"no certificate":       {filepath.Join(dir, "none"), keyFile, "--tls-cert"},
		"no key":               {certFile, filepath.Join(dir, "none"), "--tls-key"},
		"the key twice":        {keyFile, keyFile, "holds no certificate"},
		"the certificate only": {certFile, certFile, "holds no private key"},
		"a locked key":         {certFile, locked, "passphrase"},
		"a folder":             {dir, keyFile, "--tls-cert"},
	} {
		if _, err := ReadCertificate(c.cert, c.key); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := ReadCertificate(certFile, keyFile); err != nil {
		t.Error(err)
	}
}
