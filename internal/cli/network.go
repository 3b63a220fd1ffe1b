package cli

import (
	"net"
	"net/netip"
	"net/url"
	"strings"

	"github.com/spf13/pflag"

	"github.com/openfairlead/fairlead/internal/server"
)

// network is how people and programs reach the server.
type network struct {
	ports          server.Ports
	publicURL      string
	trustedProxies []string
}

func (n *network) flags(f *pflag.FlagSet) {
	f.StringVar(&n.ports.HTTP, "http", "127.0.0.1:8080", "address of the REST API and the pages")
	f.StringVar(&n.ports.GRPC, "grpc", "127.0.0.1:9090", "address of the gRPC API")
	f.StringVar(&n.ports.Ops, "ops", "127.0.0.1:9091", "address of /livez, /readyz and /metrics")
	f.StringVar(&n.ports.TLSCert, "tls-cert", "", "certificate chain (PEM) to serve HTTP and gRPC over TLS; read again when it changes")
	f.StringVar(&n.ports.TLSKey, "tls-key", "", "private key (PEM) of --tls-cert")
	f.BoolVar(&n.ports.BehindProxy, "behind-proxy", false, "a proxy in front does TLS: allow listening off this machine without it")
	f.StringSliceVar(&n.trustedProxies, "trusted-proxies", nil, "networks (CIDR) whose X-Forwarded-For is believed")
	f.StringVar(&n.publicURL, "public-url", "", "address that people type, such as https://apply.example.org; makes links, secure cookies and HSTS")
}

// read checks the flags and touches nothing but the certificate's files.
func (n *network) read() (publicURL string, proxies []netip.Prefix, err error) {
	if n.publicURL != "" {
		u, err := url.Parse(n.publicURL)
		if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.User != nil {
			return "", nil, exit(exitUsage, "--public-url %q: write it as https://HOST, without a path", n.publicURL)
		}
		publicURL = u.Scheme + "://" + u.Host
	}
	for _, text := range n.trustedProxies {
		p, err := netip.ParsePrefix(strings.TrimSpace(text))
		if err != nil {
			a, addrErr := netip.ParseAddr(strings.TrimSpace(text))
			if addrErr != nil {
				return "", nil, exit(exitUsage, "--trusted-proxies %q: write networks as 10.0.0.0/8 or single addresses", text)
			}
			p = netip.PrefixFrom(a, a.BitLen())
		}
		if p.Bits() == 0 {
			return "", nil, exit(exitUsage, "--trusted-proxies %q is everybody: anybody could then claim to be anybody; name the proxy's own network", text)
		}
		proxies = append(proxies, p)
	}
	return publicURL, proxies, n.ports.Check()
}

// public lists the flags whose ports other machines can reach.
func (n *network) public() []string {
	var flags []string
	for _, one := range []struct{ flag, address string }{{"--http", n.ports.HTTP}, {"--grpc", n.ports.GRPC}, {"--ops", n.ports.Ops}} {
		if host, _, err := net.SplitHostPort(one.address); err == nil && !server.IsLoopback(host) {
			flags = append(flags, one.flag)
		}
	}
	return flags
}
