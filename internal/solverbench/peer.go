package solverbench

import (
	"bufio"
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

//go:embed peers.py
var peersScript []byte

// peer is another solver, driven by a Python script.
type peer struct {
	solver  Solver
	python  string
	script  string
	version string
}

// MissingError says what has to be installed by hand.
type MissingError struct{ What, Command string }

func (e *MissingError) Error() string {
	return fmt.Sprintf("%s is missing and could not be installed from here; run: %s", e.What, e.Command)
}

// openPeer prepares a peer, installing what it needs where that is possible:
// a Python environment in dir with the newest highspy and scipy, and CBC from
// Debian's coinor-cbc.
func openPeer(ctx context.Context, dir string, solver Solver, log io.Writer) (*peer, error) {
	p := &peer{solver: solver, script: filepath.Join(dir, "peers.py")}
	if err := os.WriteFile(p.script, peersScript, 0o644); err != nil {
		return nil, err
	}
	env := filepath.Join(dir, "python")
	p.python = filepath.Join(env, "bin", "python")
	if err := exec.CommandContext(ctx, p.python, "-c", "import highspy, scipy, numpy").Run(); err != nil {
		fmt.Fprintf(log, "installing highspy and scipy into %s\n", env)
		if out, err := exec.CommandContext(ctx, "python3", "-m", "venv", env).CombinedOutput(); err != nil {
			fmt.Fprintf(log, "%s", out)
			return nil, &MissingError{"Python with venv", "apt-get install -y python3-venv"}
		}
		if out, err := exec.CommandContext(ctx, p.python, "-m", "pip", "install", "--quiet", "--upgrade", "highspy", "scipy", "numpy").CombinedOutput(); err != nil {
			fmt.Fprintf(log, "%s", out)
			return nil, &MissingError{"highspy, scipy or numpy", p.python + " -m pip install highspy scipy numpy"}
		}
	}
	if _, err := exec.LookPath("cbc"); solver == CBC && err != nil {
		fmt.Fprintf(log, "installing coinor-cbc\n")
		if out, err := exec.CommandContext(ctx, "apt-get", "install", "-y", "coinor-cbc").CombinedOutput(); err != nil {
			fmt.Fprintf(log, "%s", out)
			return nil, &MissingError{"CBC", "apt-get install -y coinor-cbc"}
		}
	}
	out, err := exec.CommandContext(ctx, p.python, p.script, string(solver), "0").Output()
	if err != nil {
		return nil, fmt.Errorf("asking for its version: %w", withOutput(err))
	}
	p.version = strings.TrimSpace(string(out))
	return p, nil
}

// withOutput adds to the error of a command what it wrote to stderr.
func withOutput(err error) error {
	var exit *exec.ExitError
	if errors.As(err, &exit) && len(exit.Stderr) > 0 {
		return fmt.Errorf("%w: %s", err, bytes.TrimSpace(exit.Stderr))
	}
	return err
}

// patience is how many times its limit an instance may take on the clock before
// the peer is ended; it then counts as unfinished. The limit is one of CPU, and
// the machine may be busy.
const patience = 60

// solve solves the instances and hands each result over at once. One process
// solves many; if it dies or hangs, its current instance counts as unfinished
// and a new process goes on with the next.
func (p *peer) solve(ctx context.Context, open []*Instance, limit time.Duration, done func(*Instance, Result) error) error {
	for len(open) > 0 {
		finished, err := p.batch(ctx, open, limit, done)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if finished == len(open) {
			return err
		}
		if err == nil {
			err = errors.New("ended early")
		}
		in := open[finished]
		r := Result{Instance: in.Name, Digest: in.digest, Version: p.version, Limit: limit.Seconds(), Status: "unfinished", CPU: limit.Seconds()}
		if saved := done(in, r); saved != nil {
			return saved
		}
		if finished == 0 && !errors.Is(err, context.DeadlineExceeded) {
			return fmt.Errorf("on %s: %w", in.Name, err)
		}
		open = open[finished+1:]
	}
	return nil
}

// batch runs one process over the instances and returns how many it finished.
func (p *peer) batch(ctx context.Context, open []*Instance, limit time.Duration, done func(*Instance, Result) error) (int, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	args := []string{p.script, string(p.solver), strconv.FormatFloat(limit.Seconds(), 'f', -1, 64)}
	for _, in := range open {
		args = append(args, in.file)
	}
	cmd := exec.CommandContext(ctx, p.python, args...)
	cmd.WaitDelay = 5 * time.Second
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return 0, err
	}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	watch := time.AfterFunc(patience*limit, func() { cancel(context.DeadlineExceeded) })
	defer watch.Stop()
	finished := 0
	lines := bufio.NewScanner(out)
	for finished < len(open) && lines.Scan() {
		watch.Reset(patience * limit)
		var line struct {
			File, Status string
			Value, CPU   float64
		}
		in := open[finished]
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil || line.File != in.file {
			cancel(nil)
			_ = cmd.Wait()
			return finished, fmt.Errorf("unexpected output %q for %s", lines.Text(), in.Name)
		}
		r := Result{
			Instance: in.Name, Digest: in.digest, Version: p.version, Limit: limit.Seconds(),
			Status: line.Status, Value: nearest(line.Value), CPU: line.CPU,
		}
		if err := done(in, r); err != nil {
			cancel(nil)
			_ = cmd.Wait()
			return finished, err
		}
		finished++
	}
	if err := cmd.Wait(); err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return finished, fmt.Errorf("%w: %s", err, bytes.TrimSpace(stderr.Bytes()))
	}
	return finished, nil
}
