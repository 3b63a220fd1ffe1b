// Command samebytes checks that another kind of processor writes the same
// records, byte by byte: it builds itself for arm64, selects by lottery from
// invented pools here and there, the latter under QEMU's user mode, and compares
// the records' digests line by line.
package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/openfairlead/fairlead/internal/lotterybench"
	"github.com/openfairlead/fairlead/matcher/ballot"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	count := flag.Int("instances", 200, "number of pools")
	write := flag.Bool("write", false, "write the digests of the records and compare nothing")
	flag.Parse()
	var err error
	if *write {
		err = records(ctx, *count)
	} else {
		err = compare(ctx, *count)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// records writes a line for each pool: its name, the status and the digest of
// the whole record, lottery, book, proofs and the cohort drawn from a fixed seed
// included.
func records(ctx context.Context, count int) error {
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	families := lotterybench.Families()
	for i := range count {
		f := families[i%len(families)]
		in := f.New(20+i%4*4, uint64(i))
		r, _, err := ballot.Seal(ctx, in.People, in.Criteria, ballot.Options{Engine: "samebytes"})
		if err != nil {
			return fmt.Errorf("%s: %w", in.Name, err)
		}
		if r.Undrawn() {
			if r, err = ballot.Draw(r, ballot.FromSeed(r, fmt.Sprintf("seed %d", i))); err != nil {
				return fmt.Errorf("%s: %w", in.Name, err)
			}
		}
		fmt.Fprintf(out, "%s: %s %d cohorts %x\n", in.Name, r.Status, len(r.Lottery.Book), sha256.Sum256(r.AppendJSON(nil)))
		if err := out.Flush(); err != nil {
			return err
		}
	}
	return nil
}

// emulator runs programs of arm64.
const emulator = "qemu-aarch64-static"

func compare(ctx context.Context, count int) error {
	if runtime.GOOS != "linux" || runtime.GOARCH == "arm64" {
		return errors.New("this compares arm64 under QEMU with the processor it runs on: run it on Linux on another one")
	}
	if _, err := exec.LookPath(emulator); err != nil {
		if out, err := exec.CommandContext(ctx, "apt-get", "install", "-y", "qemu-user-static").CombinedOutput(); err != nil {
			return fmt.Errorf("%s is missing and could not be installed; run: apt-get install -y qemu-user-static\n%s", emulator, out)
		}
	}
	dir, err := os.MkdirTemp("", "samebytes-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	run := func(arch string, before ...string) ([]byte, error) {
		program := filepath.Join(dir, arch)
		build := exec.CommandContext(ctx, "go", "build", "-o", program, "./internal/samebytes")
		build.Env = append(os.Environ(), "GOOS=linux", "GOARCH="+arch, "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("building for %s: %w\n%s", arch, err, out)
		}
		args := append(before, program, "-write", fmt.Sprintf("-instances=%d", count))
		cmd := exec.CommandContext(ctx, args[0], args[1:]...)
		var out, stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &stderr
		if err := cmd.Run(); err != nil {
			return nil, fmt.Errorf("running on %s: %w\n%s", arch, err, stderr.Bytes())
		}
		return out.Bytes(), nil
	}
	start := time.Now()
	here, err := run(runtime.GOARCH)
	if err != nil {
		return err
	}
	mine := time.Since(start)
	there, err := run("arm64", emulator)
	if err != nil {
		return err
	}
	a, b := strings.Split(strings.TrimSpace(string(here)), "\n"), strings.Split(strings.TrimSpace(string(there)), "\n")
	if len(a) != count || len(b) != count {
		return fmt.Errorf("%d and %d records of %d", len(a), len(b), count)
	}
	optimal := 0
	for i := range a {
		if a[i] != b[i] {
			return fmt.Errorf("records differ:\n%s: %s\narm64: %s", runtime.GOARCH, a[i], b[i])
		}
		if strings.Contains(a[i], ": OPTIMAL ") {
			optimal++
		}
	}
	fmt.Printf("%d records are the same bytes on %s (%v) and on arm64 under QEMU (%v); %d of them draw a cohort\n",
		count, runtime.GOARCH, mine.Round(time.Second), (time.Since(start) - mine).Round(time.Second), optimal)
	return nil
}
