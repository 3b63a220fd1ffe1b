//go:build !linux

package backup

import (
	"errors"
	"os"
	"testing"
)

func limitFiles(uint64) error { return errors.New("only tried on Linux") }

// pipe stands for what is no regular file either.
func pipe(_ *testing.T, dir string) string { return dir }

func maxMemory(*os.ProcessState) int64 { return 0 }
