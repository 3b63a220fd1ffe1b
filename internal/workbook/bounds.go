package workbook

import (
	"encoding/xml"
	"errors"
	"io"
)

// What a decoder takes for nested elements and for attributes is many times
// their size in the file.
const (
	maxDepth      = 100
	maxAttributes = 100
	// maxEquals also holds for text between two elements; a cell has at most
	// 32,767 characters.
	maxEquals = 1 << 16
)

// decoder reads the XML of a part within the bounds.
func (w *workbook) decoder(part io.Reader) *xml.Decoder {
	r := &equals{part: io.LimitReader(part, w.most.Part)}
	return xml.NewTokenDecoder(&shallow{raw: xml.NewDecoder(r)})
}

// equals bounds the attributes that an element can have before it is decoded:
// each has a "=", and no "<" may stand among them.
type equals struct {
	part  io.Reader
	since int // the last "<"
}

func (e *equals) Read(b []byte) (int, error) {
	n, err := e.part.Read(b)
	for _, c := range b[:n] {
		switch c {
		case '<':
			e.since = 0
		case '=':
			if e.since++; e.since > maxEquals {
				return 0, errors.New("an element has too many attributes")
			}
		}
	}
	return n, err
}

// shallow passes on the elements of a document that is not too deep.
type shallow struct {
	raw   *xml.Decoder
	depth int
}

func (s *shallow) Token() (xml.Token, error) {
	t, err := s.raw.RawToken()
	switch t := t.(type) {
	case xml.StartElement:
		if s.depth++; s.depth > maxDepth {
			return nil, errors.New("its elements are nested too deeply")
		}
		if len(t.Attr) > maxAttributes {
			return nil, errors.New("an element has too many attributes")
		}
	case xml.EndElement:
		s.depth--
	}
	return t, err
}
