package gateway

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/server/problem"
	"github.com/openfairlead/fairlead/matcher/nearest"
)

// codec reads and writes JSON as protojson does, and says in words of the
// caller's own document what is wrong with it.
type codec struct {
	*runtime.JSONPb
}

func newCodec() codec {
	return codec{&runtime.JSONPb{
		MarshalOptions:   protojson.MarshalOptions{},
		UnmarshalOptions: protojson.UnmarshalOptions{},
	}}
}

func (c codec) NewDecoder(r io.Reader) runtime.Decoder {
	return runtime.DecoderFunc(func(v any) error {
		body, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		if len(bytes.TrimSpace(body)) == 0 {
			return io.EOF // the gateway reads it as an empty message
		}
		if m := messageIn(v); m != nil {
			err = c.UnmarshalOptions.Unmarshal(body, m)
		} else if err = c.JSONPb.NewDecoder(bytes.NewReader(body)).Decode(v); err == nil {
			// A second document behind the first would be ignored in silence;
			// protojson refuses it.
			err = c.trailing(body)
		}
		if err == nil {
			return nil
		}
		return &bodyError{explain(body, descriptorOf(v))}
	})
}

// Marshal writes without spaces. protojson puts some in at will, so that nobody
// relies on its bytes; scripts and examples do, all the same.
func (c codec) Marshal(v any) ([]byte, error) {
	b, err := c.JSONPb.Marshal(v)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	out.Grow(len(b))
	err = json.Compact(&out, b)
	return out.Bytes(), err
}

// trailing reports whether anything follows the first JSON value.
func (c codec) trailing(body []byte) error {
	d := json.NewDecoder(bytes.NewReader(body))
	var first json.RawMessage
	if err := d.Decode(&first); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more than one JSON value")
	}
	return nil
}

func (c codec) Unmarshal(data []byte, v any) error {
	return c.NewDecoder(bytes.NewReader(data)).Decode(v)
}

// descriptorOf finds the message that v is or points to. Generated handlers
// decode into a message or into a pointer to a field that is one.
func descriptorOf(v any) protoreflect.MessageDescriptor {
	if m, ok := v.(proto.Message); ok {
		return m.ProtoReflect().Descriptor()
	}
	if d, ok := messageBehind(v); ok {
		return d
	}
	return nil
}

// bodyError carries an error of ours through the generated handlers, which
// keep nothing of an error but its text.
type bodyError struct{ err *applications.Error }

const bodyErrorMark = "fairlead body error "

func (e *bodyError) Error() string {
	b, err := json.Marshal(struct {
		Reason, Message string
		Violations      []applications.Violation
	}{e.err.Reason, e.err.Message, e.err.Violations})
	if err != nil { // strings always marshal
		panic(err)
	}
	return bodyErrorMark + string(b)
}

// bodyErrorIn finds what bodyError carried in the text of a status.
func bodyErrorIn(text string) (*applications.Error, bool) {
	rest, ok := strings.CutPrefix(text, bodyErrorMark)
	if !ok {
		return nil, false
	}
	e := &applications.Error{Code: applications.InvalidArgument}
	return e, json.Unmarshal([]byte(rest), e) == nil
}

// maxViolations bounds what one answer lists.
const maxViolations = 100

// explain finds out why protojson refused the body.
func explain(body []byte, want protoreflect.MessageDescriptor) *applications.Error {
	if !utf8.Valid(body) {
		return applications.Invalid(problem.ReasonJSONMalformed, "the body is not UTF-8 text")
	}
	var any json.RawMessage
	var syntax *json.SyntaxError
	if err := json.Unmarshal(body, &any); errors.As(err, &syntax) {
		// Offset counts the bytes read, the wrong one included.
		line, column := position(body, int(syntax.Offset)-1)
		return applications.Invalid(problem.ReasonJSONMalformed, fmt.Sprintf("line %d, column %d: this is not one JSON document: %s", line, column, syntax.Error()))
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	w := &walker{decoder: d}
	if err := w.message("", want); err != nil || len(w.found) == 0 {
		return applications.Invalid(problem.ReasonJSONMalformed, "the JSON document does not have the form of this request; see /docs")
	}
	return applications.Invalid(problem.ReasonFieldsInvalid, "some fields are not as they have to be; see the violations", w.found...)
}

// position is the line and column (in characters, both from 1) of a byte.
func position(body []byte, offset int) (line, column int) {
	offset = max(0, min(offset, len(body)))
	before := body[:offset]
	lineStart := bytes.LastIndexByte(before, '\n') + 1
	return 1 + bytes.Count(before, []byte("\n")), 1 + utf8.RuneCount(before[lineStart:])
}

// walker goes through a JSON document beside the descriptor of what it should
// be and collects what does not fit.
type walker struct {
	decoder *json.Decoder
	found   []applications.Violation
}

func (w *walker) complain(path, format string, args ...any) {
	if len(w.found) < maxViolations {
		w.found = append(w.found, applications.Violation{Field: path, Message: fmt.Sprintf(format, args...)})
	}
}

// message reads one value that should be the message; nil takes anything.
func (w *walker) message(path string, want protoreflect.MessageDescriptor) error {
	t, err := w.decoder.Token()
	if err != nil {
		return err
	}
	return w.messageFrom(t, path, want)
}

func (w *walker) messageFrom(t json.Token, path string, want protoreflect.MessageDescriptor) error {
	if want == nil || freeForm[want.FullName()] {
		return w.skip(t)
	}
	if text, ok := textForm[want.FullName()]; ok {
		if s, is := t.(string); !is {
			w.complain(path, "must be %s, not %s", text, kindOf(t))
		} else if want.FullName() == "google.protobuf.Timestamp" && !isTimestamp(s) {
			w.complain(path, "must be %s", text)
		} else if want.FullName() == "google.protobuf.Duration" && !isDuration(s) {
			w.complain(path, "must be %s", text)
		}
		return w.skip(t)
	}
	if wrapper(want) {
		if t == nil {
			return nil
		}
		return w.scalar(t, path, want.Fields().Get(0))
	}
	if t != json.Delim('{') {
		w.complain(path, "must be an object, not %s", kindOf(t))
		return w.skip(t)
	}
	seen := map[protoreflect.Name]bool{}
	oneofs := map[protoreflect.Name]string{}
	for w.decoder.More() {
		key, err := w.key()
		if err != nil {
			return err
		}
		at := join(path, key)
		fd := want.Fields().ByJSONName(key)
		if fd == nil {
			fd = want.Fields().ByName(protoreflect.Name(key))
		}
		switch {
		case fd == nil:
			w.complain(at, "unknown field%s", nearest.Hint(key, jsonNames(want)))
			err = w.skipNext()
		case seen[fd.Name()]:
			w.complain(at, "is there twice")
			err = w.skipNext()
		default:
			seen[fd.Name()] = true
			if o := fd.ContainingOneof(); o != nil && !o.IsSynthetic() {
				if other := oneofs[o.Name()]; other != "" {
					w.complain(at, "cannot stand together with %s", other)
				}
				oneofs[o.Name()] = key
			}
			err = w.field(at, fd)
		}
		if err != nil {
			return err
		}
	}
	_, err := w.decoder.Token() // }
	return err
}

func (w *walker) key() (string, error) {
	t, err := w.decoder.Token()
	if err != nil {
		return "", err
	}
	return t.(string), nil // the decoder lets nothing else be a key
}

func (w *walker) field(path string, fd protoreflect.FieldDescriptor) error {
	t, err := w.decoder.Token()
	if err != nil {
		return err
	}
	switch {
	case t == nil: // null is "not set"
		return nil
	case fd.IsMap():
		return w.mapFrom(t, path, fd)
	case fd.IsList():
		return w.listFrom(t, path, fd)
	}
	return w.one(t, path, fd)
}

func (w *walker) one(t json.Token, path string, fd protoreflect.FieldDescriptor) error {
	if fd.Message() != nil {
		return w.messageFrom(t, path, fd.Message())
	}
	return w.scalar(t, path, fd)
}

func (w *walker) listFrom(t json.Token, path string, fd protoreflect.FieldDescriptor) error {
	if t != json.Delim('[') {
		w.complain(path, "must be a list, not %s", kindOf(t))
		return w.skip(t)
	}
	for i := 0; w.decoder.More(); i++ {
		t, err := w.decoder.Token()
		if err != nil {
			return err
		}
		at := path + "[" + strconv.Itoa(i) + "]"
		if t == nil {
			w.complain(at, "must not be null")
			continue
		}
		if err := w.one(t, at, fd); err != nil {
			return err
		}
	}
	_, err := w.decoder.Token() // ]
	return err
}

func (w *walker) mapFrom(t json.Token, path string, fd protoreflect.FieldDescriptor) error {
	if t != json.Delim('{') {
		w.complain(path, "must be an object, not %s", kindOf(t))
		return w.skip(t)
	}
	seen := map[string]bool{}
	for w.decoder.More() {
		key, err := w.key()
		if err != nil {
			return err
		}
		at := path + "[" + strconv.Quote(key) + "]"
		if seen[key] {
			w.complain(at, "is there twice")
		}
		seen[key] = true
		if k := fd.MapKey().Kind(); k != protoreflect.StringKind && !isInteger(key, k) {
			w.complain(at, "must be a number")
		}
		t, err := w.decoder.Token()
		if err != nil {
			return err
		}
		if t == nil {
			w.complain(at, "must not be null")
			continue
		}
		if err := w.one(t, at, fd.MapValue()); err != nil {
			return err
		}
	}
	_, err := w.decoder.Token() // }
	return err
}

// scalar checks a value that is no message.
func (w *walker) scalar(t json.Token, path string, fd protoreflect.FieldDescriptor) error {
	switch kind := fd.Kind(); kind {
	case protoreflect.StringKind:
		if _, ok := t.(string); !ok {
			w.complain(path, "must be text, not %s", kindOf(t))
		}
	case protoreflect.BytesKind:
		if _, ok := t.(string); !ok {
			w.complain(path, "must be base64 text, not %s", kindOf(t))
		}
	case protoreflect.BoolKind:
		if _, ok := t.(bool); !ok {
			w.complain(path, "must be true or false, not %s", kindOf(t))
		}
	case protoreflect.EnumKind:
		w.enum(t, path, fd.Enum())
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		if _, ok := t.(json.Number); !ok {
			w.complain(path, "must be a number, not %s", kindOf(t))
		}
	default: // integers; as text too, which is how JSON carries 64 bits
		s, isText := t.(string)
		n, isNumber := t.(json.Number)
		if isNumber {
			s = n.String()
		}
		switch {
		case !isText && !isNumber:
			w.complain(path, "must be a whole number, not %s", kindOf(t))
		case !isInteger(s, kind):
			w.complain(path, "must be a whole number%s", rangeOf(kind))
		}
	}
	return w.skip(t)
}

func (w *walker) enum(t json.Token, path string, enum protoreflect.EnumDescriptor) {
	var known []string
	for i := range enum.Values().Len() {
		if v := enum.Values().Get(i); v.Number() != 0 || enum.Values().Len() == 1 {
			known = append(known, string(v.Name()))
		}
	}
	switch t := t.(type) {
	case string:
		if enum.Values().ByName(protoreflect.Name(t)) == nil {
			hint := nearest.Hint(t, known)
			if hint == "" {
				hint = "; it is one of " + strings.Join(known, ", ")
			}
			w.complain(path, "is no known value%s", hint)
		}
	case json.Number:
		if !isInteger(t.String(), protoreflect.Int32Kind) {
			w.complain(path, "must be one of %s", strings.Join(known, ", "))
		}
	default:
		w.complain(path, "must be one of %s, not %s", strings.Join(known, ", "), kindOf(t))
	}
}

// skip reads the rest of the value whose first token is t.
func (w *walker) skip(t json.Token) error {
	delim, ok := t.(json.Delim)
	if !ok || delim == '}' || delim == ']' {
		return nil
	}
	for depth := 1; depth > 0; {
		t, err := w.decoder.Token()
		if err != nil {
			return err
		}
		switch t {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
	}
	return nil
}

func (w *walker) skipNext() error {
	t, err := w.decoder.Token()
	if err != nil {
		return err
	}
	return w.skip(t)
}
