package cli

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io/fs"
	"net"
	"net/url"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/openfairlead/fairlead/internal/server"
	"github.com/openfairlead/fairlead/internal/sqlstore"
)

// network looks at the flags that say who can reach the server, and how.
func (d *doctor) network(now time.Time) {
	publicURL, _, err := d.o.check()
	if err != nil {
		d.problem("%s", message(err))
	}
	open := d.o.public()
	ours := d.o.ports.TLSCert != "" || d.o.ports.TLSKey != ""
	switch {
	case err != nil:
	case len(open) == 0 && ours:
		d.ok("only this machine can reach the server, over TLS")
	case len(open) == 0:
		d.ok("only this machine can reach the server")
	case ours && slices.Contains(open, "--ops"):
		d.warn("other machines can reach --ops %s, which is never encrypted and tells how busy the server is; listen on 127.0.0.1", d.o.ports.Ops)
	case ours:
		d.ok("other machines reach the server over TLS")
	default:
		d.warn("there is no TLS between the proxy and %s: make sure that nobody but the proxy can reach it", addresses(open))
	}
	if len(open) > 0 || d.o.ports.BehindProxy || publicURL != "" {
		d.reachable(publicURL)
	}
	if ours && d.o.ports.TLSCert != "" && d.o.ports.TLSKey != "" {
		d.certificate(publicURL, now)
	}
}

func addresses(flags []string) string { return strings.Join(flags, " and ") }

// reachable looks at what matters once anybody else calls.
func (d *doctor) reachable(publicURL string) {
	u, err := url.Parse(publicURL)
	switch {
	case publicURL == "":
		d.warn("the server does not know the address that people type: links to it cannot be made, and behind a proxy cookies travel over unencrypted connections too; name it with --public-url https://HOST")
	case err == nil && u.Scheme != "https" && !server.IsLoopback(u.Hostname()):
		d.problem("people's answers and sign-in links travel unencrypted: --public-url %s is no https address; use one, with a certificate here (--tls-cert) or at a proxy in front", publicURL)
	}
	if d.o.ports.BehindProxy && len(d.o.trustedProxies) == 0 {
		d.warn("to the server everybody looks like one caller, the proxy, so that one who calls too much shuts everybody out; name the proxy's network with --trusted-proxies")
	}
	if !d.o.ports.BehindProxy && len(d.o.trustedProxies) > 0 && len(d.o.public()) > 0 && d.o.ports.TLSCert == "" {
		d.warn("--trusted-proxies is given without --behind-proxy")
	}
	if d.o.rateLimit == 0 {
		d.warn("one caller may keep the server as busy as they like (--rate-limit 0); leave the flag away")
	}
}

// certificate looks at the certificate's files, and at what a server that runs
// serves of them.
func (d *doctor) certificate(publicURL string, now time.Time) {
	keyFile := d.o.ports.TLSKey
	if info, err := os.Stat(keyFile); err == nil && runtime.GOOS != "windows" && info.Mode().Perm()&0o007 != 0 {
		d.problem("other accounts of this machine can read the certificate's private key %s (mode %04o); run: chmod 600 %s", keyFile, info.Mode().Perm(), keyFile)
	}
	file, err := server.ReadCertificate(d.o.ports.TLSCert, keyFile)
	served := servedCertificate(d.o.ports.HTTP)
	if err != nil { // told already
		if served != nil {
			d.warn("the server that runs goes on with the certificate from before, until %s or its next start", served.NotAfter.UTC().Format(time.DateOnly))
		}
		return
	}
	left := file.Leaf.NotAfter.Sub(now)
	days := count(max(0, int(left/(24*time.Hour))), "day")
	if left <= server.CertificateSoon {
		d.warn("the certificate %s ends in %s, on %s; renew it: the server takes the new file up by itself", d.o.ports.TLSCert, days, file.Leaf.NotAfter.UTC().Format(time.DateOnly))
	} else {
		d.ok("the certificate %s is valid for %s more", d.o.ports.TLSCert, days)
	}
	if u, err := url.Parse(publicURL); err == nil && u.Scheme == "https" {
		if err := file.Leaf.VerifyHostname(u.Hostname()); err != nil {
			d.problem("the certificate %s is not for %s but for %s: browsers will refuse it", d.o.ports.TLSCert, u.Hostname(), names(file.Leaf.DNSNames, file.Leaf.IPAddresses))
		}
	}
	if served != nil && !served.Equal(file.Leaf) {
		d.warn("the server that runs at --http %s serves another certificate than %s, valid until %s; it takes a changed file up within a minute, or else its log says why not", d.o.ports.HTTP, d.o.ports.TLSCert, served.NotAfter.UTC().Format(time.DateOnly))
	}
}

func names(hosts []string, addresses []net.IP) string {
	all := slices.Clone(hosts)
	for _, a := range addresses {
		all = append(all, a.String())
	}
	if len(all) == 0 {
		return "nobody"
	}
	return strings.Join(all, ", ")
}

// connection looks at how the way to a PostgreSQL server is protected.
func (d *doctor) connection() {
	if !sqlstore.IsPostgres(d.at.database()) {
		return
	}
	u, err := url.Parse(d.at.database())
	if err != nil {
		return // opening it says so
	}
	if _, secret := u.User.Password(); secret && d.at.named != "" {
		d.warn("the URL in --database holds a password, which other accounts of this machine can see; put it into the environment variable %s", databaseVariable)
	}
	if localDatabase(u) {
		return
	}
	mode := u.Query().Get("sslmode")
	if mode == "" {
		mode = os.Getenv("PGSSLMODE")
	}
	switch mode {
	case "verify-full":
		d.ok("the connection to %s is encrypted, and the server has to prove who it is", sqlstore.Describe(d.at.database()))
	case "verify-ca":
		d.warn("any server of that certificate authority can pass for %s; write sslmode=verify-full into the URL", sqlstore.Describe(d.at.database()))
	case "require":
		d.warn("the connection to %s is encrypted, but nothing proves that it ends there; write sslmode=verify-full into the URL, and sslrootcert=FILE if the server's certificate needs it", sqlstore.Describe(d.at.database()))
	default:
		if mode == "" {
			mode = "prefer, which is what is meant where nothing is said"
		}
		d.problem("the connection to %s may be unencrypted (sslmode=%s): whoever is on the way reads and changes what is stored; write sslmode=verify-full into the URL", sqlstore.Describe(d.at.database()), mode)
	}
}

// localDatabase reports whether every server that a URL names is this machine.
func localDatabase(u *url.URL) bool {
	hosts := strings.Split(u.Host, ",")
	if h := u.Query().Get("host"); h != "" {
		hosts = strings.Split(h, ",")
	} else if u.Host == "" {
		hosts = strings.Split(os.Getenv("PGHOST"), ",")
	}
	for _, h := range hosts {
		if host, _, err := net.SplitHostPort(h); err == nil {
			h = host
		}
		h = strings.Trim(h, "[]")
		if h != "" && !strings.HasPrefix(h, "/") && !strings.HasPrefix(h, "@") && !server.IsLoopback(h) {
			return false
		}
	}
	return true
}

// servedCertificate is what a server that runs serves at an address; nil if
// there is none.
func servedCertificate(address string) *x509.Certificate {
	dialer := &net.Dialer{Timeout: 3 * time.Second}
	// Only looked at: whether it is to be trusted is for browsers to say.
	conn, err := tls.DialWithDialer(dialer, "tcp", address, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}})
	if err != nil {
		return nil
	}
	defer conn.Close()
	if chain := conn.ConnectionState().PeerCertificates; len(chain) > 0 {
		return chain[0]
	}
	return nil
}

// port says whether the server could listen; a server that runs already is
// why it mostly cannot.
func (d *doctor) port(flag, address string) {
	l, err := net.Listen("tcp", address)
	if err == nil {
		_ = l.Close() // opened only to see whether it can be
		d.ok("--%s %s is free", flag, address)
		return
	}
	conn, dialErr := net.DialTimeout("tcp", address, time.Second)
	if dialErr == nil {
		_ = conn.Close()
		d.warn("--%s %s is in use: by a running server, or by another program", flag, address)
		return
	}
	if errors.Is(err, fs.ErrPermission) {
		d.warn("this account may not listen on --%s %s by itself; a service may, with CAP_NET_BIND_SERVICE", flag, address)
		return
	}
	var op *net.OpError
	if errors.As(err, &op) {
		err = op.Err
	}
	d.problem("--%s %s cannot be listened on (%v); choose another with --%s HOST:PORT", flag, address, err, flag)
}
