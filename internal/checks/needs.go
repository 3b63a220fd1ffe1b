package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/openfairlead/fairlead/internal/pgcluster"
)

// need is a program from outside that a check runs.
type need struct {
	what    string
	have    func() bool
	install []string // Debian packages
}

var (
	compiler = need{"a C compiler (the race detector links with it)", onPath("gcc", "clang", "cc"), []string{"gcc", "libc6-dev"}}
	browser  = need{"Chromium", onPath("chromium", "chromium-browser", "google-chrome"), []string{"chromium", "fonts-dejavu-core"}}
	postgres = need{"PostgreSQL 15 or later (the store's other database)", pgcluster.Installed, []string{pgcluster.Package}}
	curl     = need{"curl (the README's commands call it)", onPath("curl"), []string{"curl"}}
	nginx    = need{"nginx (the set-up behind a proxy runs a real one)", onPath("nginx", "/usr/sbin/nginx"), []string{"nginx-light"}}
	// nodePackages: axe-core comes by npm, with the lock file's exact version.
	nodePackages = need{"npm", onPath("npm"), []string{"npm"}}
)

func onPath(names ...string) func() bool {
	return func() bool {
		for _, n := range names {
			if _, err := exec.LookPath(n); err == nil {
				return true
			}
		}
		return false
	}
}

// needs makes sure of every need: it installs what is missing if it may, and
// otherwise returns an error with the line that a person can run.
func needs(ctx context.Context, r *report, all ...need) error {
	var packages, missing []string
	for _, n := range all {
		if !n.have() {
			missing = append(missing, n.what)
			packages = append(packages, n.install...)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	// Two checks may install at the same time: the second waits for the first.
	const get = "apt-get -o DPkg::Lock::Timeout=300 "
	line := get + "update && " + get + "install -y --no-install-recommends " + strings.Join(packages, " ")
	_, err := exec.LookPath("apt-get")
	if err != nil || os.Geteuid() != 0 {
		return fmt.Errorf("missing: %s. On Debian or Ubuntu run\n    sudo sh -c '%s'\nand start again", strings.Join(missing, ", "), line)
	}
	r.say("installing %s", strings.Join(packages, " "))
	cmd := program(ctx, "sh", "-c", line)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("missing: %s; installing failed: %w\n%s", strings.Join(missing, ", "), err, out)
	}
	for _, n := range all {
		if !n.have() {
			return fmt.Errorf("%s is still missing after\n    %s", n.what, line)
		}
	}
	return nil
}
