package server

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/openfairlead/fairlead/gen/openapi"
)

// TestDocsPage makes the page and looks for every operation and type, for
// links that lead nowhere, and for tags that are not closed.
func TestDocsPage(t *testing.T) {
	page, err := docsPage(openapi.JSON)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`<code class="method">POST</code> <code>/v1/programs/{program}:open</code>`, `id="type-Program"`, `href="#type-Problem"`, `id="SelectionService"`,
		"Idempotency-Key", "application/problem+json",
	} {
		if !bytes.Contains(page, []byte(want)) {
			t.Errorf("the page lacks %s", want)
		}
	}
	ids, links := map[string]bool{}, map[string]bool{}
	d := xml.NewDecoder(bytes.NewReader(bytes.TrimPrefix(page, []byte("<!doctype html>"))))
	d.Entity = xml.HTMLEntity
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if start, ok := token.(xml.StartElement); ok {
			for _, a := range start.Attr {
				switch {
				case a.Name.Local == "id" && ids[a.Value]:
					t.Errorf("the id %s is there twice", a.Value)
				case a.Name.Local == "id":
					ids[a.Value] = true
				case a.Name.Local == "href" && strings.HasPrefix(a.Value, "#"):
					links[a.Value[1:]] = true
				case a.Name.Local == "style" || strings.HasPrefix(a.Name.Local, "on"):
					t.Errorf("%s has an inline %s, which the policy forbids", start.Name.Local, a.Name.Local)
				}
			}
		}
	}
	for l := range links {
		if !ids[l] {
			t.Errorf("a link to #%s, which is not there", l)
		}
	}
	if len(ids) < 100 {
		t.Errorf("only %d anchors", len(ids))
	}
}
