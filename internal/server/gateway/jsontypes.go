package gateway

import (
	"encoding/json"
	"reflect"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// freeForm messages take any JSON.
var freeForm = map[protoreflect.FullName]bool{
	"google.protobuf.Struct": true, "google.protobuf.Value": true,
	"google.protobuf.ListValue": true, "google.protobuf.Any": true,
}

// textForm messages are text in JSON; the value says which.
var textForm = map[protoreflect.FullName]string{
	"google.protobuf.Timestamp": `a time such as "2027-01-15T17:00:00-08:00"`,
	"google.protobuf.Duration":  `a duration in seconds such as "3600s"`,
	"google.protobuf.FieldMask": `field names joined by commas such as "title,window"`,
}

func wrapper(d protoreflect.MessageDescriptor) bool {
	return d.ParentFile() != nil && d.ParentFile().Path() == "google/protobuf/wrappers.proto"
}

func isTimestamp(s string) bool {
	_, err := time.Parse(time.RFC3339Nano, s)
	return err == nil
}

func isDuration(s string) bool {
	seconds, ok := strings.CutSuffix(s, "s")
	if !ok {
		return false
	}
	_, err := strconv.ParseFloat(seconds, 64)
	return err == nil
}

// isInteger reports whether s is a number that the kind can hold. 3.0 and 3e2
// are whole numbers too.
func isInteger(s string, kind protoreflect.Kind) bool {
	switch kind {
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		f, err := strconv.ParseFloat(s, 64)
		return err == nil && f == float64(int32(f))
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		f, err := strconv.ParseFloat(s, 64)
		return err == nil && f >= 0 && f == float64(uint32(f))
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		_, err := strconv.ParseUint(s, 10, 64)
		return err == nil
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		_, err := strconv.ParseInt(s, 10, 64)
		return err == nil
	case protoreflect.BoolKind:
		return s == "true" || s == "false"
	}
	return false
}

func rangeOf(kind protoreflect.Kind) string {
	switch kind {
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		return " from -2147483648 to 2147483647"
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return " from 0 to 4294967295"
	}
	return " of at most 64 bits"
}

// kindOf names what a token is, in the words of JSON.
func kindOf(t json.Token) string {
	switch t := t.(type) {
	case nil:
		return "null"
	case bool:
		return "true or false"
	case json.Number:
		return "a number"
	case string:
		return "text"
	case json.Delim:
		if t == '[' {
			return "a list"
		}
	}
	return "an object"
}

func jsonNames(d protoreflect.MessageDescriptor) []string {
	names := make([]string, d.Fields().Len())
	for i := range names {
		names[i] = d.Fields().Get(i).JSONName()
	}
	return names
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// messageIn is the message that v is, or that the field behind v is to hold,
// which it makes; nil for anything else.
func messageIn(v any) proto.Message {
	if m, ok := v.(proto.Message); ok {
		return m
	}
	if _, ok := messageBehind(v); !ok {
		return nil
	}
	field := reflect.ValueOf(v).Elem()
	if field.IsNil() {
		field.Set(reflect.New(field.Type().Elem()))
	}
	m, _ := field.Interface().(proto.Message)
	return m
}

// messageBehind finds the message type of a pointer to a field, as in
// Decode(&request.Program).
func messageBehind(v any) (protoreflect.MessageDescriptor, bool) {
	t := reflect.TypeOf(v)
	if t == nil || t.Kind() != reflect.Pointer || t.Elem().Kind() != reflect.Pointer {
		return nil, false
	}
	m, ok := reflect.Zero(t.Elem()).Interface().(proto.Message)
	if !ok {
		return nil, false
	}
	return m.ProtoReflect().Descriptor(), true
}
