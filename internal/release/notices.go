package main

import (
	"bytes"
	"context"
	"debug/buildinfo"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// noticesFile goes into every archive: what the licenses of the code that is
// compiled into the program want to be handed on with it.
const noticesFile = "THIRD-PARTY-NOTICES.txt"

// noticeName is a file in a module's folder that says its terms.
var noticeName = regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice|patents)`)

// notices collects the license texts of Go itself and of every module that the
// program says it is made of, in the order of their names.
func notices(ctx context.Context, binary, folder string) ([]byte, error) {
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return nil, err
	}
	if len(info.Deps) == 0 {
		return nil, fmt.Errorf("%s does not say which modules it is made of", binary)
	}
	goRoot, err := output(ctx, "go", "env", "GOROOT")
	if err != nil {
		return nil, err
	}
	args := []string{"-C", folder, "list", "-m", "-f", "{{.Path}} {{.Version}}\t{{.Dir}}"}
	for _, m := range info.Deps {
		args = append(args, m.Path)
	}
	listed, err := output(ctx, "go", args...)
	if err != nil {
		return nil, err
	}
	modules := slices.Sorted(strings.Lines(listed + "\n"))
	if len(modules) != len(info.Deps) {
		return nil, fmt.Errorf("%d modules are in the program and %d in go.mod", len(info.Deps), len(modules))
	}
	out := &bytes.Buffer{}
	fmt.Fprintln(out, "Fairlead holds code of others, under these terms.")
	for _, m := range append([]string{"Go, its runtime and standard library\t" + goRoot}, modules...) {
		name, folder, _ := strings.Cut(strings.TrimSpace(m), "\t")
		if err := terms(out, name, folder); err != nil {
			return nil, err
		}
	}
	return out.Bytes(), nil
}

// terms writes the files of a module's folder that say its terms.
func terms(out *bytes.Buffer, name, folder string) error {
	files, err := os.ReadDir(folder) // sorted
	if err != nil {
		return err
	}
	found := false
	for _, f := range files {
		if f.IsDir() || !noticeName.MatchString(f.Name()) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(folder, f.Name()))
		if err != nil {
			return err
		}
		if !strings.HasPrefix(strings.ToLower(f.Name()), "patents") && len(bytes.TrimSpace(text)) > 0 {
			found = true
		}
		fmt.Fprintf(out, "\n%s\n%s, %s\n\n%s\n", strings.Repeat("=", 80), name, f.Name(), bytes.TrimRight(text, "\n"))
	}
	if !found {
		return fmt.Errorf("%s says nowhere under which license it is: do not hand it on", name)
	}
	return nil
}
