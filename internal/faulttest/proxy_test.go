package faulttest

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"syscall"
	"testing"
	"time"
)

// echo is a server that answers with what it gets.
func echo(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_, _ = io.Copy(c, c) // ends with the connection
			}()
		}
	}()
	return ln.Addr().String()
}

func TestProxy(t *testing.T) {
	p, err := NewProxy(echo(t))
	if err != nil {
		t.Fatal(err)
	}
	dial := func() net.Conn {
		t.Helper()
		c, err := net.Dial("tcp", p.Address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	// said sends and reads back, and returns how long it took.
	said := func(c net.Conn, n int) time.Duration {
		t.Helper()
		want := make([]byte, n)
		for i := range want {
			want[i] = byte(rand.Uint32())
		}
		begin := time.Now()
		go c.Write(want)
		got := make([]byte, n)
		if _, err := io.ReadFull(c, got); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("other bytes came back: %v", err)
		}
		return time.Since(begin)
	}
	c := dial()
	said(c, 1<<20)

	p.BlackHole()
	_ = c.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	if _, err := c.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("out of the hole came %v", err)
	}
	late := dial()
	p.Heal()
	_ = c.SetReadDeadline(time.Time{})
	if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
		t.Fatalf("after the hole: %v", err)
	}
	said(late, 10)

	p.Delay(50 * time.Millisecond)
	if took := said(c, 10); took < 100*time.Millisecond {
		t.Errorf("with 50 ms each way it took %v", took)
	}
	p.Heal()
	p.Throttle(10_000)
	if took := said(c, 2000); took < 350*time.Millisecond {
		t.Errorf("at 10 kB/s 2 kB took %v", took)
	}
	p.Heal()

	p.Reset()
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("after a reset: %v", err)
	}
	p.Refuse()
	if refused, err := net.Dial("tcp", p.Address); err == nil {
		if _, err := refused.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("refused with %v", err)
		}
		refused.Close()
	}
	p.Heal()
	said(dial(), 1000)
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	if n := p.Connections(); n != 0 {
		t.Errorf("%d connections are left", n)
	}
}
