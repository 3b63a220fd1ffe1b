package gateway

import (
	"net/http/httptest"
	"net/netip"
	"slices"
	"testing"

	_ "github.com/openfairlead/fairlead/gen/fairlead/v1"
)

func TestAllowed(t *testing.T) {
	all := newRoutes()
	for path, want := range map[string][]string{
		"/v1/programs":                       {"GET", "HEAD", "POST"},
		"/v1/programs/p":                     {"DELETE", "GET", "HEAD", "PATCH"},
		"/v1/programs/p:open":                {"POST"},
		"/v1/programs/p/applications/a":      {"GET", "HEAD", "PATCH"},
		"/v1/programs/p/applications/a:read": {"POST"},
		"/v1/programs/p/selections/s/result": {"GET", "HEAD"},
		"/v1/programs//applications":         nil,
		"/v1/nothing":                        nil,
	} {
		if got := all.allowed(path); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", path, got, want)
		}
	}
	if !all.streams("GET", "/v1/programs/p/selections/s:watch") || all.streams("GET", "/v1/programs/p/selections/s") {
		t.Error("streams are not told from other answers")
	}
}

func TestClientAddress(t *testing.T) {
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	for _, c := range []struct {
		name, remote string
		forwarded    []string
		want         string
	}{
		{"direct", "203.0.113.9:1234", nil, "203.0.113.9"},
		{"direct, claiming to be forwarded", "203.0.113.9:1234", []string{"198.51.100.1"}, "203.0.113.9"},
		{"one proxy", "10.0.0.1:1234", []string{"198.51.100.1"}, "198.51.100.1"},
		{"two proxies", "10.0.0.1:1234", []string{"198.51.100.1, 10.2.2.2"}, "198.51.100.1"},
		{"forged first hop", "10.0.0.1:1234", []string{"192.0.2.1, 198.51.100.1"}, "198.51.100.1"},
		{"two headers", "10.0.0.1:1234", []string{"192.0.2.1", "198.51.100.1"}, "198.51.100.1"},
		{"nonsense hop", "10.0.0.1:1234", []string{"somebody"}, "10.0.0.1"},
		{"only proxies", "10.0.0.1:1234", []string{"10.0.0.2"}, "10.0.0.2"},
		{"IPv6 proxy", "[::1]:1234", []string{"2001:db8::5"}, "2001:db8::5"},
		{"IPv4 in IPv6", "[::ffff:10.0.0.1]:1234", []string{"198.51.100.1"}, "198.51.100.1"},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = c.remote
		r.Header["X-Forwarded-For"] = c.forwarded
		if got := ClientAddress(r, trusted).String(); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}
