package demo

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAddressesAvoidTakenPorts(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	taken := l.Addr().String()
	got, err := addresses(taken)
	if err != nil {
		t.Fatal(err)
	}
	if got[0] == taken || !free(got[0]) {
		t.Errorf("got %s, which is taken", got[0])
	}
}

// fakeServe answers /readyz and leaves a token, as the real one does.
func fakeServe(ctx context.Context, args []string) error {
	flag := map[string]string{}
	for i := 0; i+1 < len(args); i += 2 {
		flag[args[i]] = args[i+1]
	}
	if err := os.MkdirAll(flag["--data"], 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(flag["--data"], "admin.token"), []byte("secret\n"), 0o600); err != nil {
		return err
	}
	l, err := net.Listen("tcp", flag["--ops"])
	if err != nil {
		return err
	}
	s := &http.Server{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})}
	go func() {
		<-ctx.Done()
		s.Close()
	}()
	if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// A port that somebody takes between the look and the start costs one try.
func TestStartTriesOtherPorts(t *testing.T) {
	tries := 0
	s, err := start(t.Context(), t.TempDir(), "", func(ctx context.Context, args []string, _ io.Writer) error {
		if tries++; tries == 1 {
			return errors.New("address already in use")
		}
		return fakeServe(ctx, args)
	})
	if err != nil {
		t.Fatal(err)
	}
	if s.adminToken != "secret" || tries != 2 {
		t.Errorf("token %q after %d tries", s.adminToken, tries)
	}
	if err := s.stop(); err != nil {
		t.Error(err)
	}
}

// A server that cannot start is told with what it said.
func TestStartTellsWhatTheServerSaid(t *testing.T) {
	_, err := start(t.Context(), t.TempDir(), "", func(_ context.Context, _ []string, log io.Writer) error {
		io.WriteString(log, "the disk is full\n")
		return errors.New("exit code 1")
	})
	if err == nil || !strings.Contains(err.Error(), "the disk is full") {
		t.Errorf("got %v", err)
	}
}
