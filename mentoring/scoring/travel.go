package scoring

import (
	"bytes"
	_ "embed"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/openfairlead/fairlead/matcher/nearest"
)

//go:embed travel.yaml
var shippedTravel []byte

const (
	mostMinutes = 10_000 // of one way
	mostPlaces  = 200    // every two of them have their minutes
)

// Travel is a table of minutes between places, the same in both directions.
type Travel struct {
	places []place
	byName map[string]int // folded ids, labels and other names
	names  []string       // the ids
	minute [][]int
}

type place struct{ id, en, es string }

// ShippedTravel is the table for the five counties of the North Sound: rough
// planning values, from no source.
func ShippedTravel() *Travel { return readTravel() }

var readTravel = sync.OnceValue(func() *Travel {
	t, err := ReadTravel("travel.yaml", bytes.NewReader(shippedTravel))
	if err != nil {
		panic(err) // a file of ours; the tests read it
	}
	return t
})

// IDs lists the places in the order of the file, which [Person] counts them by.
func (t *Travel) IDs() []string { return slices.Clone(t.names) }

// Label is a place's name in a language, its id if the table lacks it.
func (t *Travel) Label(id, language string) string {
	at := slices.Index(t.names, id)
	switch {
	case at < 0:
		return id
	case language == "es" && t.places[at].es != "":
		return t.places[at].es
	}
	return t.places[at].en
}

// ReadTravel reads a travel table. Every pair of places, and every place with
// itself, has its minutes once.
func ReadTravel(file string, r io.Reader) (*Travel, error) {
	f, top, err := readStrict(file, r)
	if err != nil {
		return nil, err
	}
	t := &Travel{byName: map[string]int{}}
	listed := top.list("places")
	if len(listed) > mostPlaces {
		f.add(top.line, "places", "are %d: at most %d", len(listed), mostPlaces)
		listed = nil
	}
	for _, s := range listed {
		var p place
		s.text("id", &p.id)
		s.text("en", &p.en)
		s.text("es", &p.es)
		also := s.texts("also")
		s.done()
		if p.id == "" || p.en == "" {
			f.add(s.line, strings.TrimSuffix(s.path, "."), "needs an id and a label en")
			continue
		}
		at := len(t.places)
		t.places = append(t.places, p)
		t.names = append(t.names, p.id)
		for _, name := range append([]string{p.id, p.en, p.es}, also...) {
			if name == "" {
				continue
			}
			key := fold(name)
			if other, taken := t.byName[key]; taken && other != at {
				f.add(s.line, strings.TrimSuffix(s.path, "."), "%q is a name of %s too", name, t.places[other].id)
			}
			t.byName[key] = at
		}
	}
	n := len(t.places)
	if n == 0 && len(f.problems) == 0 {
		f.add(top.line, "places", "is missing: a travel table lists its places")
	}
	t.minute = make([][]int, n)
	for i := range t.minute {
		t.minute[i] = make([]int, n)
		for k := range t.minute[i] {
			t.minute[i][k] = -1
		}
	}
	rows := top.sub("minutes")
	for i, from := range t.places {
		row := rows.sub(from.id)
		for k, to := range t.places {
			m := -1
			row.number(to.id, &m, 0, mostMinutes)
			if m < 0 {
				continue
			}
			if before := t.minute[i][k]; before >= 0 && before != m {
				f.add(row.line, row.path+to.id, "says %d minutes, but %s to %s says %d: ways are the same in both directions", m, to.id, from.id, before)
			}
			t.minute[i][k], t.minute[k][i] = m, m
		}
		row.done()
	}
	rows.done()
	top.done()
	for i := range n {
		for k := i; k < n; k++ {
			if t.minute[i][k] < 0 && len(f.problems) < shownProblems {
				f.add(rows.line, "minutes", "nothing says how long it is from %s to %s", t.places[i].id, t.places[k].id)
			}
		}
	}
	return t, f.err()
}

// Find returns the id of a place that is named by its id, its label or another
// name, in any case.
func (t *Travel) Find(name string) (id string, ok bool) {
	at, ok := t.byName[fold(name)]
	if !ok {
		return "", false
	}
	return t.names[at], true
}

// find is Find, by number, with what may have been meant.
func (t *Travel) find(name string) (int, error) {
	if at, ok := t.byName[fold(name)]; ok {
		return at, nil
	}
	hint := nearest.Hint(name, t.names)
	if hint == "" {
		hint = "; its places are " + strings.Join(t.names, ", ")
	}
	return 0, fmt.Errorf("%q is no place of the travel table%s", name, hint)
}

// between is the shortest way between two lists of places, and its ends.
func (t *Travel) between(a, b []int) (minutes, from, to int) {
	minutes = mostMinutes + 1
	for _, x := range a {
		for _, y := range b {
			if m := t.minute[x][y]; m < minutes {
				minutes, from, to = m, x, y
			}
		}
	}
	return minutes, from, to
}
