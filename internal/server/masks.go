package server

import (
	"slices"
	"strings"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/matcher/nearest"
)

// maskPath is one path of an update mask: a field of the resource and, below
// it, a field of that or the key of a map.
type maskPath struct {
	field protoreflect.FieldDescriptor
	below []string
}

// json spells the path as JSON does: "minSeats", "window.closeTime",
// "answers.race".
func (p maskPath) json() string {
	return strings.Join(append([]string{p.field.JSONName()}, p.below...), ".")
}

// readMask reads the update mask for a resource. Fields may be spelled as in
// JSON or as in proto. An empty mask is every field that is set; "*" is every
// field that callers may set at all. What only the server sets is dropped
// without a word, so that a resource can be sent back as it was read; what
// cannot change after creation is returned apart.
func readMask(mask *fieldmaskpb.FieldMask, resource proto.Message) (paths, immutable []maskPath, err error) {
	m := resource.ProtoReflect()
	fields := m.Descriptor().Fields()
	add := func(p maskPath) {
		switch {
		case behaves(p.field, annotations.FieldBehavior_OUTPUT_ONLY), behaves(p.field, annotations.FieldBehavior_IDENTIFIER), p.field.Name() == "etag":
		case behaves(p.field, annotations.FieldBehavior_IMMUTABLE):
			immutable = append(immutable, p)
		case !slices.ContainsFunc(paths, func(q maskPath) bool { return q.json() == p.json() }):
			paths = append(paths, p)
		}
	}
	// The gateway makes a mask of one empty path out of the body {}.
	wanted := slices.DeleteFunc(slices.Clone(mask.GetPaths()), func(path string) bool { return strings.TrimSpace(path) == "" })
	if len(wanted) == 0 || slices.Equal(wanted, []string{"*"}) {
		for i := range fields.Len() {
			if fd := fields.Get(i); len(wanted) > 0 || m.Has(fd) {
				add(maskPath{field: fd})
			}
		}
		if len(wanted) > 0 {
			immutable = nil // replacing all of it is no wish to change those
		}
		return paths, immutable, nothingNamed(paths, immutable)
	}
	var wrong []applications.Violation
	for _, path := range wanted {
		p, message := readPath(m.Descriptor(), path)
		if message != "" {
			wrong = append(wrong, applications.Violation{Field: "updateMask", Message: message})
			continue
		}
		add(p)
	}
	if len(wrong) > 0 {
		return nil, nil, applications.Invalid("UPDATE_MASK_INVALID", "the update mask names fields that there are not", wrong...)
	}
	return paths, immutable, nothingNamed(paths, immutable)
}

// nothingNamed refuses an update that would change nothing.
func nothingNamed(paths, immutable []maskPath) error {
	if len(paths)+len(immutable) > 0 {
		return nil
	}
	return applications.Invalid("UPDATE_MASK_EMPTY", "the request names nothing that could be changed",
		applications.Violation{Field: "updateMask", Message: "name the fields to change, or set them"})
}

// readPath resolves one path; message says what is wrong with it.
func readPath(d protoreflect.MessageDescriptor, path string) (p maskPath, message string) {
	parts := strings.Split(strings.TrimSpace(path), ".")
	for i, name := range parts {
		fd := fieldNamed(d, name)
		if fd == nil {
			return p, "there is no field " + quote(name) + nearest.Hint(name, fieldNames(d))
		}
		if i == 0 {
			p.field = fd
		} else {
			p.below = append(p.below, fd.JSONName())
		}
		rest := parts[i+1:]
		switch {
		case len(rest) == 0:
			return p, ""
		case fd.IsMap() && len(rest) == 1:
			p.below = append(p.below, rest[0]) // a key, which may be anything
			return p, ""
		case fd.IsMap() || fd.IsList() || fd.Message() == nil || isWellKnown(fd.Message()):
			return p, "the field " + quote(name) + " has no parts to name"
		}
		d = fd.Message()
	}
	return p, ""
}

// quote shows a name from a request, cut where it is too long to be one.
func quote(name string) string {
	if r := []rune(name); len(r) > 40 {
		name = string(r[:40]) + "…"
	}
	return `"` + name + `"`
}

func fieldNamed(d protoreflect.MessageDescriptor, name string) protoreflect.FieldDescriptor {
	if fd := d.Fields().ByJSONName(name); fd != nil {
		return fd
	}
	return d.Fields().ByName(protoreflect.Name(name))
}

func fieldNames(d protoreflect.MessageDescriptor) []string {
	var names []string
	for i := range d.Fields().Len() {
		if fd := d.Fields().Get(i); !behaves(fd, annotations.FieldBehavior_OUTPUT_ONLY) {
			names = append(names, fd.JSONName())
		}
	}
	return names
}

func isWellKnown(d protoreflect.MessageDescriptor) bool {
	return strings.HasPrefix(string(d.FullName()), "google.protobuf.")
}

func behaves(fd protoreflect.FieldDescriptor, want annotations.FieldBehavior) bool {
	list, _ := proto.GetExtension(fd.Options(), annotations.E_FieldBehavior).([]annotations.FieldBehavior)
	return slices.Contains(list, want)
}

// merge puts what the paths name in from into a copy of into, and returns the
// copy with the top-level fields touched, as JSON spells them.
func merge[M proto.Message](into, from M, paths []maskPath) (M, []string) {
	merged := proto.Clone(into).(M)
	var fields []string
	for _, p := range paths {
		copyPath(merged.ProtoReflect(), from.ProtoReflect(), p.field, p.below)
		if name := p.field.JSONName(); !slices.Contains(fields, name) {
			fields = append(fields, name)
		}
	}
	return merged, fields
}

func copyPath(into, from protoreflect.Message, fd protoreflect.FieldDescriptor, below []string) {
	switch {
	case len(below) == 0 && !from.Has(fd):
		into.Clear(fd)
	case len(below) == 0:
		into.Set(fd, from.Get(fd))
	case fd.IsMap():
		key := protoreflect.ValueOfString(below[0]).MapKey()
		if v := from.Get(fd).Map().Get(key); v.IsValid() {
			into.Mutable(fd).Map().Set(key, v)
		} else if into.Has(fd) {
			into.Mutable(fd).Map().Clear(key)
		}
	default:
		copyPath(into.Mutable(fd).Message(), from.Get(fd).Message(), fieldNamed(fd.Message(), below[0]), below[1:])
	}
}

// unchanged refuses a change to fields that are fixed at creation, and lets
// them pass where they say what is so anyway.
func unchanged(current, wanted proto.Message, fixed []maskPath) error {
	var wrong []applications.Violation
	for _, p := range fixed {
		is, want := current.ProtoReflect().Get(p.field), wanted.ProtoReflect().Get(p.field)
		if !is.Equal(want) {
			wrong = append(wrong, applications.Violation{Field: p.field.JSONName(), Message: "is fixed when the resource is created and cannot be changed"})
		}
	}
	if len(wrong) > 0 {
		return applications.Invalid("FIELD_IMMUTABLE", "some fields cannot be changed any more", wrong...)
	}
	return nil
}
