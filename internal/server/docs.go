package server

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/openfairlead/fairlead/gen/openapi"
)

//go:embed docs.html.tmpl
var docsTemplate string

//go:embed docs.css
var docsStyle []byte

// documentation serves the OpenAPI document and a page made from it.
func documentation(mux *http.ServeMux) {
	mux.HandleFunc("GET /openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "max-age=300")
		_, _ = w.Write(openapi.JSON) // the caller has gone: nobody to tell
	})
	// Made at the first visit: most servers are never asked for it.
	page := sync.OnceValues(func() ([]byte, error) { return docsPage(openapi.JSON) })
	mux.HandleFunc("GET /docs", func(w http.ResponseWriter, _ *http.Request) {
		html, err := page()
		if err != nil {
			panic(fmt.Sprintf("the documentation page: %v", err)) // a test makes it
		}
		h := w.Header()
		h.Set("Content-Type", "text/html; charset=utf-8")
		h.Set("Cache-Control", "max-age=300")
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
		_, _ = w.Write(html)
	})
	mux.HandleFunc("GET /docs/docs.css", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/css; charset=utf-8")
		w.Header().Set("Cache-Control", "max-age=300")
		_, _ = w.Write(docsStyle)
	})
}

// docsPage renders the page from an OpenAPI document.
func docsPage(document []byte) ([]byte, error) {
	var d apiDocument
	if err := json.Unmarshal(document, &d); err != nil {
		return nil, err
	}
	t, err := template.New("docs").Funcs(template.FuncMap{
		"kind": (*apiSchema).kind, "anchor": anchor, "short": shortName,
	}).Parse(docsTemplate)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = t.Execute(&b, d.view())
	return b.Bytes(), err
}

// apiDocument is what the page needs of an OpenAPI document.
type apiDocument struct {
	Info struct{ Title, Description, Version string }
	Tags []struct{ Name, Description string }
	// Paths holds operations by path and by method in small letters.
	Paths      map[string]map[string]apiOperation
	Components struct{ Schemas map[string]*apiSchema }
}

type apiOperation struct {
	Summary, Description string
	Tags                 []string
	Parameters           []struct {
		Name, In, Description string
		Required              bool
		Schema                *apiSchema
	}
	RequestBody struct {
		Content map[string]struct{ Schema *apiSchema }
	}
	Responses map[string]struct {
		Description string
		Content     map[string]struct{ Schema *apiSchema }
	}
	Permission string `json:"x-permission"`

	Method, Path string `json:"-"`
}

type apiSchema struct {
	Ref                  string `json:"$ref"`
	Type, Format         string
	Description          string
	Enum                 []string
	ReadOnly             bool
	Items                *apiSchema
	AdditionalProperties json.RawMessage // a schema, or true or false
	Properties           map[string]*apiSchema
	Required             []string
	AllOf                []*apiSchema
}

// reference is the schema that s stands for by name, or "".
func (s *apiSchema) reference() string {
	if s == nil {
		return ""
	}
	if s.Ref != "" {
		return strings.TrimPrefix(s.Ref, "#/components/schemas/")
	}
	for _, part := range s.AllOf {
		if name := part.reference(); name != "" {
			return name
		}
	}
	return ""
}

// kind names the type of a field, with links to the types of this document.
func (s *apiSchema) kind() template.HTML {
	switch name := s.reference(); {
	case s == nil:
		return "anything"
	case name != "":
		return template.HTML(`<a href="#` + template.HTMLEscapeString(anchor(name)) + `">` + template.HTMLEscapeString(shortName(name)) + `</a>`)
	case s.Type == "array":
		return "list of " + s.Items.kind()
	case s.Type == "object" && len(s.AdditionalProperties) > 0:
		value := &apiSchema{}
		if json.Unmarshal(s.AdditionalProperties, value) != nil {
			value = nil // true: any value
		}
		return "map to " + value.kind()
	case s.Format != "":
		return template.HTML(template.HTMLEscapeString(s.Type + " (" + s.Format + ")"))
	case s.Type == "":
		return "anything"
	}
	return template.HTML(template.HTMLEscapeString(s.Type))
}

func shortName(name string) string { return strings.TrimPrefix(name, "fairlead.v1.") }

func anchor(name string) string { return "type-" + shortName(name) }

// docsView is the page's model, everything in the order of the page.
type docsView struct {
	Title, Description, Version string
	Groups                      []docsGroup
	Types                       []docsType
}

type docsGroup struct {
	Name, Description string
	Operations        []docsOperation
}

type docsOperation struct {
	apiOperation
	Request, Response *apiSchema
	RequestKind       string // media type
	ResponseKind      string
}

type docsType struct {
	Name   string
	Schema *apiSchema
	Fields []docsField
}

type docsField struct {
	Name     string
	Schema   *apiSchema
	Required bool
}

func (d *apiDocument) view() docsView {
	v := docsView{Title: d.Info.Title, Description: d.Info.Description, Version: d.Info.Version}
	byTag := map[string][]docsOperation{}
	for path, methods := range d.Paths {
		for method, op := range methods {
			if len(op.Tags) == 0 {
				continue
			}
			op.Method, op.Path = strings.ToUpper(method), path
			one := docsOperation{apiOperation: op}
			for media, body := range op.RequestBody.Content {
				one.RequestKind, one.Request = media, body.Schema
			}
			for media, body := range op.Responses["200"].Content {
				one.ResponseKind, one.Response = media, body.Schema
			}
			byTag[op.Tags[0]] = append(byTag[op.Tags[0]], one)
		}
	}
	for _, tag := range d.Tags {
		operations := byTag[tag.Name]
		slices.SortFunc(operations, func(a, b docsOperation) int {
			if c := strings.Compare(a.Path, b.Path); c != 0 {
				return c
			}
			return strings.Compare(a.Method, b.Method)
		})
		v.Groups = append(v.Groups, docsGroup{tag.Name, tag.Description, operations})
	}
	for name, schema := range d.Components.Schemas {
		t := docsType{Name: name, Schema: schema}
		for field, s := range schema.Properties {
			t.Fields = append(t.Fields, docsField{field, s, slices.Contains(schema.Required, field)})
		}
		slices.SortFunc(t.Fields, func(a, b docsField) int { return strings.Compare(a.Name, b.Name) })
		v.Types = append(v.Types, t)
	}
	slices.SortFunc(v.Types, func(a, b docsType) int { return strings.Compare(shortName(a.Name), shortName(b.Name)) })
	return v
}
