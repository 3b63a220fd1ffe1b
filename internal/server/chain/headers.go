package chain

import (
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/server/problem"
)

// fillFromHeaders lets REST callers say in headers what the messages say in
// fields: If-Match is the etag, Idempotency-Key the request_id. A header and a
// field that differ are refused, because nobody can know which was meant.
func fillFromHeaders(msg proto.Message, one *call) error {
	if v := one.idempotencyKey; v != "" {
		if err := fill(msg.ProtoReflect(), "request_id", v, "Idempotency-Key"); err != nil {
			return err
		}
	}
	if v := strings.TrimSpace(one.ifMatch); v != "" && v != "*" {
		// Our etags are strong and without commas; W/ is what some proxies add.
		tag := strings.Trim(strings.TrimPrefix(v, "W/"), `"`)
		if tag == "" {
			tag = v // an empty tag matches nothing; an empty field is no condition
		}
		return fill(etagHolder(msg.ProtoReflect()), "etag", tag, "If-Match")
	}
	return nil
}

func fill(m protoreflect.Message, field protoreflect.Name, value, header string) error {
	if m == nil {
		return nil
	}
	fd := m.Descriptor().Fields().ByName(field)
	if fd == nil || fd.Kind() != protoreflect.StringKind {
		return nil
	}
	switch old := m.Get(fd).String(); old {
	case "":
		m.Set(fd, protoreflect.ValueOfString(value))
	case value:
	default:
		return applications.Invalid(problem.ReasonHeaderConflict, "the header "+header+" and the field "+fd.JSONName()+" differ; send one of them",
			applications.Violation{Field: fd.JSONName(), Message: "differs from the header " + header})
	}
	return nil
}

// etagHolder is the message with the etag: the request itself, or, in an
// update, the resource that it carries.
func etagHolder(m protoreflect.Message) protoreflect.Message {
	fields := m.Descriptor().Fields()
	if fields.ByName("etag") != nil {
		return m
	}
	if fields.ByName("update_mask") == nil {
		return nil
	}
	for i := range fields.Len() {
		fd := fields.Get(i)
		if fd.Kind() == protoreflect.MessageKind && !fd.IsList() && !fd.IsMap() && fd.Message().Fields().ByName("etag") != nil {
			return m.Mutable(fd).Message()
		}
	}
	return nil
}
