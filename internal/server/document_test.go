package server_test

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/openfairlead/fairlead/gen/openapi"
)

// apiDocument is the OpenAPI document with what is needed to hold answers
// against it.
type apiDocument struct {
	doc    *openapi3.T
	routes []documentedRoute
}

type documentedRoute struct {
	method  string
	path    *regexp.Regexp
	literal int // characters that are no parameters: the route with the most is the one
	op      *openapi3.Operation
}

var openOnce = sync.OnceValues(func() (*apiDocument, error) {
	doc, err := openapi3.NewLoader().LoadFromData(openapi.JSON)
	if err != nil {
		return nil, err
	}
	a := &apiDocument{doc: doc}
	parameter := regexp.MustCompile(`\\\{[a-z_]+\\\}`)
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			quoted := regexp.QuoteMeta(path)
			a.routes = append(a.routes, documentedRoute{
				method, regexp.MustCompile("^" + parameter.ReplaceAllString(quoted, "[^/:]+") + "$"),
				len(parameter.ReplaceAllString(quoted, "")), op,
			})
		}
	}
	return a, nil
})

func openDocument(t testing.TB) *apiDocument {
	t.Helper()
	a, err := openOnce()
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// check holds an answer of the API against the document: its media type is one
// that the operation names, and its body fits the schema.
func (a *apiDocument) check(t testing.TB, method, path string, resp *http.Response, body []byte) {
	t.Helper()
	path, _, _ = strings.Cut(path, "?")
	if !strings.HasPrefix(path, "/v1/") {
		return
	}
	var best *documentedRoute
	for i, r := range a.routes {
		if r.method == method && r.path.MatchString(path) && (best == nil || r.literal > best.literal) {
			best = &a.routes[i]
		}
	}
	media, _, _ := strings.Cut(resp.Header.Get("Content-Type"), ";")
	var schema *openapi3.Schema
	if best == nil { // no such route: the answer is a problem all the same
		schema = a.doc.Components.Schemas["Problem"].Value
	} else {
		documented := best.op.Responses.Value("200")
		if resp.StatusCode/100 != 2 {
			documented = best.op.Responses.Default()
		}
		if documented == nil {
			t.Errorf("%s %s: nothing documents %d", method, best.op.OperationID, resp.StatusCode)
			return
		}
		content := documented.Value.Content[media]
		if content == nil {
			if len(documented.Value.Content) > 0 || len(body) > 0 {
				t.Errorf("%s: %d as %q, which is not documented", best.op.OperationID, resp.StatusCode, media)
			}
			return
		}
		if content.Schema == nil {
			return
		}
		schema = content.Schema.Value
	}
	if !strings.HasSuffix(media, "json") {
		return
	}
	for _, line := range documents(body) {
		var value any
		if err := json.Unmarshal(line, &value); err != nil {
			t.Errorf("%s %s: %v in %s", method, path, err, line)
			return
		}
		if err := schema.VisitJSON(value, openapi3.EnableJSONSchema2020(), openapi3.VisitAsResponse(), openapi3.MultiErrors()); err != nil {
			t.Errorf("%s %s: the answer is not as documented: %v\n%s", method, path, err, line)
		}
	}
}

// documents splits a stream of JSON lines; other bodies are one document.
func documents(body []byte) [][]byte {
	var whole any
	if json.Unmarshal(body, &whole) == nil {
		return [][]byte{body}
	}
	var lines [][]byte
	for line := range strings.Lines(string(body)) {
		lines = append(lines, []byte(line))
	}
	return lines
}
