// Package listing reads the query of a list, filters and orders what a store
// finds, and gives it out in pages, the same for every resource.
package listing

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/openfairlead/fairlead/internal/filter"
	"github.com/openfairlead/fairlead/internal/problem"
	"github.com/openfairlead/fairlead/matcher/nearest"
)

// Query is a page of a list. Filter is in the small grammar of package filter;
// OrderBy is a field name, optionally followed by " desc".
type Query struct {
	Filter, OrderBy string
	PageSize        int    // 0: 50; at most 1000
	Cursor          string // opaque position from Page.Next, or ""
}

// Page is a page and the position after it, "" at the end.
type Page[T any] struct {
	Items []T
	Next  string
}

// Page sizes of lists, and how many items are read from the store at once.
const (
	DefaultSize = 50
	MaxSize     = 1000
	Batch       = 200
)

// List is one query, read and checked. Items are scanned in the order of ids
// after the cursor and filtered here; a field other than the ids' own order is
// sorted in memory.
type List[T any] struct {
	Size       int
	Order      string // field that the list is ordered by
	Descending bool
	Key, After string // of the last item of the page before

	filter *filter.Filter
	value  func(item T, field string) filter.Value
}

// New reads a query. orders names the fields that a list can be ordered by; the
// first is the default and the order of ids. InvalidArgument FILTER_INVALID or
// LIST_INVALID.
func New[T any](q Query, fields []filter.Field, value func(T, string) filter.Value, orders ...string) (*List[T], error) {
	l := &List[T]{Size: q.PageSize, value: value, Order: orders[0]}
	var bad []problem.Violation
	switch {
	case l.Size == 0:
		l.Size = DefaultSize
	case l.Size < 0:
		bad = append(bad, problem.Violation{Field: "page_size", Message: fmt.Sprintf("from 1 to %d", MaxSize)})
	default:
		l.Size = min(l.Size, MaxSize)
	}
	parsed, err := filter.Parse(q.Filter, fields)
	var wrong *filter.Error
	if errors.As(err, &wrong) {
		return nil, problem.Invalid("FILTER_INVALID", "the filter cannot be read", problem.Violation{Field: "filter", Message: wrong.Error()})
	}
	l.filter = parsed
	if by := strings.Fields(q.OrderBy); len(by) > 0 {
		name := filter.SnakeCase(by[0])
		switch {
		case !slices.Contains(orders, name):
			bad = append(bad, problem.Violation{Field: "order_by", Message: "order by " + strings.Join(orders, ", ") + nearest.Hint(name, orders)})
		case len(by) > 2 || len(by) == 2 && by[1] != "desc" && by[1] != "asc":
			bad = append(bad, problem.Violation{Field: "order_by", Message: `one field, optionally followed by "desc"`})
		default:
			l.Order, l.Descending = name, len(by) == 2 && by[1] == "desc"
		}
	}
	if q.Cursor != "" {
		raw, err := base64.RawURLEncoding.DecodeString(q.Cursor)
		key, id, ok := strings.Cut(string(raw), "\x00")
		if err != nil || !ok {
			bad = append(bad, problem.Violation{Field: "page_token", Message: "begin again at the first page"})
		}
		l.Key, l.After = key, id
	}
	if len(bad) > 0 {
		return nil, problem.Invalid("LIST_INVALID", "the list cannot be made like this", bad...)
	}
	return l, nil
}

// Match reports whether the filter lets an item through.
func (l *List[T]) Match(item T) bool {
	return l.filter.Match(func(field string) filter.Value { return l.value(item, field) })
}

// Cursor is the position after an item.
func (l *List[T]) Cursor(key, id string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(key + "\x00" + id))
}

// Page fills a page of a list in the order of ids from what read finds after
// one, a Batch at a time. It holds what show makes of them: what is stored may
// be large.
func (l *List[T]) Page(id func(T) string, show func(T) T, read func(after string) ([]T, error)) (*Page[T], error) {
	page := &Page[T]{}
	for after := l.After; ; {
		batch, err := read(after)
		if err != nil {
			return nil, err
		}
		for _, item := range batch {
			after = id(item)
			if !l.Match(item) {
				continue
			}
			if len(page.Items) == l.Size {
				page.Next = l.Cursor("", id(page.Items[l.Size-1]))
				return page, nil
			}
			page.Items = append(page.Items, show(item))
		}
		if len(batch) < Batch {
			return page, nil
		}
	}
}

// Before reports whether an item sorts before another one: by key, then id.
func (l *List[T]) Before(keyA, idA, keyB, idB string) bool {
	if keyA == keyB {
		keyA, keyB = idA, idB
	}
	if l.Descending {
		return keyB < keyA
	}
	return keyA < keyB
}

// Text is a field with a text, absent where it is empty.
func Text(s string) filter.Value { return filter.Value{Present: s != "", Text: s} }

// Time is a field with a time, absent where it is zero.
func Time(t time.Time) filter.Value { return filter.Value{Present: !t.IsZero(), Time: t} }
