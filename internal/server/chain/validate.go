package chain

import (
	"errors"
	"strconv"
	"strings"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/proto"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/server/problem"
)

// validate checks the bounds that the .proto files declare and answers with
// every violation at once. Messages are the rules' own and hold no input.
func (c *Chain) validate(msg proto.Message) error {
	err := c.validator.Validate(msg)
	var invalid *protovalidate.ValidationError
	if !errors.As(err, &invalid) {
		return err // nil, or a rule that does not compile: ours to mend
	}
	violations := make([]applications.Violation, len(invalid.Violations))
	for i, v := range invalid.Violations {
		violations[i] = applications.Violation{Field: fieldPath(v.Proto.GetField()), Message: v.Proto.GetMessage()}
	}
	return applications.Invalid(problem.ReasonFieldsInvalid, "some fields are not as they have to be; see the violations", violations...)
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
