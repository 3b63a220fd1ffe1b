package cli

import (
	"bufio"
	"fmt"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/vault"
)

// confirm wants a word typed before something that cannot be undone; yes says
// that it was given on the command line.
func (p *program) confirm(yes bool, what, word string) error {
	if yes {
		return nil
	}
	fmt.Fprintf(p.stderr, "%s\nThis cannot be undone. Type %s to go on: ", what, word)
	typed := ""
	if p.stdin != nil {
		in := bufio.NewScanner(p.stdin)
		if in.Scan() {
			typed = strings.TrimSpace(in.Text())
		}
	}
	fmt.Fprintln(p.stderr)
	if typed != word {
		return exit(exitUsage, "%q was not typed: nothing was changed (--yes goes on without asking)", word)
	}
	return nil
}

// passphrase asks for a passphrase on the terminal, twice if it is a new one,
// or reads it from a file. It is never a flag's value: other accounts of the
// machine see those.
func (p *program) passphrase(file string, twice bool) (string, error) {
	if file != "" {
		return readPassphrase(file)
	}
	f, ok := p.stdin.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return "", exit(exitUsage, "there is no terminal to ask for the passphrase on: put it into a file that only you can read, and name it with --passphrase-file")
	}
	ask := func(prompt string) (string, error) {
		fmt.Fprint(p.stderr, prompt)
		typed, err := term.ReadPassword(int(f.Fd()))
		fmt.Fprintln(p.stderr)
		return string(typed), err
	}
	first, err := ask("Passphrase: ")
	if err != nil || !twice {
		return first, err
	}
	if err := vault.CheckPassphrase(first); err != nil {
		return "", err
	}
	second, err := ask("The same again: ")
	if err == nil && second != first {
		err = exit(exitUsage, "the two are not the same; nothing was written")
	}
	return first, err
}

func readPassphrase(file string) (string, error) {
	const most = 4096
	text, err := os.ReadFile(file)
	if err != nil {
		return "", exit(exitUsage, "cannot read the passphrase file %s: %w", file, cause(err))
	}
	first, _, _ := strings.Cut(string(text), "\n")
	if first = strings.TrimRight(first, "\r"); first == "" || len(text) > most {
		return "", applications.Errorf(applications.InvalidArgument, "PASSPHRASE_INVALID", "%s holds no passphrase: it is the first line of the file", file)
	}
	return first, nil
}
