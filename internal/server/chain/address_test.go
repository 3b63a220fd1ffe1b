package chain

import (
	"net/netip"
	"strings"
	"testing"
)

// TestClientAddress is the matrix of what callers and proxies may say about
// who calls.
func TestClientAddress(t *testing.T) {
	proxies := []netip.Prefix{
		netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("127.0.0.1/32"), netip.MustParsePrefix("2001:db8:aaaa::/48"), netip.MustParsePrefix("fe80::/10"),
	}
	const stranger, proxy, proxy6 = "203.0.113.9", "10.1.2.3", "2001:db8:aaaa::1"
	for _, c := range []struct {
		name, remote string
		forwarded    []string
		trusted      []netip.Prefix
		want         string
	}{
		{"nobody says anything", stranger, nil, proxies, stranger},
		{"a stranger claims to be somebody", stranger, []string{"198.51.100.7"}, proxies, stranger},
		{"a stranger claims to be a proxy", stranger, []string{"10.1.2.3"}, proxies, stranger},
		{"a stranger claims to be this machine", stranger, []string{"127.0.0.1, ::1"}, proxies, stranger},
		{"nobody is trusted", proxy, []string{"198.51.100.7"}, nil, proxy},
		{"a proxy says for whom", proxy, []string{"198.51.100.7"}, proxies, "198.51.100.7"},
		{"a proxy appends to what a stranger made up", proxy, []string{"1.1.1.1, 2.2.2.2, 198.51.100.7"}, proxies, "198.51.100.7"},
		{"a stranger made up a whole header", proxy, []string{"1.1.1.1", "198.51.100.7"}, proxies, "198.51.100.7"},
		{"a stranger made up a trusted chain", proxy, []string{"1.1.1.1, 10.9.9.9", "198.51.100.7, 10.1.1.1"}, proxies, "198.51.100.7"},
		{"two proxies in a row", proxy, []string{"198.51.100.7, 10.9.9.9"}, proxies, "198.51.100.7"},
		{"a proxy's proxy is not trusted", proxy, []string{"198.51.100.7, 192.0.2.1"}, proxies, "192.0.2.1"},
		{"everybody in the chain is a proxy", proxy, []string{"10.4.4.4, 10.9.9.9"}, proxies, "10.4.4.4"},
		{"a proxy says nothing", proxy, nil, proxies, proxy},
		{"an empty header", proxy, []string{""}, proxies, proxy},
		{"only commas", proxy, []string{",,,"}, proxies, proxy},
		{"words", proxy, []string{"unknown"}, proxies, proxy},
		{"words before an address", proxy, []string{"unknown, 198.51.100.7"}, proxies, "198.51.100.7"},
		{"words after an address", proxy, []string{"198.51.100.7, unknown"}, proxies, proxy},
		{"an empty entry after an address", proxy, []string{"198.51.100.7, "}, proxies, proxy},
		{"an address with a port", proxy, []string{"198.51.100.7:51234"}, proxies, "198.51.100.7"},
		{"a port that is none", proxy, []string{"198.51.100.7:512345"}, proxies, proxy},
		{"IPv6", proxy, []string{"2001:db8::7"}, proxies, "2001:db8::7"},
		{"IPv6 in brackets", proxy, []string{"[2001:db8::7]"}, proxies, "2001:db8::7"},
		{"IPv6 with a port", proxy, []string{"[2001:db8::7]:443"}, proxies, "2001:db8::7"},
		{"IPv4 in brackets", proxy, []string{"[198.51.100.7]"}, proxies, proxy},
		{"IPv4 written as IPv6", proxy, []string{"::ffff:198.51.100.7"}, proxies, "198.51.100.7"},
		{"a trusted IPv4 written as IPv6", "::ffff:10.1.2.3", []string{"198.51.100.7, ::ffff:10.9.9.9"}, proxies, "198.51.100.7"},
		{"a proxy over IPv6", proxy6, []string{"198.51.100.7"}, proxies, "198.51.100.7"},
		{"a neighbor of a proxy over IPv6", "2001:db8:aaab::1", []string{"198.51.100.7"}, proxies, "2001:db8:aaab::1"},
		{"an interface's name", "fe80::1%eth0", []string{"fe80::2%\"<x>\", 2001:db8::7%eth9"}, proxies, "2001:db8::7"},
		{"octets with zeros in front", proxy, []string{"198.051.100.007"}, proxies, proxy},
		{"a number", proxy, []string{"3325256711"}, proxies, proxy},
		{"a network", proxy, []string{"198.51.100.0/24"}, proxies, proxy},
		{"a name", proxy, []string{"localhost"}, proxies, proxy},
		{"control characters", proxy, []string{"198.51.100.7\x00"}, proxies, proxy},
		{"a long chain of proxies", proxy, []string{"198.51.100.7" + strings.Repeat(", 10.0.0.1", 3000)}, proxies, "198.51.100.7"},
		{"RFC 7239 words", proxy, []string{`for="198.51.100.7"`}, proxies, proxy},
	} {
		if got := ClientAddress(netip.MustParseAddr(c.remote), c.forwarded, c.trusted); got.String() != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
	if got := ClientAddress(netip.Addr{}, []string{"198.51.100.7"}, proxies); got.IsValid() {
		t.Errorf("a connection without an address is %s", got)
	}
}

// FuzzClientAddress: whatever is in the header, a stranger stays who they are,
// and behind a proxy the last entry counts if it is an address.
func FuzzClientAddress(f *testing.F) {
	f.Add("198.51.100.7, 10.0.0.1", "203.0.113.9")
	f.Add("[::1]:80,,%", "::ffff:10.0.0.1")
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	f.Fuzz(func(t *testing.T, header, remote string) {
		a, err := netip.ParseAddr(remote)
		if err != nil {
			return
		}
		got := ClientAddress(a, []string{header}, trusted)
		if plain := a.Unmap().WithZone(""); !trusted[0].Contains(plain) && got != plain {
			t.Fatalf("%q from %s is %s", header, remote, got)
		}
		if !got.IsValid() || got.Zone() != "" {
			t.Fatalf("%q from %s is %q", header, remote, got)
		}
		said := ClientAddress(netip.MustParseAddr("10.0.0.1"), []string{header + ", 198.51.100.7"}, trusted)
		if said.String() != "198.51.100.7" {
			t.Fatalf("%q made the proxy's own entry %s", header, said)
		}
	})
}

func TestAddressKey(t *testing.T) {
	for a, want := range map[string]string{
		"198.51.100.7": "address 198.51.100.7", "::ffff:198.51.100.7": "address 198.51.100.7",
		"2001:db8:1:2:3:4:5:6": "address 2001:db8:1:2::/64", "2001:db8:1:2::1": "address 2001:db8:1:2::/64", "fe80::1%eth0": "address fe80::/64",
	} {
		if got := AddressKey(netip.MustParseAddr(a)); got != want {
			t.Errorf("%s: %q, want %q", a, got, want)
		}
	}
}
