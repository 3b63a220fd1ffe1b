// Release builds what people download: the program for every platform, from
// what is committed, twice, in different folders and without anything from an
// earlier build, and fails if the bytes differ.
//
//	go run ./internal/release                  everything, into dist/
//	go run ./internal/release -compare link    the second time only link: minutes instead of an hour on two cores
//	go run ./internal/release -compare none    build once
//	go run ./internal/release -targets linux/amd64,darwin/arm64
//	go run ./internal/release -notices FILE    print the licenses of what is in a program
//
// Outside of a git checkout it builds the folder as it is; SOURCE_DATE_EPOCH
// (seconds since 1970) then says which time the archives carry.
package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// target is a platform.
type target struct{ os, arch string }

func (t target) String() string { return t.os + "/" + t.arch }

// targets are the platforms that a release is for.
var targets = []target{{"linux", "amd64"}, {"linux", "arm64"}, {"darwin", "amd64"}, {"darwin", "arm64"}, {"windows", "amd64"}, {"windows", "arm64"}}

// program is the file in the archive.
func (t target) program() string {
	if t.os == "windows" {
		return "fairlead.exe"
	}
	return "fairlead"
}

type options struct {
	out     string
	targets []target
	compare string // all, link or none
	here    bool   // a test's: build the tree as it lies there, out of the usual cache
	say     io.Writer
}

func main() {
	var names string
	o := options{say: os.Stdout}
	flag.StringVar(&o.out, "out", "dist", "folder for the archives and SHA256SUMS")
	flag.StringVar(&names, "targets", "", "only these, such as linux/amd64,darwin/arm64")
	flag.StringVar(&o.compare, "compare", "all", "how the second build is made: all (nothing from an earlier build), link (compiled packages are shared) or none")
	program := flag.String("notices", "", "print the licenses of all that is compiled into this program, and do nothing else")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var err error
	if !slices.Contains([]string{"all", "link", "none"}, o.compare) {
		err = fmt.Errorf("-compare %q: choose all, link or none", o.compare)
	} else if *program != "" {
		var text []byte
		if text, err = notices(ctx, *program, "."); err == nil {
			_, err = os.Stdout.Write(text)
		}
	} else if o.targets, err = choose(names); err == nil {
		err = release(ctx, o)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

func choose(names string) ([]target, error) {
	if names == "" {
		return targets, nil
	}
	var chosen []target
	for name := range strings.SplitSeq(names, ",") {
		i := slices.IndexFunc(targets, func(t target) bool { return t.String() == strings.TrimSpace(name) })
		if i < 0 {
			return nil, fmt.Errorf("-targets: there is no release for %q; there is %v", name, targets)
		}
		chosen = append(chosen, targets[i])
	}
	return chosen, nil
}

// release builds, compares, packs and tries what it built.
func release(ctx context.Context, o options) error {
	work, err := os.MkdirTemp("", "fairlead-release-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	src, err := export(ctx, filepath.Join(work, "first"), o.say)
	if err != nil {
		return err
	}
	if o.here {
		src.shared = true
		if src.folder, err = output(ctx, "go", "list", "-m", "-f", "{{.Dir}}"); err != nil {
			return err
		}
	}
	fmt.Fprintf(o.say, "fairlead %s, %s, %s\n", src.version, src.revisionText(), runtime.Version())
	again := source{}
	if o.compare != "none" {
		if again, err = export(ctx, filepath.Join(work, "second", "elsewhere"), io.Discard); err != nil {
			return err
		}
	}
	sums := map[string][sha256.Size]byte{}
	if err := os.MkdirAll(o.out, 0o755); err != nil {
		return err
	}
	for _, t := range o.targets {
		begin := time.Now()
		binary := filepath.Join(work, "bin", t.os+"-"+t.arch, t.program())
		if err := build(ctx, src, t, binary, ""); err != nil {
			return err
		}
		if err := static(binary, t); err != nil {
			return err
		}
		said := ""
		if o.compare != "none" {
			second := filepath.Join(work, "bin-again", t.os+"-"+t.arch, t.program())
			cache := ""
			if o.compare == "all" {
				cache = filepath.Join(work, "cache")
			}
			if err := build(ctx, again, t, second, cache); err != nil {
				return err
			}
			if err := same(binary, second); err != nil {
				return fmt.Errorf("%s: %w", t, err)
			}
			said = map[string]string{"all": ", twice the same bytes", "link": ", linked twice to the same bytes"}[o.compare]
		}
		tried, err := try(ctx, binary, t, src)
		if err != nil {
			return fmt.Errorf("%s: %w", t, err)
		}
		name := fmt.Sprintf("fairlead-%s-%s-%s", src.version, t.os, t.arch)
		others, err := notices(ctx, binary, src.folder)
		if err != nil {
			return err
		}
		archive, err := pack(o.out, name, t, binary, others, src)
		if err != nil {
			return err
		}
		if sums[filepath.Base(archive)], err = sum(archive); err != nil {
			return err
		}
		info, err := os.Stat(archive)
		if err != nil {
			return err
		}
		fmt.Fprintf(o.say, "%-42s %5.1f MB  %s%s, in %.0f s\n", filepath.Base(archive), float64(info.Size())/1e6, tried, said, time.Since(begin).Seconds())
	}
	return writeSums(filepath.Join(o.out, "SHA256SUMS"), sums)
}

// source is an exported tree.
type source struct {
	folder   string
	version  string
	revision string // of git; "" where there is none
	time     time.Time
	shared   bool // compiled packages are those of other builds of this tree
}

func (s source) revisionText() string {
	if s.revision == "" {
		return "no revision"
	}
	return "revision " + s.revision[:min(12, len(s.revision))]
}

// versionLine is where the source says its version.
var versionLine = regexp.MustCompile(`(?m)^const release = "([0-9A-Za-z.+-]+)"$`)

// export writes what is committed into a folder: no build depends on what lies
// about in a checkout.
func export(ctx context.Context, folder string, say io.Writer) (source, error) {
	s := source{folder: folder}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return s, err
	}
	root, err := output(ctx, "go", "list", "-m", "-f", "{{.Dir}}")
	if err != nil {
		return s, err
	}
	if s.revision, err = output(ctx, "git", "-C", root, "rev-parse", "HEAD"); err == nil {
		if changed, err := output(ctx, "git", "-C", root, "status", "--porcelain"); err == nil && changed != "" {
			fmt.Fprintln(say, "note: there are changes that are not committed; a release holds what is committed")
		}
		tree := filepath.Join(filepath.Dir(folder), "tree.tar")
		if _, err := output(ctx, "git", "-C", root, "archive", "--format=tar", "-o", tree, "HEAD"); err != nil {
			return s, err
		}
		if err := untar(tree, folder); err != nil {
			return s, err
		}
		seconds, err := output(ctx, "git", "-C", root, "show", "-s", "--format=%ct", "HEAD")
		if err != nil {
			return s, err
		}
		if s.time, err = epoch(seconds); err != nil {
			return s, err
		}
	} else {
		s.revision = ""
		if err := os.CopyFS(folder, os.DirFS(root)); err != nil {
			return s, err
		}
	}
	if given := os.Getenv("SOURCE_DATE_EPOCH"); given != "" {
		if s.time, err = epoch(given); err != nil {
			return s, fmt.Errorf("SOURCE_DATE_EPOCH: %w", err)
		}
	}
	if s.time.IsZero() {
		return s, errors.New("this is no git checkout: say with SOURCE_DATE_EPOCH which time the archives carry")
	}
	text, err := os.ReadFile(filepath.Join(folder, "internal", "cli", "version.go"))
	if err != nil {
		return s, err
	}
	m := versionLine.FindSubmatch(text)
	if m == nil {
		return s, errors.New("internal/cli/version.go does not say the version")
	}
	s.version = string(m[1])
	return s, nil
}

func epoch(seconds string) (time.Time, error) {
	n, err := strconv.ParseInt(strings.TrimSpace(seconds), 10, 64)
	if err != nil || n < 315532800 { // 1980, before which a zip file cannot say
		return time.Time{}, fmt.Errorf("%q is no time in seconds since 1970, after 1980", seconds)
	}
	return time.Unix(n, 0).UTC(), nil
}

// build compiles one program. A cache other than the usual one is for a build
// that shares nothing with an earlier one.
func build(ctx context.Context, s source, t target, to, cache string) error {
	const at = "github.com/openfairlead/fairlead/internal/cli."
	stamp := fmt.Sprintf("-s -w -buildid= -X %scommit=%s -X %scommitted=%s", at, s.revision, at, s.time.Format(time.RFC3339))
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags", stamp, "-o", to, "./cmd/fairlead")
	if s.shared {
		cmd.Args = slices.DeleteFunc(cmd.Args, func(a string) bool { return a == "-trimpath" }) // it compiles everything anew
	}
	cmd.Dir = s.folder
	cmd.Env = append(os.Environ(),
		"CGO_ENABLED=0", "GOOS="+t.os, "GOARCH="+t.arch, "GOAMD64=v1", "GOARM64=v8.0",
		// Nothing of whoever builds: neither flags nor experiments.
		"GOFLAGS=-mod=readonly", "GOEXPERIMENT=", "GOWORK=off", "GOENV=off", "GOFIPS140=off")
	for _, name := range []string{"GOPROXY", "GOSUMDB", "GONOSUMDB", "GOPRIVATE", "GONOSUMCHECK", "GOINSECURE", "GOMODCACHE", "GOTOOLCHAIN"} {
		// Where modules come from is the machine's to say; their sums are in go.sum.
		if v, err := output(ctx, "go", "env", name); err == nil && v != "" {
			cmd.Env = append(cmd.Env, name+"="+v)
		}
	}
	if cache != "" {
		cmd.Env = append(cmd.Env, "GOCACHE="+cache)
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building for %s: %w\n%s", t, err, out)
	}
	return nil
}

// same fails when two builds differ, and says from which byte on.
func same(first, second string) error {
	a, err := os.ReadFile(first)
	if err != nil {
		return err
	}
	b, err := os.ReadFile(second)
	if err != nil {
		return err
	}
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return fmt.Errorf("two builds of the same source differ from byte %d on (of %d and %d)", i, len(a), len(b))
		}
	}
	if len(a) != len(b) {
		return fmt.Errorf("two builds of the same source have %d and %d bytes", len(a), len(b))
	}
	return nil
}

// try runs what was built where this machine can, by itself or with QEMU's user
// mode, and says what came of it.
func try(ctx context.Context, binary string, t target, s source) (string, error) {
	args := []string{binary, "version"}
	switch {
	case t.os != runtime.GOOS:
		return "not run: it is for another system", nil
	case t.arch != runtime.GOARCH:
		emulator := map[string]string{"arm64": "qemu-aarch64-static", "amd64": "qemu-x86_64-static"}[t.arch]
		if _, err := exec.LookPath(emulator); err != nil || t.os != "linux" {
			return "not run: it is for another processor, and " + emulator + " is missing", nil
		}
		args = append([]string{emulator}, args...)
	}
	got, err := output(ctx, args[0], args[1:]...)
	if err != nil {
		return "", fmt.Errorf("the program does not run: %w", err)
	}
	if want := "fairlead " + s.version + " "; !strings.HasPrefix(got, want) || s.revision != "" && !strings.Contains(got, s.revision[:12]) || !strings.Contains(got, t.String()) {
		return "", fmt.Errorf("the program says %q, which is not version %s of %s for %s", got, s.version, s.revision, t)
	}
	return "runs", nil
}

func writeSums(file string, sums map[string][sha256.Size]byte) error {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(sums)) {
		fmt.Fprintf(&b, "%x  %s\n", sums[name], name)
	}
	return os.WriteFile(file, []byte(b.String()), 0o644)
}

func sum(file string) (digest [sha256.Size]byte, err error) {
	f, err := os.Open(file)
	if err != nil {
		return digest, err
	}
	defer f.Close()
	h := sha256.New()
	_, err = io.Copy(h, f)
	return [sha256.Size]byte(h.Sum(nil)), err
}

// output runs a program and returns what it printed, without the line end.
func output(ctx context.Context, name string, args ...string) (string, error) {
	var said strings.Builder
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w\n%s", name, err, said.String())
	}
	return strings.TrimSpace(string(out)), nil
}
