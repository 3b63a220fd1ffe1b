//go:build !unix

package pgcluster

import (
	"errors"
	"os/exec"
)

type account struct{}

func unprivileged() (*account, error) {
	return nil, errors.New("private PostgreSQL clusters are made on Linux and macOS only; name a server with FAIRLEAD_TEST_POSTGRES")
}

func (*account) own(string) error { return nil }

func (*account) become(*exec.Cmd) {}
