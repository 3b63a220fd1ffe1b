package chain

import (
	"net/netip"
	"strings"
)

// ClientAddress is who calls: the connection's other end, or, when that is a
// trusted proxy, what it says in X-Forwarded-For: the last address there that
// is no trusted proxy itself. Whatever stands before that address its sender
// made up, so nobody can choose to be somebody else. Behind an entry that is no
// address, the proxy that passed it on counts.
//
// An address that is not valid is that of nobody: a connection without one.
func ClientAddress(remote netip.Addr, forwarded []string, trusted []netip.Prefix) netip.Addr {
	addr := remote.Unmap().WithZone("")
	if !IsTrusted(addr, trusted) {
		return addr
	}
	for i := len(forwarded) - 1; i >= 0; i-- { // several headers are one list
		hops := strings.Split(forwarded[i], ",")
		for j := len(hops) - 1; j >= 0; j-- {
			hop, ok := parseHop(hops[j])
			if !ok {
				return addr
			}
			if addr = hop; !IsTrusted(addr, trusted) {
				return addr
			}
		}
	}
	return addr
}

// parseHop reads an address as proxies write it: alone, or with a port, or, for
// IPv6, in brackets.
func parseHop(text string) (netip.Addr, bool) {
	text = strings.TrimSpace(text)
	a, err := netip.ParseAddr(text)
	if err != nil {
		if inside, ok := strings.CutPrefix(text, "["); ok && strings.HasSuffix(inside, "]") {
			a, err = netip.ParseAddr(strings.TrimSuffix(inside, "]"))
			if err == nil && !a.Is6() {
				return a, false
			}
		} else {
			var ap netip.AddrPort
			ap, err = netip.ParseAddrPort(text)
			a = ap.Addr()
		}
	}
	return a.Unmap().WithZone(""), err == nil
}

// IsTrusted reports whether an address is in one of the networks.
func IsTrusted(a netip.Addr, trusted []netip.Prefix) bool {
	a = a.Unmap().WithZone("")
	for _, p := range trusted {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// AddressKey is what callers without a token are counted by: an IPv4 address,
// or the /64 that a household or an office has of IPv6.
func AddressKey(a netip.Addr) string {
	a = a.Unmap().WithZone("")
	if a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			return "address " + p.String()
		}
	}
	return "address " + a.String()
}
