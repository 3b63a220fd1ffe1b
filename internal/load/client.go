package load

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"
)

// connection is an HTTP/1.1 connection of its own: http.Client would cost as
// much as a fast server does, on a machine that has to run both.
type connection struct {
	address string
	dial    func(ctx context.Context, network, address string) (net.Conn, error)

	conn net.Conn
	r    *bufio.Reader
	out  []byte
}

// answer is what came back for one request.
type answer struct {
	status     int
	retryAfter time.Duration // of the header; 0: none
	body       []byte
}

// post sends one request and reads its whole answer, by the deadline. After an
// error the connection is closed; the next call makes a new one.
func (c *connection) post(ctx context.Context, deadline time.Time, path, key string, body []byte) (answer, error) {
	a, err := c.try(ctx, deadline, path, key, body)
	if err != nil {
		c.close()
	}
	return a, err
}

func (c *connection) try(ctx context.Context, deadline time.Time, path, key string, body []byte) (a answer, err error) {
	if c.conn == nil {
		ctx, cancel := context.WithDeadline(ctx, deadline)
		defer cancel()
		if c.conn, err = c.dial(ctx, "tcp", c.address); err != nil {
			return a, err
		}
		c.r = bufio.NewReaderSize(c.conn, 16<<10)
	}
	if err := c.conn.SetDeadline(deadline); err != nil {
		return a, err
	}
	c.out = append(c.out[:0], "POST "...)
	c.out = append(c.out, path...)
	c.out = append(c.out, " HTTP/1.1\r\nHost: "...)
	c.out = append(c.out, c.address...)
	c.out = append(c.out, "\r\nContent-Type: application/json\r\nIdempotency-Key: "...)
	c.out = append(c.out, key...)
	c.out = append(c.out, "\r\nContent-Length: "...)
	c.out = strconv.AppendInt(c.out, int64(len(body)), 10)
	c.out = append(c.out, "\r\n\r\n"...)
	c.out = append(c.out, body...)
	if _, err := c.conn.Write(c.out); err != nil {
		return a, err
	}
	resp, err := http.ReadResponse(c.r, nil)
	if err != nil {
		return a, err
	}
	a.status = resp.StatusCode
	if s, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil {
		a.retryAfter = time.Duration(s) * time.Second
	}
	a.body, err = io.ReadAll(resp.Body)
	err = errors.Join(err, resp.Body.Close())
	if err == nil && resp.Close {
		c.close()
	}
	return a, err
}

func (c *connection) close() {
	if c.conn != nil {
		_ = c.conn.Close() // nothing is left to send
	}
	c.conn = nil
}
