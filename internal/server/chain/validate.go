package chain

import (
	"errors"
	"regexp"
	"strconv"
	"strings"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/proto"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/server/problem"
)

// validate checks the bounds that the .proto files declare and answers with
// every violation at once. Messages hold no input.
func (c *Chain) validate(msg proto.Message) error {
	err := c.validator.Validate(msg)
	var invalid *protovalidate.ValidationError
	if !errors.As(err, &invalid) {
		return err // nil, or a rule that does not compile: ours to mend
	}
	violations := make([]applications.Violation, len(invalid.Violations))
	for i, v := range invalid.Violations {
		violations[i] = applications.Violation{Field: fieldPath(v.Proto.GetField()), Message: message(v)}
	}
	return applications.Invalid(problem.ReasonFieldsInvalid, "some fields are not as they have to be; see the violations", violations...)
}

// message is the rule's own, but for patterns: people are told a form to write.
func message(v *protovalidate.Violation) string {
	if v.Proto.GetRuleId() != "string.pattern" || !v.RuleValue.IsValid() {
		return v.Proto.GetMessage()
	}
	pattern, _ := v.RuleValue.Interface().(string)
	if form := formOf(pattern); form != "" {
		return form
	}
	return v.Proto.GetMessage()
}

// forms says what the patterns that are no names of resources stand for.
var forms = map[string]string{
	"^[a-z0-9_]{1,40}$":                "write it with small letters a to z, digits and _, at most 40 characters, such as why_now",
	"^$|^[a-z0-9_]{1,40}$":             "write it with small letters a to z, digits and _, at most 40 characters, such as why_now, or leave it empty",
	"^[A-Z]{1,6}$":                     "write it as 1 to 6 capital letters A to Z, such as NS",
	"^[a-z][a-z0-9-]{2,62}$":           "write it with small letters a to z, digits and -, 3 to 63 characters, a letter first, such as spring-2027",
	"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$": "write it as the tag of a language, such as en or es-MX",
}

// formOf says in people's words what a pattern wants. A name of a resource is
// written as its collections with what stands for the ids between them:
// programs/PROGRAM/applications/APPLICATION. "" for a pattern it does not know.
func formOf(pattern string) string {
	if form, ok := forms[pattern]; ok {
		return form
	}
	name, ok := strings.CutPrefix(pattern, "^")
	name, end := strings.CutSuffix(name, "$")
	parts := strings.Split(name, "/")
	if !ok || !end || len(parts) < 2 {
		return ""
	}
	last, ids := "", ""
	for i, part := range parts {
		switch {
		case collection.MatchString(part):
			last = part
		case !strings.HasPrefix(part, "[") && !strings.HasPrefix(part, "("):
			return ""
		default:
			parts[i] = placeholder(last)
			switch {
			case strings.HasPrefix(part, "(current|"):
				ids = ", its number or the word current"
			case strings.Contains(part, "(0|"):
				ids = ", its number"
			case part == "[0-9a-f-]{36}":
				ids = ", its id of 36 characters with small letters"
			default:
				ids = ", its id with small letters a to z, digits and -"
			}
		}
	}
	return "write it as " + strings.Join(parts, "/") + ids
}

// collection is a part of a resource's name that is written as it stands.
var collection = regexp.MustCompile(`^[a-zA-Z]+$`)

// placeholder stands for the id of one of a collection: APPLICATION for
// applications.
func placeholder(collection string) string {
	switch {
	case strings.HasSuffix(collection, "ies"):
		collection = strings.TrimSuffix(collection, "ies") + "y"
	case collection != "criteria":
		collection = strings.TrimSuffix(collection, "s")
	}
	var b strings.Builder
	for _, r := range collection {
		if r >= 'A' && r <= 'Z' {
			b.WriteByte('_')
		}
		b.WriteRune(r)
	}
	return strings.ToUpper(b.String())
}

// fieldPath writes a path as JSON spells it: program.window.graceMinutes,
// criteria.rules[3].min, answers["county"].
func fieldPath(path *validate.FieldPath) string {
	var b strings.Builder
	for i, e := range path.GetElements() {
		if i > 0 {
			b.WriteByte('.')
		}
		b.WriteString(jsonName(e.GetFieldName()))
		switch s := e.GetSubscript().(type) {
		case *validate.FieldPathElement_Index:
			b.WriteString("[" + strconv.FormatUint(s.Index, 10) + "]")
		case *validate.FieldPathElement_StringKey:
			b.WriteString("[" + strconv.Quote(s.StringKey) + "]")
		case *validate.FieldPathElement_IntKey:
			b.WriteString("[" + strconv.FormatInt(s.IntKey, 10) + "]")
		case *validate.FieldPathElement_UintKey:
			b.WriteString("[" + strconv.FormatUint(s.UintKey, 10) + "]")
		case *validate.FieldPathElement_BoolKey:
			b.WriteString("[" + strconv.FormatBool(s.BoolKey) + "]")
		}
	}
	return b.String()
}

// jsonName is lowerCamelCase of a proto field's name.
func jsonName(name string) string {
	parts := strings.Split(name, "_")
	for i, p := range parts[1:] {
		if p != "" {
			parts[i+1] = strings.ToUpper(p[:1]) + p[1:]
		}
	}
	return strings.Join(parts, "")
}
