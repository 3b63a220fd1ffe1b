package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/openfairlead/fairlead/internal/backup"
	"github.com/openfairlead/fairlead/internal/disk"
	"github.com/openfairlead/fairlead/internal/server"
	"github.com/openfairlead/fairlead/internal/testserver"
	"github.com/openfairlead/fairlead/internal/tlstest"
)

// patient is an installation in good order, on a machine in good order, for a
// doctor whose eyes a test can change.
type patient struct {
	*doctor
	t    *testing.T
	said *bytes.Buffer
	now  time.Time
}

func newPatient(t *testing.T) *patient {
	t.Helper()
	h := made(t)
	must(t, os.Remove(filepath.Join(h.data, "admin.token")))
	p := &patient{t: t, said: &bytes.Buffer{}, now: time.Now()}
	must(t, backup.Remember(h.data, backup.Last{Time: p.now.Add(-time.Hour), File: "/somewhere/else.backup", Database: "fairlead.db"}))
	o := serveOptions{place: place{data: h.data, keyFile: h.key}, rateLimit: 200, runLease: 30 * time.Second}
	o.ports = server.Ports{HTTP: testserver.FreePort(t), GRPC: testserver.FreePort(t), Ops: testserver.FreePort(t)}
	p.doctor = newDoctor(p.said, o)
	p.fileSystem = func(string) (disk.Place, error) {
		return disk.Place{Kind: "ext4", Free: 100 << 30, FreeKnown: true}, nil
	}
	p.synced = func() (bool, bool) { return true, true }
	p.built = func() time.Time { return time.Time{} }
	p.temporary = t.TempDir()
	return p
}

// visit lets the doctor look at everything.
func (p *patient) visit() string {
	p.t.Helper()
	p.at = p.o.place
	p.examine(p.t.Context(), p.now)
	return p.said.String()
}

func TestDoctorFindsNothing(t *testing.T) {
	p := newPatient(t)
	if said := p.visit(); p.problems+p.warnings > 0 || p.summary() != "All is well." {
		t.Errorf("%s%s", said, p.summary())
	}
}

// TestDoctorFindings: everything that the doctor can find is there once, and is
// all that it finds. What is no problem but worth knowing is a warning.
func TestDoctorFindings(t *testing.T) {
	ca := tlstest.New(t)
	certificate := func(p *patient, l tlstest.Leaf) {
		p.o.ports.TLSCert, p.o.ports.TLSKey = ca.Write(t, t.TempDir(), l)
	}
	// public is a server that is on the internet in good order.
	public := func(p *patient) {
		certificate(p, tlstest.Leaf{Hosts: []string{"apply.example.org"}, Until: time.Now().AddDate(0, 2, 0)})
		p.o.ports.HTTP, p.o.ports.GRPC, p.o.publicURL = "0.0.0.0:0", "0.0.0.0:0", "https://apply.example.org"
	}
	proxied := func(p *patient) {
		p.o.ports.BehindProxy, p.o.trustedProxies, p.o.publicURL = true, []string{"127.0.0.0/8"}, "https://apply.example.org"
	}
	lies := func(class disk.Class, kind string) func(*patient) {
		return func(p *patient) {
			p.fileSystem = func(string) (disk.Place, error) {
				return disk.Place{Kind: kind, Class: class, Free: 100 << 30, FreeKnown: true}, nil
			}
		}
	}
	free := func(bytes uint64) func(*patient) {
		return func(p *patient) {
			p.fileSystem = func(string) (disk.Place, error) { return disk.Place{Kind: "ext4", Free: bytes, FreeKnown: true}, nil }
		}
	}
	database := func(url string) func(*patient) {
		return func(p *patient) {
			p.o.place.named = url
			must(t, backup.Remember(p.o.data, backup.Last{Time: p.now.Add(-time.Hour), File: "/somewhere/else.backup", Database: p.o.described()}))
		}
	}
	for _, c := range []struct {
		name     string
		ail      func(*patient)
		problems int
		warnings int
		want     []string
	}{
		{"on the internet, in good order", public, 0, 0, []string{"over TLS", "valid for 6"}},
		{"behind a proxy, in good order", proxied, 0, 0, []string{"only this machine can reach"}},
		{"no TLS on a public address", func(p *patient) { p.o.ports.HTTP = "0.0.0.0:0" }, 1, 1, []string{"problem  --http 0.0.0.0:0 can be reached from other machines without encryption", "--public-url"}},
		{"no TLS between the proxy and the server", func(p *patient) { proxied(p); p.o.ports.HTTP = "0.0.0.0:0" }, 0, 1, []string{"no TLS between the proxy and --http", "nobody but the proxy"}},
		{"metrics for everybody", func(p *patient) {
			public(p)
			p.o.ports.BehindProxy, p.o.trustedProxies, p.o.ports.Ops = true, []string{"10.0.0.1"}, "0.0.0.0:0"
		}, 0, 1, []string{"--ops 0.0.0.0:0", "never encrypted"}},
		{"an address that is not https", func(p *patient) { public(p); p.o.publicURL = "http://apply.example.org" }, 1, 0, []string{"problem  people's answers", "no https address"}},
		{"no address", func(p *patient) { proxied(p); p.o.publicURL = "" }, 0, 1, []string{"--public-url https://HOST"}},
		{"an address with a path", func(p *patient) { p.o.publicURL = "https://apply.example.org/x" }, 1, 0, []string{"--public-url"}},
		{"a proxy that nobody trusts", func(p *patient) { proxied(p); p.o.trustedProxies = nil }, 0, 1, []string{"everybody looks like one caller", "--trusted-proxies"}},
		{"everybody trusted", func(p *patient) { proxied(p); p.o.trustedProxies = []string{"0.0.0.0/0"} }, 1, 1, []string{"claim to be anybody"}},
		{"no limit", func(p *patient) { public(p); p.o.rateLimit = 0 }, 0, 1, []string{"--rate-limit 0"}},
		{"a certificate that ends in 13 days", func(p *patient) {
			public(p)
			certificate(p, tlstest.Leaf{Hosts: []string{"apply.example.org"}, Until: p.now.Add(13*24*time.Hour + time.Minute)})
		}, 0, 1, []string{"warning  the certificate", "ends in 13 days"}},
		{"a certificate that has ended", func(p *patient) {
			public(p)
			certificate(p, tlstest.Leaf{Hosts: []string{"apply.example.org"}, From: p.now.AddDate(0, -3, 0), Until: p.now.Add(-time.Hour)})
		}, 1, 0, []string{"problem  --tls-cert", "the certificate ended on", "renew it"}},
		{"a certificate for somebody else", func(p *patient) {
			public(p)
			certificate(p, tlstest.Leaf{Hosts: []string{"other.example.org", "10.0.0.1"}, Until: p.now.AddDate(0, 2, 0)})
		}, 1, 0, []string{"is not for apply.example.org but for other.example.org, 10.0.0.1"}},
		{"a broken certificate", func(p *patient) {
			public(p)
			must(t, os.WriteFile(p.o.ports.TLSCert, []byte("half"), 0o600))
		}, 1, 0, []string{"problem  --tls-cert", "no certificate in PEM form"}},
		{"a private key that everybody reads", func(p *patient) { public(p); must(t, os.Chmod(p.o.ports.TLSKey, 0o644)) }, 1, 0, []string{"can read the certificate's private key", "chmod 600"}},
		{"one file of two", func(p *patient) { p.o.ports.TLSCert = "cert.pem" }, 1, 0, []string{"--tls-cert and --tls-key come together"}},

		{"a network drive", lies(disk.Network, "nfs"), 1, 0, []string{"problem  the data folder lies on a network drive (nfs)", "PostgreSQL"}},
		{"sshfs", lies(disk.Network, "fuse.sshfs"), 1, 0, []string{"network drive (fuse.sshfs)"}},
		{"memory", lies(disk.Memory, "tmpfs"), 0, 1, []string{"warning  the data folder lies in memory (tmpfs)"}},
		{"a container's layer", lies(disk.Layer, "overlay"), 0, 1, []string{"warning  the data folder lies in a container's own file system"}},
		{"a synced folder", func(p *patient) {
			to := filepath.Join(t.TempDir(), "Nextcloud", "data")
			must(t, os.MkdirAll(filepath.Dir(to), 0o700))
			must(t, os.Rename(p.o.data, to))
			p.o.data = to
		}, 1, 0, []string{"problem  the data folder lies in a folder of Nextcloud"}},
		{"little space", free(900 << 20), 0, 1, []string{"little space left", "900 MB free"}},
		{"almost no space", free(100 << 20), 1, 0, []string{"problem  there is almost no space"}},

		{"a database that others read", func(p *patient) {
			must(t, os.Chmod(p.o.data, 0o711))
			must(t, os.Chmod(filepath.Join(p.o.data, "fairlead.db"), 0o644))
		}, 1, 1, []string{"problem  other accounts of this machine can read the database", "chmod 700", "chmod 600"}},
		{"a folder that others read", func(p *patient) { must(t, os.Chmod(p.o.data, 0o750)) }, 0, 1, []string{"chmod 700"}},
		{"the key beside the database", func(p *patient) {
			inside := filepath.Join(p.o.data, "master.key")
			must(t, os.Rename(p.o.keyFile, inside))
			p.o.keyFile = inside
		}, 0, 1, []string{"warning  the master key lies beside the database", "--master-key-file"}},
		{"the key beside a database that lies elsewhere", func(p *patient) {
			keys := filepath.Dir(p.o.keyFile)
			must(t, os.Rename(filepath.Join(p.o.data, "fairlead.db"), filepath.Join(keys, "fairlead.db")))
			database(filepath.Join(keys, "fairlead.db"))(p)
		}, 0, 1, []string{"warning  the master key lies beside the database in ", "/keys: a copy"}},
		{"the key in the data folder, by a link", func(p *patient) {
			must(t, os.Rename(p.o.keyFile, filepath.Join(p.o.data, "master.key")))
			link := filepath.Join(t.TempDir(), "elsewhere")
			must(t, os.Symlink(p.o.data, link))
			p.o.keyFile = filepath.Join(link, "master.key")
		}, 0, 1, []string{"warning  the master key lies beside the database"}},
		{"the key beside a database that a link leads to", func(p *patient) {
			keys := filepath.Dir(p.o.keyFile)
			must(t, os.Rename(filepath.Join(p.o.data, "fairlead.db"), filepath.Join(keys, "fairlead.db")))
			must(t, os.Symlink(filepath.Join(keys, "fairlead.db"), filepath.Join(p.o.data, "fairlead.db")))
			database("")(p)
		}, 0, 1, []string{"warning  the master key lies beside the database"}},
		{"a key that others read", func(p *patient) { must(t, os.Chmod(p.o.keyFile, 0o644)) }, 1, 0, []string{"chmod 600"}},
		{"a list of erasures that is a folder", func(p *patient) {
			must(t, errors.Join(os.RemoveAll(p.o.keyFile+".erasures"), os.Mkdir(p.o.keyFile+".erasures", 0o700)))
		}, 1, 0, []string{"problem  the list of erasures", "--erasure-list"}},
		{"a list of erasures in a folder that is gone", func(p *patient) { p.o.list = filepath.Join(t.TempDir(), "gone", "list") }, 1, 0, []string{"problem  the list of erasures", "no such file", "--erasure-list"}},
		{"the first token", func(p *patient) { must(t, os.WriteFile(filepath.Join(p.o.data, "admin.token"), []byte("x"), 0o600)) }, 0, 1, []string{"admin.token", "delete the file"}},

		{"a backup of last week", func(p *patient) {
			must(t, backup.Remember(p.o.data, backup.Last{Time: p.now.Add(-8 * 24 * time.Hour), File: "/somewhere/old.backup", Database: p.o.described()}))
		}, 0, 1, []string{"warning  the last backup is 8 days old", "fairlead backup"}},
		{"a backup of six days ago", func(p *patient) {
			must(t, backup.Remember(p.o.data, backup.Last{Time: p.now.Add(-6 * 24 * time.Hour), File: "/somewhere/old.backup", Database: p.o.described()}))
		}, 0, 0, []string{"the last backup is of"}},
		{"a backup of nobody knows what", func(p *patient) {
			must(t, backup.Remember(p.o.data, backup.Last{Time: p.now, File: "/somewhere/old.backup"}))
		}, 0, 1, []string{"warning  the last backup", "does not say of which database"}},

		{"a clock that is slow", func(p *patient) {
			later := p.now.Add(time.Hour)
			must(t, os.Chtimes(filepath.Join(p.o.data, "fairlead.db"), later, later))
		}, 1, 0, []string{"problem  the clock of this machine is slow", "the database was changed at"}},
		{"a clock from before this program", func(p *patient) { p.built = func() time.Time { return p.now.Add(24 * time.Hour) } }, 1, 0, []string{"problem  the clock of this machine is slow", "this program was made on"}},
		{"a clock that nothing keeps right", func(p *patient) { p.synced = func() (bool, bool) { return false, true } }, 0, 1, []string{"warning  nothing keeps the clock", "timedatectl"}},
		{"a clock that nobody can tell of", func(p *patient) { p.synced = func() (bool, bool) { return false, false } }, 0, 0, []string{"the clock says"}},

		// What a database at the end of the way says is another matter: nobody
		// listens at these.
		{"PostgreSQL without encryption", database("postgres://fairlead@db.example.org:1/x?sslmode=disable&connect_timeout=1"), 2, 0, []string{"may be unencrypted (sslmode=disable)", "verify-full", "db.example.org"}},
		{"PostgreSQL as it comes", database("postgres://fairlead@192.0.2.1:1/x?connect_timeout=1"), 2, 0, []string{"may be unencrypted (sslmode=prefer"}},
		{"PostgreSQL of anybody", database("postgres://fairlead@192.0.2.1:1/x?sslmode=require&connect_timeout=1"), 1, 1, []string{"nothing proves that it ends there"}},
		{"PostgreSQL of one authority", database("postgres://fairlead@192.0.2.1:1/x?sslmode=verify-ca&connect_timeout=1"), 1, 1, []string{"any server of that certificate authority"}},
		{"PostgreSQL, proved", database("postgres://fairlead@192.0.2.1:1/x?sslmode=verify-full&connect_timeout=1"), 1, 0, []string{"has to prove who it is"}},
		{"PostgreSQL on this machine", database("postgres://fairlead@127.0.0.1:1/x?sslmode=disable&connect_timeout=1"), 1, 0, nil},
		{"a password that others see", database("postgres://fairlead:canary@127.0.0.1:1/x?connect_timeout=1"), 1, 1, []string{"holds a password", databaseVariable}},
		{"a network drive beside PostgreSQL", func(p *patient) {
			lies(disk.Network, "nfs")(p)
			database("postgres://fairlead@127.0.0.1:1/x?connect_timeout=1")(p)
		}, 1, 0, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			if runtime.GOOS == "windows" && strings.Contains(fmt.Sprint(c.want), "chmod") {
				return // accounts are told apart otherwise there
			}
			p := newPatient(t)
			c.ail(p)
			said := p.visit()
			if p.problems != c.problems || p.warnings != c.warnings {
				t.Errorf("%d problems and %d warnings, want %d and %d:\n%s", p.problems, p.warnings, c.problems, c.warnings, said)
			}
			for _, want := range c.want {
				if !strings.Contains(said, want) {
					t.Errorf("does not say %q:\n%s", want, said)
				}
			}
			if strings.Contains(said, "canary") {
				t.Errorf("shows the password:\n%s", said)
			}
		})
	}
}

// TestDoctorBesideAServer: what a server that runs serves is not what the file
// holds.
func TestDoctorBesideAServer(t *testing.T) {
	ca, dir := tlstest.New(t), t.TempDir()
	cert, key := ca.Write(t, dir, tlstest.Leaf{Serial: 5, Until: time.Now().AddDate(0, 2, 0)})
	h := newHouse(t)
	stop := h.serve("--tls-cert", cert, "--tls-key", key)
	defer stop()
	_, port, err := net.SplitHostPort(strings.TrimPrefix(strings.TrimPrefix(h.url, "https://"), "http://"))
	must(t, err)
	look := func() string {
		var said bytes.Buffer
		o := serveOptions{place: place{data: h.data, keyFile: h.key}, rateLimit: 200, runLease: time.Minute}
		o.ports = server.Ports{HTTP: "127.0.0.1:" + port, GRPC: h.grpc, Ops: strings.TrimPrefix(h.ops, "http://"), TLSCert: cert, TLSKey: key}
		newDoctor(&said, o).examine(context.Background(), time.Now())
		return said.String()
	}
	if said := look(); !strings.Contains(said, "is valid for") || strings.Contains(said, "serves another") {
		t.Errorf("in order:\n%s", said)
	}
	must(t, os.WriteFile(cert, []byte("half"), 0o600))
	if said := look(); !strings.Contains(said, "problem  --tls-cert") || !strings.Contains(said, "goes on with the certificate from before") {
		t.Errorf("a broken file:\n%s", said)
	}
	// The server looks every few seconds, perhaps just before the doctor does:
	// then it is changed once more.
	said := ""
	for serial := int64(6); serial < 10 && !strings.Contains(said, "serves another certificate"); serial++ {
		other, otherKey := ca.Write(t, t.TempDir(), tlstest.Leaf{Serial: serial, Until: time.Now().AddDate(0, 2, 0)})
		must(t, os.Rename(other, cert))
		must(t, os.Rename(otherKey, key))
		said = look()
	}
	if !strings.Contains(said, "warning  the server that runs at --http 127.0.0.1:"+port+" serves another certificate than "+cert) {
		t.Errorf("a changed file:\n%s", said)
	}
	for deadline := time.Now().Add(time.Minute); strings.Contains(said, "serves another"); said = look() {
		if time.Now().After(deadline) {
			t.Fatalf("a changed file is not taken up:\n%s", said)
		}
		time.Sleep(200 * time.Millisecond)
	}
	if !strings.Contains(said, "is valid for") {
		t.Errorf("when the changed file is served:\n%s", said)
	}
}
