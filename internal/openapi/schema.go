package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	fairleadv1 "github.com/openfairlead/fairlead/gen/fairlead/v1"
)

// completeSchema adds the bounds of a message's fields to its schema.
func completeSchema(schema object, message protoreflect.MessageDescriptor) error {
	properties := at(schema, "properties")
	var required []any
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		field := message.Fields().ByJSONName(name)
		if field == nil {
			return fmt.Errorf("%s has no field %s", message.FullName(), name)
		}
		property := properties[name].(object)
		if d, ok := property["description"]; ok {
			property["description"] = oneLine(d)
		}
		properties[name] = bounded(property, field)
		if neverEmpty(field) {
			required = append(required, name)
		}
	}
	// The plugin takes REQUIRED at its word. But a change sends a part of a
	// resource, and an answer leaves zeros out; what has to be there in a new
	// one is for the service to say.
	delete(schema, "required")
	if len(required) > 0 && !proto.HasExtension(message.Options(), annotations.E_Resource) {
		schema["required"] = required
	}
	return nil
}

// neverEmpty reports whether a message with the field left out is refused.
func neverEmpty(field protoreflect.FieldDescriptor) bool {
	rules := rulesOf(field)
	return rules.GetRequired() || rules.GetRepeated().GetMinItems() > 0
}

func rulesOf(field protoreflect.FieldDescriptor) *validate.FieldRules {
	rules, _ := proto.GetExtension(field.Options(), validate.E_Field).(*validate.FieldRules)
	return rules
}

// bounded returns the schema of a field with the bounds of its rules.
func bounded(schema object, field protoreflect.FieldDescriptor) object {
	rules := rulesOf(field)
	zeroToo := rules.GetIgnore() == validate.Ignore_IGNORE_IF_ZERO_VALUE
	switch {
	case rules == nil:
	case field.IsMap():
		m := rules.GetMap()
		if m.HasMaxPairs() {
			schema["maxProperties"] = m.GetMaxPairs()
		}
		if p := m.GetKeys().GetString(); p.HasPattern() {
			schema["propertyNames"] = object{"pattern": p.GetPattern()}
		}
		if k := m.GetKeys().GetInt32(); k.HasGte() && k.HasLte() {
			names := []any{}
			for i := k.GetGte(); i <= k.GetLte(); i++ {
				names = append(names, fmt.Sprint(i))
			}
			schema["propertyNames"] = object{"enum": names}
		}
		if values, ok := schema["additionalProperties"].(object); ok {
			scalar(values, m.GetValues(), false)
		}
	case field.IsList():
		r := rules.GetRepeated()
		if r.HasMinItems() && r.GetMinItems() > 0 {
			schema["minItems"] = r.GetMinItems()
		}
		if r.HasMaxItems() {
			schema["maxItems"] = r.GetMaxItems()
		}
		if r.GetUnique() {
			schema["uniqueItems"] = true
		}
		if items, ok := schema["items"].(object); ok {
			scalar(items, r.GetItems(), false)
		}
	default:
		scalar(schema, rules, zeroToo)
	}
	return schema
}

// scalar adds the bounds of one value. With zeroToo the zero value is taken
// beside those that the rules allow.
func scalar(schema object, rules *validate.FieldRules, zeroToo bool) {
	if s := rules.GetString(); s != nil {
		if s.HasMinLen() && s.GetMinLen() > 0 && !zeroToo {
			schema["minLength"] = s.GetMinLen()
		}
		if rules.GetRequired() {
			schema["minLength"] = max(1, s.GetMinLen())
		}
		if s.HasMaxLen() {
			schema["maxLength"] = s.GetMaxLen()
		}
		if s.HasPattern() {
			schema["pattern"] = s.GetPattern()
			if zeroToo {
				schema["pattern"] = "^$|" + s.GetPattern()
			}
		}
		if s.GetUuid() && !zeroToo {
			schema["format"] = "uuid"
		}
	}
	if i := rules.GetInt32(); i != nil {
		if i.HasGte() {
			schema["minimum"] = i.GetGte()
			if zeroToo {
				schema["minimum"] = min(0, i.GetGte())
			}
		}
		if i.HasLte() {
			schema["maximum"] = i.GetLte()
		}
	}
	if d := rules.GetDouble(); d != nil {
		if d.HasGte() {
			schema["minimum"] = d.GetGte()
		}
		if d.HasLte() {
			schema["maximum"] = d.GetLte()
		}
	}
}

// idPatterns knows, for each collection of the resource tree, how an id in a
// path is called and what it looks like.
type idPatterns map[string]idPattern

type idPattern struct{ name, pattern string }

// readIDPatterns reads them from the resources: where the pattern of a name is
// programs/{program}, the rule of its field is ^programs/[a-z]…$.
func readIDPatterns() idPatterns {
	ids := idPatterns{}
	for _, file := range files() {
		for i := range file.Messages().Len() {
			message := file.Messages().Get(i)
			resource, _ := proto.GetExtension(message.Options(), annotations.E_Resource).(*annotations.ResourceDescriptor)
			name := message.Fields().ByName("name")
			if resource == nil || name == nil {
				continue
			}
			names := strings.Split(resource.GetPattern()[0], "/")
			rules := strings.Split(strings.Trim(rulesOf(name).GetString().GetPattern(), "^$"), "/")
			for j := 1; j < len(names) && j < len(rules); j += 2 {
				ids[names[j-1]] = idPattern{strings.Trim(names[j], "{}"), "^" + rules[j] + "$"}
			}
		}
	}
	return ids
}

// path renames the parameters of a path after the resources they stand for,
// /v1/programs/{name}/forms/{name_1} to /v1/programs/{program}/forms/{form},
// and describes them.
func (ids idPatterns) path(path string) (named string, params []any) {
	segments := strings.Split(path, "/")
	for i, s := range segments {
		if !strings.HasPrefix(s, "{") {
			continue
		}
		id := ids[segments[i-1]]
		_, verb, _ := strings.Cut(s, "}")
		segments[i] = "{" + id.name + "}" + verb
		schema := object{"type": "string"}
		if id.pattern != "" {
			schema["pattern"] = id.pattern
		}
		params = append(params, object{
			"name": id.name, "in": "path", "required": true, "schema": schema,
			"description": "Id of the " + strings.ReplaceAll(id.name, "_", " ") + ".",
		})
	}
	return strings.Join(segments, "/"), params
}

// fieldByPath finds a field by its dotted JSON name.
func fieldByPath(message protoreflect.MessageDescriptor, path string) protoreflect.FieldDescriptor {
	name, rest, nested := strings.Cut(path, ".")
	field := message.Fields().ByJSONName(name)
	if field == nil || !nested {
		return field
	}
	if field.Message() == nil {
		return nil
	}
	return fieldByPath(field.Message(), rest)
}

// importErrorName, importError and importResponse write the schemas of the
// messages that only the import answers with, which the plugin does not see.
func importErrorName() protoreflect.FullName {
	return (&fairleadv1.ImportError{}).ProtoReflect().Descriptor().FullName()
}

func importError() object {
	return object{
		"type": "object", "description": "One problem with one cell or row.",
		"properties": object{
			"field":   object{"type": "string", "description": `Where: "row 12, column county". The first row below the header is row 1.`},
			"message": object{"type": "string", "description": "What is wrong and what to do."},
		},
	}
}

func importResponse(response protoreflect.MessageDescriptor) object {
	count := func(text string) object {
		return object{"type": "integer", "format": "int32", "minimum": 0, "description": text}
	}
	texts := map[protoreflect.Name]object{
		"row_count":     count("Rows read, without the header."),
		"created_count": count("Applications created: rowCount, or 0 when there was an error or dryRun was set."),
		"error_count":   count("All errors."),
		"errors": {
			"type": "array", "maxItems": 100, "description": "The first 100 errors.",
			"items": object{"$ref": schemaRef + string(importErrorName())},
		},
	}
	properties := object{}
	for i := range response.Fields().Len() {
		f := response.Fields().Get(i)
		properties[f.JSONName()] = texts[f.Name()]
	}
	return object{"type": "object", "description": "What an import did or, with dryRun, would do.", "properties": properties}
}

// files are the files of our API, by path.
func files() []protoreflect.FileDescriptor {
	var all []protoreflect.FileDescriptor
	protoregistry.GlobalFiles.RangeFilesByPackage("fairlead.v1", func(f protoreflect.FileDescriptor) bool {
		all = append(all, f)
		return true
	})
	slices.SortFunc(all, func(a, b protoreflect.FileDescriptor) int { return strings.Compare(a.Path(), b.Path()) })
	return all
}
