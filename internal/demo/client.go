package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"
)

// client speaks to the REST gateway as any other program would.
type client struct {
	base  string // "http://127.0.0.1:8080"
	token string // "" for the public
	http  *http.Client
}

// as returns the same client with somebody else's token.
func (c *client) as(token string) *client {
	d := *c
	d.token = token
	return &d
}

func (c *client) get(ctx context.Context, path string, out any) error {
	return c.call(ctx, http.MethodGet, path, nil, out)
}

// post sends a change. The Idempotency-Key makes it safe to send again.
func (c *client) post(ctx context.Context, path string, in, out any) error {
	return c.call(ctx, http.MethodPost, path, in, out)
}

func (c *client) call(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if method != http.MethodGet {
		b, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Idempotency-Key", uuid.NewString())
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("%s %s: %s", method, path, problem(resp.StatusCode, b))
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(b, out); err != nil {
		return fmt.Errorf("%s %s: the answer is not what the API describes: %w", method, path, err)
	}
	return nil
}

// problem says an application/problem+json answer in one line.
func problem(status int, body []byte) string {
	var p struct {
		Detail, Reason string
		Violations     []struct{ Field, Message string }
	}
	if json.Unmarshal(body, &p) != nil {
		return http.StatusText(status)
	}
	s := strings.TrimSpace(fmt.Sprintf("%d %s %s", status, p.Reason, p.Detail))
	for _, v := range p.Violations {
		s += fmt.Sprintf("; %s: %s", v.Field, v.Message)
	}
	return s
}

// newClient talks to one server at a time, so a single kept connection does.
func newClient(base string) *client {
	return &client{base: base, http: &http.Client{Timeout: 30 * time.Second}}
}
