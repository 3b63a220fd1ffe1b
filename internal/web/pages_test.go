package web

import (
	"bytes"
	"crypto/sha256"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

func sha256Sum(b []byte) [32]byte { return sha256.Sum256(b) }

// TestEveryPage renders every page in every language with full, empty and
// hostile data, and reads what came out.
func TestEveryPage(t *testing.T) {
	s := newTestServer()
	for _, lang := range s.Languages {
		seen := map[string]bool{}
		samples := samplePages(s, lang)
		for _, name := range slices.Sorted(maps.Keys(samples)) {
			v := samples[name]
			template, _, _ := strings.Cut(name, " ")
			seen[template] = true
			t.Run(lang+"/"+name, func(t *testing.T) {
				b := renderTo(t, s, template, v)
				readPage(t, b, lang, false)
				if dir := os.Getenv("FAIRLEAD_PAGES"); dir != "" {
					writePage(t, dir, lang+"-"+strings.ReplaceAll(name, " ", "-"), b)
				}
			})
			t.Run(lang+"/"+name+"/empty", func(t *testing.T) {
				empty := reflect.New(reflect.TypeOf(v).Elem()).Interface().(view)
				f := empty.base()
				f.Lang, f.tongue, f.Title, f.Brand, f.BrandHref = lang, tongue(lang), "Empty", phrase{"Empty", "en"}, "/"
				readPage(t, renderTo(t, s, template, empty), lang, false)
			})
			t.Run(lang+"/"+name+"/hostile", func(t *testing.T) {
				poison(reflect.ValueOf(v).Elem(), "")
				readPage(t, renderTo(t, s, template, v), lang, true)
			})
		}
		for _, template := range s.pages[tongue(lang)].Templates() {
			if page, ok := strings.CutPrefix(template.Name(), "page "); ok && !seen[page] {
				t.Errorf("no sample of the page %q", page)
			}
		}
	}
}

func renderTo(t *testing.T, s *server, template string, v view) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := s.pages.execute(&b, template, v); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// canary closes whatever context it may stand in: text, attributes of either
// quote, comments, scripts, styles, addresses, template actions.
const canary = `javascript:canary()//'"` + "`" + `><script>canary()</script><img src=x onerror=canary()>--></style></title>{{.}}`

// enumerations are fields that choose what a template shows; they never carry
// what somebody wrote.
var enumerations = map[string]bool{"Lang": true, "State": true, "Kind": true, "Tone": true, "Here": true, "Type": true, "tongue": true}

// poison puts the canary into every string of a view model.
func poison(v reflect.Value, name string) {
	switch v.Kind() {
	case reflect.String:
		if v.CanSet() && !enumerations[name] && v.Type().Name() != "HTML" && v.String() != "" {
			v.SetString(canary)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			poison(v.Field(i), v.Type().Field(i).Name)
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			poison(v.Index(i), name)
		}
	case reflect.Pointer:
		if !v.IsNil() {
			poison(v.Elem(), name)
		}
	}
}

var ourScript = regexp.MustCompile(`^/assets/[0-9a-f]{12}/[a-z]+\.js$`)

var dangerous = regexp.MustCompile(`^(on|style$|srcdoc$|formaction$)`)

// readPage reads a page as a browser does and looks for what must never be
// there, and for what has to be.
func readPage(t *testing.T, b []byte, lang string, hostile bool) {
	t.Helper()
	if len(b) > 100_000 {
		t.Errorf("the page weighs %d bytes, more than 100 kB", len(b))
	}
	doc, err := html.Parse(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	ids, refs, labels := map[string]int{}, map[string]string{}, map[string]bool{}
	var controls []*html.Node
	h1, mains, title := 0, 0, ""
	lastHeading := 0
	for n := range doc.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		attr := map[string]string{}
		for _, a := range n.Attr {
			if dangerous.MatchString(a.Key) {
				t.Errorf("<%s> has the attribute %s", n.Data, a.Key)
			}
			if strings.Contains(a.Key, "canary") || strings.Contains(a.Key, "{{") {
				t.Errorf("<%s>: the canary became the attribute %q", n.Data, a.Key)
			}
			attr[a.Key] = a.Val
		}
		for _, key := range []string{"href", "src", "action"} {
			if strings.HasPrefix(strings.TrimSpace(strings.ToLower(attr[key])), "javascript:") {
				t.Errorf("<%s %s=%q>", n.Data, key, attr[key])
			}
			if v := attr[key]; strings.HasPrefix(v, "http:") || strings.HasPrefix(v, "https:") || strings.HasPrefix(v, "//") {
				t.Errorf("<%s %s=%q> leads elsewhere", n.Data, key, v)
			}
		}
		switch n.Data {
		case "script":
			// A module of ours, by its name; never anything inline.
			if n.FirstChild != nil || attr["type"] != "module" || !ourScript.MatchString(attr["src"]) && !hostile {
				t.Errorf("there is a script that is not a module of ours: %v", attr)
			}
		case "style", "iframe", "object", "embed", "base", "img":
			t.Errorf("there is a <%s>", n.Data)
		case "html":
			if attr["lang"] != lang {
				t.Errorf("html lang is %q", attr["lang"])
			}
		case "title":
			if n.Parent.Data == "head" && n.FirstChild != nil {
				title = n.FirstChild.Data
			}
		case "main":
			mains++
		case "h1", "h2", "h3", "h4":
			level := int(n.Data[1] - '0')
			if level == 1 {
				h1++
			}
			if level > lastHeading+1 && !inside(n, "header") {
				t.Errorf("h%d after h%d", level, lastHeading)
			}
			lastHeading = level
		case "label":
			labels[attr["for"]] = true
		case "input", "textarea", "select":
			if attr["type"] != "hidden" {
				controls = append(controls, n)
			}
		case "form":
			// What only looks may be asked for by an address, so that it can be sent on.
			if attr["method"] != "post" && !(attr["method"] == "get" && (strings.HasSuffix(attr["action"], "/swap") || strings.HasSuffix(attr["action"], "/try"))) && !hostile {
				t.Error("a form that does not post")
			}
		}
		if id := attr["id"]; id != "" && !hostile {
			ids[id]++
		}
		for _, key := range []string{"for", "aria-labelledby", "aria-describedby"} {
			for id := range strings.FieldsSeq(attr[key]) {
				refs[id] = n.Data + " " + key
			}
		}
		if href := attr["href"]; strings.HasPrefix(href, "#") && len(href) > 1 {
			refs[href[1:]] = "link"
		}
	}
	if h1 != 1 || mains != 1 {
		t.Errorf("%d h1 and %d main", h1, mains)
	}
	if title == "" {
		t.Error("no title")
	}
	if hostile {
		return
	}
	for id, n := range ids {
		if n > 1 {
			t.Errorf("id %q is there %d times", id, n)
		}
	}
	for id, where := range refs {
		if ids[id] == 0 {
			t.Errorf("%s points to %q, which is not there", where, id)
		}
	}
	for _, c := range controls {
		id := ""
		for _, a := range c.Attr {
			if a.Key == "id" {
				id = a.Val
			}
		}
		if !labels[id] && !inside(c, "label") {
			t.Errorf("the field %q has no label", id)
		}
	}
}

func inside(n *html.Node, element string) bool {
	for p := n.Parent; p != nil; p = p.Parent {
		if p.Data == element {
			return true
		}
	}
	return false
}

// writePage keeps a page as a file that a browser can open: for looking at
// pages without a server.
func writePage(t *testing.T, dir, name string, b []byte) {
	t.Helper()
	b = bytes.ReplaceAll(b, []byte("/assets/"+assetTag+"/"), nil)
	if err := os.WriteFile(filepath.Join(dir, name+".html"), b, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, asset := range []string{"app.css", "mark.svg", "criteria.js"} {
		b, err := assetFiles.ReadFile("assets/" + asset)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, asset), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
