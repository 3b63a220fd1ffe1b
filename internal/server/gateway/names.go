package gateway

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/server/problem"
)

// variable is a part of a route's path that fills a field of the request.
type variable struct {
	field       string // dotted path, as in the .proto file
	first, past int    // the segments of the path that are its value
}

// checkNames refuses a body that names another resource than the path does.
// The gateway lets the path win without a word, and the change meant for one
// resource is made to another.
func (all routes) checkNames(r *http.Request, body []byte) error {
	segments, verb := split(r.URL.Path)
	for _, route := range all {
		if route.body == "" || route.method != r.Method || !route.matches(segments, verb) {
			continue
		}
		for _, v := range route.variables {
			field, inBody := v.field, true
			if route.body != "*" {
				field, inBody = strings.CutPrefix(v.field, route.body+".")
			}
			if !inBody {
				continue
			}
			inPath := strings.Join(segments[v.first:v.past], "/")
			if said := textOf(body, field); said != "" && said != inPath {
				message := "is " + shownName(said) + ", but the path names " + shownName(inPath) + "; send one of them"
				return applications.Invalid(problem.ReasonNameConflict, "the body's "+field+" "+message, applications.Violation{Field: field, Message: message})
			}
		}
	}
	return nil
}

// textOf is the text of a field at the top of a JSON object; "" if there is
// none. What is no JSON at all is told where it is read.
func textOf(body []byte, field string) string {
	var fields map[string]json.RawMessage
	var text string
	if json.Unmarshal(body, &fields) != nil || json.Unmarshal(fields[field], &text) != nil {
		return ""
	}
	return text
}

// resourceName is what names of resources look like: collections and ids.
var resourceName = regexp.MustCompile(`^[a-zA-Z]{1,30}/[a-zA-Z0-9-]{1,63}(/[a-zA-Z]{1,30}/[a-zA-Z0-9-]{1,63}){0,3}$`)

// shownName shows a name from a request if it is one, because anything else
// may hold what somebody said.
func shownName(name string) string {
	if !resourceName.MatchString(name) {
		return "no name of a resource"
	}
	return `"` + name + `"`
}
