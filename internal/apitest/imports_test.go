package apitest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/openfairlead/fairlead/"

// A pkg is a package of ours, without its tests.
type pkg struct {
	path    string   // within the module: "internal/server"
	imports []string // ours within the module, others in full
	deps    []string // everything it is built from
}

// A house rule says of the packages it is for what they must not import.
type houseRule struct {
	name string
	why  string
	of   func(path string) bool
	// direct and deep return what is wrong with one import, or "": of the
	// package itself, and of anything that it is built from.
	direct func(imported string) string
	deep   func(dep string) string
}

var houseRules = []houseRule{
	{
		name: "engine",
		why:  "matcher imports the standard library and itself, and nothing that reads a clock, a file, a network or the system's randomness",
		of:   within("matcher"),
		direct: func(i string) string {
			switch {
			case within("matcher")(i):
				return ""
			case !standard(i):
				return "neither the standard library nor matcher"
			case slices.Contains([]string{"time", "os", "net", "syscall", "log", "crypto/rand", "plugin", "unsafe"}, i),
				within("os")(i), within("net")(i), within("log")(i), within("database")(i):
				return "a result would depend on more than its inputs"
			}
			return ""
		},
	},
	{
		name: "verifier",
		why:  "matcher/verify shares nothing with the solvers but the vocabulary and the arithmetic of draws",
		of:   within("matcher/verify"),
		direct: func(i string) string {
			if within("matcher")(i) && i != "matcher" && i != "matcher/draw" && !within("matcher/verify")(i) {
				return "a check that shares code with what it checks proves nothing"
			}
			return ""
		},
		deep: func(d string) string {
			if within("matcher")(d) && d != "matcher" && d != "matcher/draw" && !within("matcher/verify")(d) {
				return "a check that shares code with what it checks proves nothing"
			}
			return ""
		},
	},
	{
		name: "service",
		why:  "applications, mentoring and introductions know no wire format, no SQL and no HTTP",
		of: func(p string) bool {
			return either(within("applications"), within("mentoring"), within("introductions"))(p) && !within("mentoring/scoring")(p)
		},
		direct: func(i string) string {
			switch {
			case standard(i), within("matcher")(i), within("golang.org/x/text")(i):
				return ""
			case pureRoom(i), within("applications")(i), within("mentoring")(i), within("introductions")(i):
				return ""
			}
			return "the service's rules need nothing of it"
		},
		deep: wireOrStore,
	},
	{
		name: "scoring",
		why:  "scores are made of profiles, a rules file and the endings of words, and of nothing of the service",
		of:   within("mentoring/scoring"),
		direct: func(i string) string {
			switch {
			case standard(i), within("matcher")(i), within("golang.org/x/text")(i):
				return ""
			case i == "gopkg.in/yaml.v3", within("github.com/blevesearch/snowballstem")(i):
				return ""
			}
			return "scores need nothing of it"
		},
		deep: wireOrStore,
	},
	{
		name:   "applications apart from mentoring and introductions",
		why:    "the three domains do not know each other",
		of:     within("applications"),
		direct: never(either(within("mentoring"), within("introductions")), "the three domains do not know each other"),
	},
	{
		name:   "mentoring apart from applications and introductions",
		why:    "the three domains do not know each other",
		of:     within("mentoring"),
		direct: never(either(within("applications"), within("introductions")), "the three domains do not know each other"),
	},
	{
		name:   "introductions apart from applications and mentoring",
		why:    "the three domains do not know each other",
		of:     within("introductions"),
		direct: never(either(within("applications"), within("mentoring")), "the three domains do not know each other"),
	},
	{
		name: "pure rooms",
		why:  "what the service's rules are built from is as pure as they are",
		of:   pureRoom,
		direct: func(i string) string {
			if standard(i) || within("matcher")(i) || pureRoom(i) || within("golang.org/x/text")(i) {
				return ""
			}
			return "only the standard library, matcher, x/text and each other"
		},
		deep: wireOrStore,
	},
	{
		name: "wire types",
		why:  "only internal/server turns wire types into domain types and back; clients and the document generator may read them",
		of: func(p string) bool {
			return !within("internal/server")(p) && !within("gen")(p) && !within("cmd")(p) &&
				!within("internal/cli")(p) && p != "internal/openapi"
		},
		direct: never(within("gen"), "wire types stay at the border"),
	},
	{
		name: "SQL",
		why:  "internal/sqlstore alone knows SQL; a test's own server is made with some, too",
		of: func(p string) bool {
			return !either(within("internal/sqlstore"), within("internal/pgcluster"), within("internal/pgtest"))(p)
		},
		direct: never(func(i string) bool {
			return within("database/sql")(i) || within("modernc.org/sqlite")(i) || within("github.com/jackc/pgx/v5")(i)
		}, "SQL stays in internal/sqlstore"),
	},
	{
		name: "pages",
		why:  "internal/web calls the service in process: no wire types, no server, no store, no gRPC",
		of:   within("internal/web"),
		direct: func(i string) string {
			if within("gen")(i) || within("internal/server")(i) || within("internal/sqlstore")(i) || within("google.golang.org/grpc")(i) {
				return "the pages call the service in process"
			}
			return ""
		},
	},
	{
		name:   "store and pages apart from the server",
		why:    "data flows one way: server, service, store",
		of:     either(within("internal/sqlstore"), within("internal/vault"), within("internal/audit")),
		direct: never(either(within("internal/server"), within("internal/web"), within("gen"), within("net/http")), "the store is called, it does not call"),
	},
}

// pureRoom is what the domain packages share: permissions, filters and lists,
// errors, what calls have in common, the audit log's lines, texts, work under a lease.
var pureRoom = either(equal("internal/access"), equal("internal/calls"), equal("internal/filter"), equal("internal/leased"), equal("internal/listing"),
	equal("internal/logbook"), equal("internal/problem"), equal("internal/words"))

func within(root string) func(string) bool {
	return func(path string) bool { return path == root || strings.HasPrefix(path, root+"/") }
}

func equal(path string) func(string) bool { return func(p string) bool { return p == path } }

func either(fs ...func(string) bool) func(string) bool {
	return func(p string) bool {
		return slices.ContainsFunc(fs, func(f func(string) bool) bool { return f(p) })
	}
}

func never(what func(string) bool, why string) func(string) string {
	return func(i string) string {
		if what(i) {
			return why
		}
		return ""
	}
}

// standard reports whether an import is of the standard library: its first
// part is no host, and it is none of our rooms.
func standard(i string) bool {
	first, _, _ := strings.Cut(i, "/")
	return !strings.Contains(first, ".") && !slices.Contains(rooms, first)
}

var rooms = []string{"applications", "cmd", "gen", "internal", "introductions", "matcher", "mentoring"}

// wireOrStore names what a pure package must not even be built from.
func wireOrStore(d string) string {
	for _, bad := range []string{"gen", "net/http", "database/sql", "google.golang.org/grpc", "google.golang.org/protobuf"} {
		if within(bad)(d) {
			return "that is wire or storage"
		}
	}
	return ""
}

// broken returns every import that breaks a rule.
func broken(pkgs []pkg) []string {
	var found []string
	for _, rule := range houseRules {
		for _, p := range pkgs {
			if !rule.of(p.path) {
				continue
			}
			for _, i := range p.imports {
				if why := rule.direct(i); why != "" {
					found = append(found, fmt.Sprintf("%s: %s imports %s: %s", rule.name, p.path, i, why))
				}
			}
			if rule.deep == nil {
				continue
			}
			for _, d := range p.deps {
				if why := rule.deep(d); why != "" {
					found = append(found, fmt.Sprintf("%s: %s is built from %s: %s", rule.name, p.path, d, why))
				}
			}
		}
	}
	return found
}

// packages asks go list for every package of the module. planted adds files
// by path, without writing them into the tree.
func packages(t *testing.T, planted map[string]string) []pkg {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"list", "-e", "-json=ImportPath,Imports,Deps"}
	if len(planted) > 0 {
		dir, replace := t.TempDir(), map[string]string{}
		for name, text := range planted {
			file := filepath.Join(dir, fmt.Sprintf("%d.go", len(replace)))
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			replace[filepath.Join(root, name)] = file
		}
		overlay, err := json.Marshal(map[string]any{"Replace": replace})
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(dir, "overlay.json")
		if err := os.WriteFile(file, overlay, 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, "-overlay", file)
	}
	cmd := exec.Command("go", append(args, "./...")...)
	cmd.Dir = root
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	short := func(path string) string { return strings.TrimPrefix(path, module) }
	var pkgs []pkg
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct {
			ImportPath    string
			Imports, Deps []string
		}
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return pkgs
		} else if err != nil {
			t.Fatal(err)
		}
		one := pkg{path: short(p.ImportPath)}
		for _, i := range p.Imports {
			one.imports = append(one.imports, short(i))
		}
		for _, d := range p.Deps {
			one.deps = append(one.deps, short(d))
		}
		pkgs = append(pkgs, one)
	}
}

func TestHouseRules(t *testing.T) {
	pkgs := packages(t, nil)
	for _, b := range broken(pkgs) {
		t.Error(b)
	}
	for _, room := range []string{"matcher", "matcher/selection", "applications", "internal/server", "internal/sqlstore", "internal/web"} {
		if !slices.ContainsFunc(pkgs, func(p pkg) bool { return p.path == room && len(p.imports) > 0 }) {
			t.Errorf("go list does not show %s: the rules were not checked", room)
		}
	}
}

// The test can fail: files planted in the tree, for go list's eyes only, are
// found by the rule they break, also where the import is not their own.
func TestHouseRulesFindPlantedImports(t *testing.T) {
	found := broken(packages(t, map[string]string{
		"matcher/planted.go":               "package matcher\n\nimport _ \"time\"\n",
		"matcher/lp/planted.go":            "package lp\n\nimport _ \"github.com/google/uuid\"\n",
		"matcher/verify/planted.go":        "package verify\n\nimport _ \"github.com/openfairlead/fairlead/matcher/planted\"\n",
		"matcher/planted/planted.go":       "package planted\n\nimport _ \"github.com/openfairlead/fairlead/matcher/lp\"\n",
		"applications/planted.go":          "package applications\n\nimport _ \"net/http\"\n",
		"applications/planted2.go":         "package applications\n\nimport _ \"github.com/openfairlead/fairlead/mentoring\"\n",
		"mentoring/planted.go":             "package mentoring\n\nimport _ \"github.com/openfairlead/fairlead/gen/fairlead/v1\"\n",
		"mentoring/apart/planted.go":       "package apart\n\nimport _ \"github.com/openfairlead/fairlead/applications\"\n",
		"introductions/planted.go":         "package introductions\n\nimport _ \"github.com/openfairlead/fairlead/mentoring\"\n",
		"mentoring/scoring/planted.go":     "package scoring\n\nimport _ \"github.com/openfairlead/fairlead/internal/problem\"\n",
		"internal/access/planted.go":       "package access\n\nimport _ \"github.com/openfairlead/fairlead/internal/vault\"\n",
		"internal/audit/planted.go":        "package audit\n\nimport _ \"github.com/openfairlead/fairlead/gen/fairlead/v1\"\n",
		"internal/web/planted.go":          "package web\n\nimport _ \"github.com/openfairlead/fairlead/internal/server/problem\"\n",
		"internal/server/chain/planted.go": "package chain\n\nimport _ \"modernc.org/sqlite\"\n",
	}))
	for _, want := range []string{
		"engine: matcher imports time",
		"engine: matcher/lp imports github.com/google/uuid",
		"verifier: matcher/verify imports matcher/planted",
		"verifier: matcher/verify is built from matcher/lp",
		"service: applications is built from net/http",
		"service: mentoring imports gen/fairlead/v1",
		"scoring: mentoring/scoring imports internal/problem",
		"applications apart from mentoring and introductions: applications imports mentoring",
		"mentoring apart from applications and introductions: mentoring/apart imports applications",
		"introductions apart from applications and mentoring: introductions imports mentoring",
		"pure rooms: internal/access imports internal/vault",
		"wire types: internal/audit imports gen/fairlead/v1",
		"SQL: internal/server/chain imports modernc.org/sqlite",
		"pages: internal/web imports internal/server/problem",
		"store and pages apart from the server: internal/audit imports gen/fairlead/v1",
	} {
		if !slices.ContainsFunc(found, func(f string) bool { return strings.HasPrefix(f, want+":") }) {
			t.Errorf("not found: %s", want)
		}
	}
	for _, rule := range houseRules {
		if !slices.ContainsFunc(found, func(f string) bool { return strings.HasPrefix(f, rule.name+": ") }) {
			t.Errorf("nothing was planted for the rule %q", rule.name)
		}
	}
}

// clientUse are the names of net/http with which one calls a server.
var clientUse = []string{
	"Client", "DefaultClient", "DefaultTransport", "Transport", "Get", "Head", "Post", "PostForm", "NewRequest", "NewRequestWithContext",
}

// httpCalls returns where a Go file calls servers over HTTP.
func httpCalls(name string, src any) ([]string, error) {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, name, src, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	local := ""
	for _, i := range file.Imports {
		if i.Path.Value == `"net/http"` {
			local = "http"
			if i.Name != nil {
				local = i.Name.Name
			}
		}
	}
	var found []string
	ast.Inspect(file, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok && local != "" {
			if x, ok := s.X.(*ast.Ident); ok && x.Name == local && slices.Contains(clientUse, s.Sel.Name) {
				found = append(found, fmt.Sprintf("%s: http.%s", fset.Position(s.Pos()), s.Sel.Name))
			}
		}
		return true
	})
	return found, nil
}

// The pages never speak HTTP to their own server.
func TestPagesAreNoHTTPClient(t *testing.T) {
	read := 0
	err := filepath.WalkDir("../web", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		read++
		found, err := httpCalls(path, nil)
		for _, f := range found {
			t.Error(f)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if read == 0 {
		t.Error("no file of internal/web was read")
	}
	planted, err := httpCalls("planted.go", "package web\n\nimport h \"net/http\"\n\nvar c = &h.Client{}\n\nfunc f() { h.Get(\"http://localhost:8080/\") }\n")
	if err != nil || len(planted) != 2 {
		t.Errorf("a planted client was not found: %v, %v", planted, err)
	}
}
