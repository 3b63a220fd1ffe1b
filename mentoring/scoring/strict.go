package scoring

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"github.com/openfairlead/fairlead/matcher/nearest"
)

// mostBytes is the largest file of rules, topics or travel times.
const mostBytes = 1 << 20

// shownProblems is how many problems of a file an error spells out.
const shownProblems = 20

// strictFile is a YAML file that is read key by key. Every key is known, every
// value checked, and each problem names line and key.
type strictFile struct {
	name     string
	problems []string
}

// readStrict reads a file of one YAML mapping, of version 1.
func readStrict(name string, r io.Reader) (*strictFile, *section, error) {
	f := &strictFile{name: name}
	text, err := io.ReadAll(io.LimitReader(r, mostBytes+1))
	switch {
	case err != nil:
		return nil, nil, fmt.Errorf("%s: cannot be read: %w", name, err)
	case len(text) > mostBytes:
		return nil, nil, fmt.Errorf("%s: is larger than %d KiB", name, mostBytes>>10)
	case !utf8.Valid(text):
		return nil, nil, fmt.Errorf("%s: is not UTF-8", name)
	}
	var top yaml.Node
	d := yaml.NewDecoder(strings.NewReader(string(text)))
	if err := d.Decode(&top); err != nil {
		if err == io.EOF {
			return nil, nil, fmt.Errorf("%s: is empty", name)
		}
		return nil, nil, fmt.Errorf("%s: %s", name, strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if err := d.Decode(&yaml.Node{}); err != io.EOF {
		return nil, nil, fmt.Errorf("%s: holds more than one document: keep the first", name)
	}
	mapping, version := f.section("", top.Content[0]), 0
	mapping.number("version", &version, 1, 1)
	if version == 0 {
		f.add(mapping.line, "version", "is missing: write version: 1")
	}
	return f, mapping, nil
}

func (f *strictFile) add(line int, key, format string, args ...any) {
	for i, a := range args {
		if text, ok := a.(string); ok && len(text) > 300 {
			args[i] = strings.ToValidUTF8(text[:300], "") + "…"
		}
	}
	if key != "" {
		key = " " + key + ":"
	}
	f.problems = append(f.problems, fmt.Sprintf("%s:%d:%s %s", f.name, line, key, fmt.Sprintf(format, args...)))
}

func (f *strictFile) err() error {
	if n := len(f.problems); n > shownProblems {
		return errors.New(strings.Join(f.problems[:shownProblems], "\n") + fmt.Sprintf("\nand %d more", n-shownProblems))
	} else if n > 0 {
		return errors.New(strings.Join(f.problems, "\n"))
	}
	return nil
}

// section is a mapping within the file. Keys are asked for one by one; done
// tells those that nobody asked for.
type section struct {
	f     *strictFile
	path  string // with a dot at its end, "" at the top
	line  int
	at    map[string]*yaml.Node
	keys  []*yaml.Node
	asked []string
}

func (f *strictFile) section(path string, n *yaml.Node) *section {
	s := &section{f: f, path: path, at: map[string]*yaml.Node{}}
	if n == nil {
		return s
	}
	s.line = n.Line
	if n.Kind == yaml.ScalarNode && n.Tag == "!!null" {
		return s
	}
	if n.Kind != yaml.MappingNode {
		f.add(n.Line, strings.TrimSuffix(path, "."), "must be a mapping of keys to values")
		return s
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		if before, twice := s.at[k.Value]; twice {
			f.add(k.Line, path+k.Value, "stands on line %d already", before.Line)
			continue
		}
		if v.Kind == yaml.AliasNode {
			f.add(v.Line, path+k.Value, "is an alias (*): write the value itself")
			v = &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Line: v.Line}
		}
		s.at[k.Value] = v
		s.keys = append(s.keys, k)
	}
	return s
}

// get is the value of a key, nil if it is not there or empty.
func (s *section) get(key string) *yaml.Node {
	s.asked = append(s.asked, key)
	n := s.at[key]
	if n != nil && n.Kind == yaml.ScalarNode && n.Tag == "!!null" {
		return nil
	}
	return n
}

func (s *section) sub(key string) *section { return s.f.section(s.path+key+".", s.get(key)) }

// number reads a whole number between two bounds.
func (s *section) number(key string, into *int, least, most int) {
	if n := s.get(key); n != nil {
		s.whole(n, key, into, least, most)
	}
}

func (s *section) whole(n *yaml.Node, key string, into *int, least, most int) {
	v, err := strconv.Atoi(n.Value)
	if n.Kind != yaml.ScalarNode || n.Tag != "!!int" || err != nil || v < least || v > most {
		s.f.add(n.Line, s.path+key, "%q is no whole number from %d to %d", n.Value, least, most)
		return
	}
	*into = v
}

// numbers reads a list of whole numbers. count is how many there must be.
func (s *section) numbers(key string, into []int, least, most int) {
	n := s.get(key)
	if n == nil {
		return
	}
	if n.Kind != yaml.SequenceNode || len(n.Content) != len(into) {
		s.f.add(n.Line, s.path+key, "must be a list of %d whole numbers, such as [1, 2]", len(into))
		return
	}
	for i, c := range n.Content {
		s.whole(c, key, &into[i], least, most)
	}
}

// flag reads true or false.
func (s *section) flag(key string, into *bool) {
	n := s.get(key)
	if n == nil {
		return
	}
	switch {
	case n.Kind == yaml.ScalarNode && (n.Value == "true" || n.Value == "yes" || n.Value == "on"):
		*into = true
	case n.Kind == yaml.ScalarNode && (n.Value == "false" || n.Value == "no" || n.Value == "off"):
		*into = false
	default:
		s.f.add(n.Line, s.path+key, "%q is neither true nor false", n.Value)
	}
}

// text reads one line of text.
func (s *section) text(key string, into *string) {
	n := s.get(key)
	switch {
	case n == nil:
	case n.Kind != yaml.ScalarNode:
		s.f.add(n.Line, s.path+key, "must be text")
	case len(n.Value) > 300 || strings.ContainsAny(n.Value, "\n\r\x00"):
		s.f.add(n.Line, s.path+key, "must be one line of at most 300 bytes")
	default:
		*into = strings.TrimSpace(n.Value)
	}
}

// texts reads a list of texts.
func (s *section) texts(key string) []string {
	n := s.get(key)
	if n == nil {
		return nil
	}
	var out []string
	if n.Kind != yaml.SequenceNode {
		s.f.add(n.Line, s.path+key, "must be a list, such as [one, another]")
		return nil
	}
	for _, c := range n.Content {
		v := strings.TrimSpace(c.Value)
		if c.Kind != yaml.ScalarNode || v == "" || len(v) > 300 || strings.ContainsAny(v, "\n\r\x00") {
			s.f.add(c.Line, s.path+key, "must be a list of texts, each one line of at most 300 bytes")
			return nil
		}
		out = append(out, v)
	}
	return out
}

// list is the sections of a list of mappings.
func (s *section) list(key string) []*section {
	n := s.get(key)
	if n == nil {
		return nil
	}
	if n.Kind != yaml.SequenceNode {
		s.f.add(n.Line, s.path+key, "must be a list")
		return nil
	}
	var out []*section
	for i, c := range n.Content {
		out = append(out, s.f.section(fmt.Sprintf("%s%s[%d].", s.path, key, i+1), c))
	}
	return out
}

// done tells the keys that nobody asked for.
func (s *section) done() {
	for _, k := range s.keys {
		known := false
		for _, a := range s.asked {
			known = known || a == k.Value
		}
		if !known {
			hint := nearest.Hint(k.Value, s.asked)
			if hint == "" {
				hint = "; the keys here are " + strings.Join(s.asked, ", ")
			}
			s.f.add(k.Line, s.path+k.Value, "is no key here%s", hint)
		}
	}
}
