package testserver

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

// Client calls the REST gateway for somebody.
type Client struct {
	Base, Token string
	HTTP        *http.Client
}

// Client returns a client with a token, or for the public with "".
func (s *Server) Client(token string) *Client {
	return &Client{s.URL, token, &http.Client{Timeout: 30 * time.Second}}
}

// As is the same client with another token.
func (c *Client) As(token string) *Client { return &Client{c.Base, token, c.HTTP} }

// Do sends a request and reads the whole answer. A nil body sends none; key,
// if not empty, is the Idempotency-Key. The error is about the connection, not
// about the status.
func (c *Client) Do(ctx context.Context, method, path, key string, body []byte) (status int, answer []byte, err error) {
	var r io.Reader
	if body != nil {
		r = bytes.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.Base+path, r)
	if err != nil {
		return 0, nil, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
	}
	if c.Token != "" {
		req.Header.Set("Authorization", "Bearer "+c.Token)
	}
	resp, err := c.HTTP.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	answer, err = io.ReadAll(resp.Body)
	return resp.StatusCode, answer, err
}

// Call sends in as JSON and decodes the answer into out, which may be nil. Any
// status but 2xx is an error that holds the answer.
func (c *Client) Call(ctx context.Context, method, path string, in, out any) error {
	var body []byte
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = b
	}
	status, answer, err := c.Do(ctx, method, path, "", body)
	switch {
	case err != nil:
		return err
	case status/100 != 2:
		return fmt.Errorf("%s %s: %d %s", method, path, status, answer)
	case out == nil:
		return nil
	}
	return json.Unmarshal(answer, out)
}
