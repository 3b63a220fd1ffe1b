package load

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/openfairlead/fairlead/internal/demo"
)

// Call is one open call for applications on a server, and who applies to it:
// invented people, whose names, addresses and phone numbers say so.
type Call struct {
	Address string // host:port of the server's REST API, without TLS
	Program string // id

	staff  string            // token that reads everything
	people []json.RawMessage // what they answer, without who they are
}

// variety is how many different sets of answers a call's applicants give. Who
// they are differs for each.
const variety = 500

// Open makes a program of the preset that ships, opens it, and invents the
// people who will apply. token may make programs and tokens.
func Open(ctx context.Context, address, token, program string) (*Call, error) {
	c := &Call{Address: address, Program: program}
	admin := &Staff{Base: "http://" + address, Token: token}
	now := time.Now().UTC().Truncate(time.Second)
	nobody := map[string]string{"en": "This call measures a server; everybody in it is invented, and nobody answers here."}
	err := admin.Do(ctx, http.MethodPost, "/v1/programs?programId="+program, map[string]any{
		"preset": "presets/north-sound", "contact": nobody, "effort": nobody,
		"window": map[string]any{"openTime": now.Add(-time.Hour), "closeTime": now.Add(30 * 24 * time.Hour), "timeZone": "America/Los_Angeles"},
	}, nil)
	if err != nil {
		return nil, err
	}
	if err := admin.Do(ctx, http.MethodPost, "/v1/programs/"+program+":open", struct{}{}, nil); err != nil {
		return nil, err
	}
	var made struct{ Secret string }
	err = admin.Do(ctx, http.MethodPost, "/v1/tokens", map[string]any{
		"label": "load", "grants": []any{map[string]string{"role": "ROLE_FACILITATOR"}},
	}, &made)
	if err != nil {
		return nil, err
	}
	c.staff = made.Secret
	var form json.RawMessage
	if err := admin.Do(ctx, http.MethodGet, "/v1/programs/"+program+"/forms/current", nil, &form); err != nil {
		return nil, err
	}
	people, err := demo.Applicants(form, "load", variety)
	if err != nil {
		return nil, err
	}
	for _, p := range people {
		var parts map[string]json.RawMessage
		if err := json.Unmarshal(p, &parts); err != nil {
			return nil, err
		}
		delete(parts, "contact")
		b, err := json.Marshal(parts)
		if err != nil {
			return nil, err
		}
		c.people = append(c.people, b)
	}
	return c, nil
}

// Body is application n, the same bytes each time.
func (c *Call) Body(n int) []byte {
	answers := c.people[n%len(c.people)]
	contact := fmt.Appendf(nil, `{"contact":{"name":%q,"email":%q,"phone":"360-555-01%02d"},`, name(n), email(n), n%100)
	return append(contact, answers[1:]...)
}

func name(n int) string  { return fmt.Sprintf("Invented Applicant %07d", n) }
func email(n int) string { return fmt.Sprintf("applicant-%07d@example.org", n) }

// Staff calls the REST API for somebody with a token.
type Staff struct{ Base, Token string }

// Do sends in as JSON, unless nil, and decodes the answer into out, unless nil.
// Any status but 2xx is an error that holds the answer.
func (s *Staff) Do(ctx context.Context, method, path string, in, out any) error {
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, s.Base+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if s.Token != "" {
		req.Header.Set("Authorization", "Bearer "+s.Token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	answer, err := io.ReadAll(resp.Body)
	if err = errors.Join(err, resp.Body.Close()); err != nil {
		return err
	}
	switch {
	case resp.StatusCode/100 != 2:
		return fmt.Errorf("%s %s: %d %s", method, path, resp.StatusCode, answer)
	case out == nil:
		return nil
	}
	return json.Unmarshal(answer, out)
}
