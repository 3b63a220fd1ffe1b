package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// remote is a server and a program of it, as `import` and `export` name them.
type remote struct {
	server  string
	program string
}

func (r *remote) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&r.server, "server", "http://127.0.0.1:8080", "address of the server; the token comes from the environment variable FAIRLEAD_TOKEN")
	cmd.Flags().StringVar(&r.program, "program", "", "id of the program")
	_ = cmd.MarkFlagRequired("program") // the flag exists
}

// request is one call of the REST API.
type request struct {
	method, path string
	contentType  string
	body         io.Reader
	key          string // Idempotency-Key
}

// send sends a request and returns the answer of a call that succeeded. The
// caller closes its body.
func (r *remote) send(ctx context.Context, q request) (*http.Response, error) {
	base, err := url.Parse(r.server)
	if err != nil || base.Host == "" || (base.Scheme != "http" && base.Scheme != "https") {
		return nil, exit(exitUsage, "--server %q: write it as https://HOST[:PORT]", r.server)
	}
	token := strings.TrimSpace(os.Getenv("FAIRLEAD_TOKEN"))
	if token == "" {
		return nil, exit(exitUsage, "there is no token: put it into the environment variable FAIRLEAD_TOKEN")
	}
	req, err := http.NewRequestWithContext(ctx, q.method, base.JoinPath(q.path).String(), q.body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	if q.contentType != "" {
		req.Header.Set("Content-Type", q.contentType)
	}
	if q.key != "" {
		req.Header.Set("Idempotency-Key", q.key)
	}
	client := &http.Client{
		Timeout: 15 * time.Minute, // an import of 100,000 rows over a slow line
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse // the token is for this server only
		},
	}
	resp, err := client.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err // without the URL, which names the program
		}
		return nil, exit(exitUnreachable, "the server %s cannot be reached: %w", base.Host, err)
	}
	if resp.StatusCode/100 != 2 {
		defer resp.Body.Close()
		return nil, remoteError(resp)
	}
	return resp, nil
}

// remoteError reads what a server said went wrong.
func remoteError(resp *http.Response) error {
	var p struct {
		Detail, Reason string
		Violations     []struct{ Field, Message string }
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil || !strings.HasPrefix(resp.Header.Get("Content-Type"), "application/problem+json") || json.Unmarshal(body, &p) != nil {
		return exit(exitUnreachable, "the server answered %s in words that are not Fairlead's; is --server right?", resp.Status)
	}
	code := exitData
	switch {
	case resp.StatusCode == http.StatusUnauthorized, resp.StatusCode == http.StatusForbidden:
		code = exitUsage
	case resp.StatusCode == http.StatusTooManyRequests, resp.StatusCode == http.StatusServiceUnavailable, resp.StatusCode == http.StatusGatewayTimeout:
		code = exitUnreachable
	case resp.StatusCode >= 500:
		code = exitInternal
	}
	text := p.Detail
	for _, v := range p.Violations {
		text += fmt.Sprintf("\n  %s: %s", v.Field, v.Message)
	}
	return exit(code, "%s", text)
}

// decode reads a JSON answer.
func decode(resp *http.Response, into any) error {
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(into); err != nil {
		return exit(exitUnreachable, "the answer of the server broke off: %w", err)
	}
	return nil
}
