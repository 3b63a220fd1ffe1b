package server

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"time"
)

// How the certificate is watched.
const (
	certificatePoll = 5 * time.Second
	// CertificateSoon is how long before its end a certificate is warned of.
	CertificateSoon = 14 * 24 * time.Hour
)

// Certificate is a certificate file as it can be served.
type Certificate struct {
	tls.Certificate
	digest [sha256.Size]byte // of both files
}

// ReadCertificate reads a certificate chain and its private key. Its errors say
// what to mend, and never quote the files.
func ReadCertificate(certFile, keyFile string) (*Certificate, error) {
	return readCertificate(certFile, keyFile, time.Now())
}

func readCertificate(certFile, keyFile string, now time.Time) (*Certificate, error) {
	chain, key, digest, err := readPair(certFile, keyFile)
	if err != nil {
		return nil, err
	}
	return parseCertificate(certFile, keyFile, chain, key, digest, now)
}

func readPair(certFile, keyFile string) (chain, key []byte, digest [sha256.Size]byte, err error) {
	if chain, err = os.ReadFile(certFile); err != nil {
		return nil, nil, digest, fmt.Errorf("--tls-cert %s cannot be read: %w", certFile, bare(err))
	}
	if key, err = os.ReadFile(keyFile); err != nil {
		return nil, nil, digest, fmt.Errorf("--tls-key %s cannot be read: %w", keyFile, bare(err))
	}
	h := sha256.New()
	fmt.Fprintf(h, "%d\n", len(chain)) // says where the one ends
	h.Write(chain)
	h.Write(key)
	return chain, key, [sha256.Size]byte(h.Sum(nil)), nil
}

func parseCertificate(certFile, keyFile string, chain, key []byte, digest [sha256.Size]byte, now time.Time) (*Certificate, error) {
	pair, err := tls.X509KeyPair(chain, key)
	if err != nil {
		switch {
		case !bytes.Contains(chain, []byte("-----BEGIN CERTIFICATE-----")):
			return nil, fmt.Errorf("--tls-cert %s holds no certificate in PEM form; give the chain that begins with the server's own certificate, often named fullchain.pem", certFile)
		case !bytes.Contains(key, []byte("PRIVATE KEY-----")):
			return nil, fmt.Errorf("--tls-key %s holds no private key in PEM form", keyFile)
		case bytes.Contains(key, []byte("ENCRYPTED")):
			return nil, fmt.Errorf("--tls-key %s is protected by a passphrase, which a server cannot type; give it without one, readable for this account only", keyFile)
		}
		return nil, fmt.Errorf("--tls-cert %s and --tls-key %s do not belong together, or one of them is damaged: %w", certFile, keyFile, err)
	}
	if !now.Before(pair.Leaf.NotAfter) {
		return nil, fmt.Errorf("--tls-cert %s: the certificate ended on %s; renew it", certFile, day(pair.Leaf.NotAfter))
	}
	if now.Before(pair.Leaf.NotBefore) {
		return nil, fmt.Errorf("--tls-cert %s: the certificate begins only on %s; is the clock of this machine right?", certFile, day(pair.Leaf.NotBefore))
	}
	return &Certificate{pair, digest}, nil
}

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }

// bare is what the system said, without the path, which the message names.
func bare(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// certificate is what is served. It is read again when its files change, so
// that a renewed one needs no restart; one that cannot be used changes nothing
// but the log.
type certificate struct {
	certFile, keyFile string

	mu     sync.Mutex
	served *Certificate

	// Of the watch alone.
	refused  [sha256.Size]byte // the files that were last found unusable
	missing  string            // why they could not even be read
	pending  bool              // found at one look, told at the next: files are replaced one after the other
	nextWarn time.Time         // that the end is near
}

func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return &c.served.Certificate, nil
}

// config serves the certificate, to clients of TLS 1.2 and later.
func (c *certificate) config(protocols ...string) *tls.Config {
	return &tls.Config{GetCertificate: c.get, MinVersion: tls.VersionTLS12, NextProtos: protocols}
}

func (c *certificate) leaf() *x509.Certificate {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.served.Leaf
}

// watch looks at the files until ctx ends.
func (c *certificate) watch(log *slog.Logger) func(context.Context) {
	return func(ctx context.Context) {
		tick := time.NewTicker(certificatePoll)
		defer tick.Stop()
		for {
			c.look(log, time.Now())
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	}
}

// look takes up a changed certificate, or says why not, once for each change.
func (c *certificate) look(log *slog.Logger, now time.Time) {
	defer c.warn(log, now)
	chain, key, digest, err := readPair(c.certFile, c.keyFile)
	if err != nil {
		if c.missing != err.Error() {
			c.missing, c.pending = err.Error(), true
			return
		}
		c.tell(log, err)
		return
	}
	c.missing = ""
	c.mu.Lock()
	same := digest == c.served.digest
	c.mu.Unlock()
	if same {
		c.refused, c.pending = [sha256.Size]byte{}, false
		return
	}
	renewed, err := parseCertificate(c.certFile, c.keyFile, chain, key, digest, now)
	if err != nil {
		if c.refused != digest {
			c.refused, c.pending = digest, true
			return
		}
		c.tell(log, err)
		return
	}
	c.mu.Lock()
	c.served = renewed
	c.mu.Unlock()
	c.refused, c.pending, c.nextWarn = [sha256.Size]byte{}, false, time.Time{}
	log.Info("took up the changed TLS certificate", "file", c.certFile, "ends", day(renewed.Leaf.NotAfter))
}

func (c *certificate) tell(log *slog.Logger, err error) {
	if !c.pending {
		return
	}
	c.pending = false
	log.Error("the changed TLS certificate cannot be used; the one from before is served until it ends", "error", err, "ends", day(c.leaf().NotAfter))
}

// warn says every day that the end is near.
func (c *certificate) warn(log *slog.Logger, now time.Time) {
	end := c.leaf().NotAfter
	if now.Before(end.Add(-CertificateSoon)) || now.Before(c.nextWarn) {
		return
	}
	c.nextWarn = now.Add(24 * time.Hour)
	if now.Before(end) {
		log.Warn("the TLS certificate ends soon; renew it", "file", c.certFile, "ends", day(end))
		return
	}
	log.Error("the TLS certificate has ended; browsers and clients refuse it", "file", c.certFile, "ended", day(end))
}
