package gateway

import (
	"net/url"
	"slices"
	"strings"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"github.com/grpc-ecosystem/grpc-gateway/v2/utilities"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/openfairlead/fairlead/applications"
	v1 "github.com/openfairlead/fairlead/gen/fairlead/v1"
	"github.com/openfairlead/fairlead/internal/server/problem"
	"github.com/openfairlead/fairlead/matcher/nearest"
)

// queryParser reads query parameters as the gateway does, but refuses the
// unknown ones that the gateway would ignore: a misspelled filter must not
// list everybody.
type queryParser struct {
	usual runtime.DefaultQueryParser
}

func (p *queryParser) Parse(msg proto.Message, values url.Values, filter *utilities.DoubleArray) error {
	var found []applications.Violation
	for key := range values {
		if hint, ok := knownParameter(msg.ProtoReflect().Descriptor(), key, filter); !ok {
			found = append(found, applications.Violation{Field: key, Message: "unknown query parameter" + hint})
		}
	}
	if len(found) > 0 {
		slices.SortFunc(found, func(a, b applications.Violation) int { return strings.Compare(a.Field, b.Field) })
		return &bodyError{applications.Invalid(problem.ReasonQueryInvalid, "the query has parameters that this method does not know", found...)}
	}
	if err := p.usual.Parse(msg, values, filter); err != nil {
		return &bodyError{p.explain(msg, values, filter)}
	}
	return fullViewByPost(msg, values)
}

// fullViewByPost refuses to look for people by their names and addresses, or
// to say why somebody is looked at, in a URL: proxies write URLs down. Whether
// the caller may look for them like that is not asked here.
func fullViewByPost(msg proto.Message, values url.Values) error {
	asked, ok := msg.(interface{ GetView() v1.ApplicationView })
	if !ok {
		return nil
	}
	full := asked.GetView() == v1.ApplicationView_APPLICATION_VIEW_FULL
	filter := strings.ToLower(values.Get("filter"))
	personal := strings.Contains(filter, "contact") || strings.Contains(filter, "@")
	var found []applications.Violation
	if values.Has("filter") && (full || personal) {
		found = append(found, applications.Violation{Field: "filter", Message: "belongs into the body of POST …:read"})
	}
	if values.Has("reason") {
		found = append(found, applications.Violation{Field: "reason", Message: "belongs into the body of POST …:read"})
	}
	if len(found) == 0 { // applicants need no reason for what is theirs
		return nil
	}
	return &bodyError{applications.Invalid(problem.ReasonFullView, "the full view, and people by their contact, are asked for with POST …:read and a JSON body, such as /v1/programs/PROGRAM/applications:read, because URLs are written into logs", found...)}
}

// explain names the parameters that do not fit, by trying them one by one.
func (p *queryParser) explain(msg proto.Message, values url.Values, filter *utilities.DoubleArray) *applications.Error {
	var found []applications.Violation
	for key, v := range values {
		scratch := msg.ProtoReflect().New().Interface()
		if err := p.usual.Parse(scratch, url.Values{key: v}, filter); err != nil {
			found = append(found, applications.Violation{Field: key, Message: "does not have the type of this parameter, or is there more than once; see /docs"})
		}
	}
	slices.SortFunc(found, func(a, b applications.Violation) int { return strings.Compare(a.Field, b.Field) })
	return applications.Invalid(problem.ReasonQueryInvalid, "some query parameters cannot be read; see the violations", found...)
}

// knownParameter reports whether key names a field that the query may set, and
// otherwise offers the nearest one.
func knownParameter(d protoreflect.MessageDescriptor, key string, filter *utilities.DoubleArray) (hint string, ok bool) {
	path, _, _ := strings.Cut(key, "[")
	var names []string
	parts := strings.Split(path, ".")
	for i, part := range parts {
		fd := d.Fields().ByJSONName(part)
		if fd == nil {
			fd = d.Fields().ByName(protoreflect.Name(part))
		}
		if fd == nil {
			return nearest.Hint(part, jsonNames(d)), false
		}
		names = append(names, string(fd.Name()))
		if i < len(parts)-1 {
			if fd.Message() == nil || fd.IsMap() || fd.IsList() {
				return "", false
			}
			d = fd.Message()
		}
	}
	if filter.HasCommonPrefix(names) {
		return "; it stands in the path or in the body", false
	}
	return "", true
}
