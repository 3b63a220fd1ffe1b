package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	fairleadv1 "github.com/openfairlead/fairlead/gen/fairlead/v1"
	"github.com/openfairlead/fairlead/internal/access"
)

const (
	schemaRef   = "#/components/schemas/"
	problemName = "Problem"
	statusName  = "google.rpc.Status"
	httpBody    = "google.api.HttpBody"
)

// notBuilt is how the comment of a method or service says that it is only
// reserved. Its operations are marked, so that a reader can leave them out.
const notBuilt = "Not built yet"

// completer holds the document while it is being completed.
type completer struct {
	paths, schemas object
	tags           []any
	reserved       map[string]bool // tags of services that are not built
	ids            idPatterns
}

// complete merges the plugin's documents and adds what it does not know.
func complete(parts []object) (object, error) {
	c := &completer{paths: object{}, schemas: object{}, reserved: map[string]bool{}, ids: readIDPatterns()}
	for _, part := range parts {
		if err := c.merge(part); err != nil {
			return nil, err
		}
	}
	if err := c.completePaths(); err != nil {
		return nil, err
	}
	if err := c.completeSchemas(); err != nil {
		return nil, err
	}
	c.addImport()
	c.addProblem()
	return object{
		"openapi": "3.1.0",
		"info": object{
			"title":       "Fairlead",
			"version":     "v1",
			"description": "Calls for applications, the people who apply, and the cohorts chosen from them. Errors are problem documents (RFC 9457); unset fields are left out of answers.",
			"license":     object{"name": "Apache-2.0", "identifier": "Apache-2.0"},
		},
		"servers": []any{object{"url": "/"}},
		"tags":    c.tags,
		"paths":   c.paths,
		"components": object{
			"schemas": c.schemas,
			"securitySchemes": object{
				"bearer": object{
					"type": "http", "scheme": "bearer",
					"description": "The token of a member of staff, of a service, or of an applicant for their own application.",
				},
			},
		},
	}, nil
}

func (c *completer) merge(part object) error {
	for path, item := range at(part, "paths") {
		if _, ok := c.paths[path]; !ok {
			c.paths[path] = object{}
		}
		for verb, op := range item.(object) {
			if _, ok := c.paths[path].(object)[verb]; ok {
				return fmt.Errorf("%s %s is declared twice", strings.ToUpper(verb), path)
			}
			c.paths[path].(object)[verb] = op
		}
	}
	maps.Copy(c.schemas, at(at(part, "components"), "schemas")) // the same message has the same schema in each
	if tags, ok := part["tags"].([]any); ok {
		for _, t := range tags {
			tag := t.(object)
			tag["description"] = oneLine(tag["description"])
			if strings.Contains(tag["description"].(string), notBuilt) {
				c.reserved[tag["name"].(string)] = true
			}
			c.tags = append(c.tags, tag)
		}
	}
	return nil
}

func (c *completer) completePaths() error {
	done := object{}
	for _, path := range slices.Sorted(maps.Keys(c.paths)) {
		named, ids := c.ids.path(path)
		if _, ok := done[named]; !ok {
			done[named] = object{}
		}
		for verb, o := range c.paths[path].(object) {
			op := o.(object)
			if err := c.completeOperation(op, verb, ids); err != nil {
				return fmt.Errorf("%s %s: %w", strings.ToUpper(verb), path, err)
			}
			if _, ok := done[named].(object)[verb]; ok {
				return fmt.Errorf("%s %s is declared twice", strings.ToUpper(verb), named)
			}
			done[named].(object)[verb] = op
		}
	}
	c.paths = done
	return nil
}

func (c *completer) completeOperation(op object, verb string, ids []any) error {
	method, err := methodOf(op["operationId"].(string))
	if err != nil {
		return err
	}
	request := method.Input()

	text := oneLine(op["summary"])
	delete(op, "summary")
	permission := proto.GetExtension(method.Options(), fairleadv1.E_Permission).(string)
	op["description"] = text + who(access.Permission(permission))
	op["summary"] = firstSentence(text)
	op["x-permission"] = permission
	op["security"] = []any{object{"bearer": []any{}}}
	if access.Permission(permission) == access.Public {
		op["security"] = []any{object{}, object{"bearer": []any{}}}
	}
	if tag := op["tags"].([]any)[0].(string); c.reserved[tag] || strings.Contains(text, notBuilt) {
		op["x-not-built"] = true
	}

	params := slices.Clone(ids)
	for _, p := range list(op["parameters"]) {
		param := p.(object)
		name := param["name"].(string)
		if param["in"] != "query" || name == "requestId" {
			continue // the path's are in ids; the request id is the header below
		}
		field := fieldByPath(request, name)
		if field == nil {
			return fmt.Errorf("%s has no field %s", request.FullName(), name)
		}
		param["description"] = oneLine(param["description"])
		param["schema"] = bounded(param["schema"].(object), field)
		params = append(params, param)
	}
	if request.Fields().ByName("request_id") != nil {
		params = append(params, idempotencyKey())
	}
	if hasETag(method, verb) {
		params = append(params, object{
			"name": "If-Match", "in": "header",
			"description": "The etag as last read, in quotes: the call fails with 412 if it is no longer the stored one. Instead of the field etag.",
			"schema":      object{"type": "string", "maxLength": 80},
		})
	}
	delete(op, "parameters")
	if len(params) > 0 {
		op["parameters"] = params
	}

	if body, ok := op["requestBody"].(object); ok {
		schema := at(at(at(body, "content"), "application/json"), "schema")
		if _, ref := schema["$ref"]; !ref {
			if err := completeSchema(schema, request); err != nil {
				return err
			}
			body["required"] = schema["required"] != nil
		}
	}
	completeResponses(op, method)
	return nil
}

// who says in a sentence what a caller needs.
func who(p access.Permission) string {
	switch p {
	case access.Public:
		return " Needs no token."
	case access.SignedIn:
		return " Needs a valid token."
	}
	return fmt.Sprintf(" Needs the permission %s.", p)
}

func idempotencyKey() object {
	return object{
		"name": "Idempotency-Key", "in": "header",
		"description": "A UUIDv4 made by the client, so that a retry is answered like the first try; another request under the same key is refused with 422. The field requestId is the same thing.",
		"schema":      object{"type": "string", "format": "uuid"},
	}
}

// hasETag reports whether the method binds itself to a version: by a field of
// its own or by that of the resource it changes.
func hasETag(method protoreflect.MethodDescriptor, verb string) bool {
	if method.Input().Fields().ByName("etag") != nil {
		return true
	}
	return verb == "patch" && method.Output().Fields().ByName("etag") != nil
}

func completeResponses(op object, method protoreflect.MethodDescriptor) {
	responses := op["responses"].(object)
	responses["default"] = object{
		"description": "What went wrong.",
		"content":     object{"application/problem+json": object{"schema": object{"$ref": schemaRef + problemName}}},
	}
	ok := responses["200"].(object)
	ok["description"] = oneLine(ok["description"])
	switch {
	case method.Output().FullName() == httpBody && method.IsStreamingServer():
		ok["description"] = "The table, with a header line."
		ok["content"] = object{"text/csv": object{"schema": object{"type": "string"}}}
	case method.Output().FullName() == httpBody:
		ok["description"] = "The document."
		ok["content"] = object{"application/json": object{"schema": object{"type": "object"}}}
	case method.IsStreamingServer():
		ok["description"] = oneLine(ok["description"]) + " One JSON object a line; an error after the first line comes as the key error of the last."
		ok["content"] = object{"application/json": object{"schema": object{
			"type": "object",
			"properties": object{
				"result": object{"$ref": schemaRef + string(method.Output().FullName())},
				"error":  object{"$ref": schemaRef + statusName},
			},
		}}}
	}
}

func (c *completer) completeSchemas() error {
	used := map[string]bool{}
	collectRefs(c.paths, used)
	for {
		n := len(used)
		for name := range maps.Clone(used) {
			collectRefs(c.schemas[name], used)
		}
		if len(used) == n {
			break
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.schemas)) {
		if !used[name] {
			delete(c.schemas, name) // such as HttpBody, which is never a JSON object here
			continue
		}
		schema := c.schemas[name].(object)
		if d, ok := schema["description"]; ok {
			schema["description"] = oneLine(d)
		}
		message, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(name))
		if err != nil {
			continue // google.rpc.Status is not ours
		}
		if m, ok := message.(protoreflect.MessageDescriptor); ok && strings.HasPrefix(name, "fairlead.") {
			if err := completeSchema(schema, m); err != nil {
				return err
			}
		}
	}
	return nil
}

// collectRefs adds the names of the schemas that v refers to.
func collectRefs(v any, used map[string]bool) {
	switch v := v.(type) {
	case object:
		for key, w := range v {
			if s, ok := w.(string); ok && key == "$ref" {
				if name := strings.TrimPrefix(s, schemaRef); name != problemName {
					used[name] = true
				}
			}
			collectRefs(w, used)
		}
	case []any:
		for _, w := range v {
			collectRefs(w, used)
		}
	}
}

// addImport describes the route that the server builds itself, because a
// client-streaming method has none.
func (c *completer) addImport() {
	spec := (&fairleadv1.ImportSpec{}).ProtoReflect().Descriptor().Fields()
	fields := object{}
	for _, one := range []struct {
		name   protoreflect.Name
		text   string
		schema object
	}{
		{
			"mapping", "By column header of the table: where the column goes, such as answers.county. Left out: the headers are that already.",
			object{"type": "object", "additionalProperties": object{"type": "string"}},
		},
		{"dry_run", "True: check everything and create nothing.", object{"type": "boolean"}},
		{"consent_note", "How these people agreed; it stands on each application. Needed unless dryRun.", object{"type": "string"}},
	} {
		field := spec.ByName(one.name)
		schema := bounded(one.schema, field)
		schema["description"] = one.text
		fields[field.JSONName()] = schema
	}
	path, ids := c.ids.path("/v1/programs/{parent}/applications:import")
	response := (&fairleadv1.ImportApplicationsResponse{}).ProtoReflect().Descriptor()
	c.schemas[string(response.FullName())] = importResponse(response)
	c.schemas[string(importErrorName())] = importError()
	text := "Imports a table of at most 64 MiB and 100,000 rows: all of it is read and checked, and then all applications are created, submitted, in one transaction, or none. Errors in the table are part of the answer: the first 100 by row and column, and their count."
	c.paths[path] = object{"post": object{
		"tags":         []any{"ApplicationService"},
		"operationId":  "ApplicationService_ImportApplications",
		"summary":      firstSentence(text),
		"description":  text + who(access.ApplicationsWrite),
		"x-permission": string(access.ApplicationsWrite),
		"security":     []any{object{"bearer": []any{}}},
		"parameters":   append(ids, idempotencyKey()),
		"requestBody": object{
			"required":    true,
			"description": "A form of two parts in this order: spec, then table. Nothing comes in the URL, because URLs are written into logs.",
			"content": object{"multipart/form-data": object{
				"schema": object{
					"type": "object", "required": []any{"spec", "table"},
					"properties": object{
						"spec":  object{"type": "object", "description": "How to import, as JSON.", "properties": fields, "additionalProperties": false},
						"table": object{"type": "string", "description": "The table as CSV: UTF-8, with a header line."},
					},
				},
				"encoding": object{"spec": object{"contentType": "application/json"}, "table": object{"contentType": "text/csv"}},
			}},
		},
		"responses": object{
			"200": object{
				"description": "What was done or, with dryRun, would be.",
				"content":     object{"application/json": object{"schema": object{"$ref": schemaRef + string(response.FullName())}}},
			},
			"default": object{
				"description": "What went wrong.",
				"content":     object{"application/problem+json": object{"schema": object{"$ref": schemaRef + problemName}}},
			},
		},
	}}
}

// addProblem describes the errors of every route.
func (c *completer) addProblem() {
	str := func(text string) object { return object{"type": "string", "description": text} }
	c.schemas[problemName] = object{
		"type":        "object",
		"description": "What went wrong, as RFC 9457 has it.",
		"required":    []any{"type", "title", "status", "code"},
		"properties": object{
			"type":      str(`Always "about:blank": what kind of problem it is stands in reason.`),
			"title":     str("The HTTP status in words."),
			"status":    object{"type": "integer", "format": "int32", "minimum": 400, "maximum": 599, "description": "The HTTP status."},
			"detail":    str("What is wrong and what to do, for a person."),
			"code":      str("The gRPC code, such as INVALID_ARGUMENT."),
			"reason":    str("What kind of problem it is, in UPPER_SNAKE. It does not change between versions."),
			"reference": str("What to tell the administrators about an internal error."),
			"violations": object{
				"type": "array", "description": "Every problem with a field of the request.",
				"items": object{
					"type": "object", "required": []any{"field", "message"},
					"properties": object{
						"field":   str(`Path of the field, such as "program.window.closeTime".`),
						"message": str("What is wrong with it and what to do."),
					},
				},
			},
		},
	}
}

// methodOf finds the method of an operation: Service_Method, with _1, _2, …
// for its further routes.
func methodOf(operationID string) (protoreflect.MethodDescriptor, error) {
	parts := strings.Split(operationID, "_")
	if len(parts) < 2 {
		return nil, fmt.Errorf("operation id %q is not Service_Method", operationID)
	}
	d, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName("fairlead.v1." + parts[0] + "." + parts[1]))
	if err != nil {
		return nil, err
	}
	method, ok := d.(protoreflect.MethodDescriptor)
	if !ok {
		return nil, fmt.Errorf("%s is no method", d.FullName())
	}
	return method, nil
}

// at returns the object under a key, empty if there is none.
func at(o object, key string) object {
	v, _ := o[key].(object)
	return v
}

func list(v any) []any {
	l, _ := v.([]any)
	return l
}

// oneLine undoes the line breaks of a comment.
func oneLine(v any) string {
	s, _ := v.(string)
	return strings.Join(strings.Fields(s), " ")
}

func firstSentence(text string) string {
	if i := strings.Index(text, ". "); i >= 0 {
		return text[:i]
	}
	return strings.TrimSuffix(text, ".")
}
