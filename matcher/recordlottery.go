package matcher

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Methods of a lottery in a record.
const (
	// LotteryNone: the seed decided among equally good cohorts, no chances exist.
	LotteryNone    = "NONE"
	LotteryMaximin = "MAXIMIN"
	LotteryLeximin = "LEXIMIN"
)

// Tickets is the number of tickets of every lottery.
const Tickets = 1_000_000

// Billion is the unit of the decimals of a record: a chance of 1 is 1,000,000,000.
const Billion = 1_000_000_000

// Lottery is the lottery of a record. With LotteryNone, and where nothing could
// be drawn, everything but Method is empty.
type Lottery struct {
	Method string
	// Gap is how much larger the smallest chance could be at most, as far as
	// the proofs tell; Smallest and Largest are chances, of those who can be in.
	// In billionths.
	Gap, Smallest, Largest int64
	// Certain people are in whatever the ticket, Impossible ones are proved to be
	// in no cohort that is as good as the best.
	Certain, Impossible int
	// Optimum is by id, in billionths, the chance that the lottery has before it is
	// rounded to tickets: the optimum wherever that is proved.
	Optimum map[string]int64
	// Types are the ids of the people who have equal chances, sorted, in the order of
	// the first id of each; Types[0] is t1.
	Types [][]string
	// Chances are by type Σ tickets × people of the type over the book. A person's
	// chance is that over Tickets × the people of the type.
	Chances []int64
	// Book is sorted: lines with more people of t1 first, then of t2, and so on.
	Book []BookLine
}

// BookLine is a cohort by its types, with as many tickets as it has.
type BookLine struct {
	Tickets int64
	Counts  []TypeCount // by ascending type, none of them 0
}

// TypeCount is how many people of Types[Type] are in.
type TypeCount struct {
	Type  int
	Count int64
}

// Drawable is whether there are cohorts to draw from.
func (l *Lottery) Drawable() bool { return len(l.Book) > 0 }

// At is the line of the book that a ticket draws, 0 ≤ ticket < Tickets: the first
// line has the first of the tickets, and so on.
func (l *Lottery) At(ticket int64) *BookLine {
	for i := range l.Book {
		if ticket -= l.Book[i].Tickets; ticket < 0 {
			return &l.Book[i]
		}
	}
	return nil
}

// AppendBook appends the canonical JSON of the types and the book: what a seal
// before a draw commits to.
func (l *Lottery) AppendBook(b []byte) []byte {
	w := &canon{b: b, fresh: true}
	w.open('{')
	appendTypes(w, l.Types)
	appendBook(w, l.Book)
	w.close('}')
	return w.b
}

// BookDigest is "sha256:" and the SHA-256, in hex, of AppendBook.
func (l *Lottery) BookDigest() string { return digestOf(l.AppendBook(nil)) }

// CompareBookLines is the order of the lines of a book: negative if a comes
// before b, 0 if they have the same counts.
func CompareBookLines(a, b BookLine) int {
	for i := range min(len(a.Counts), len(b.Counts)) {
		x, y := a.Counts[i], b.Counts[i]
		switch {
		case x.Type != y.Type:
			return x.Type - y.Type
		case x.Count > y.Count:
			return -1
		case x.Count < y.Count:
			return 1
		}
	}
	return len(b.Counts) - len(a.Counts)
}

// decimal writes billionths as a decimal without exponent and trailing zeros.
func (c *canon) decimal(n int64) {
	c.comma()
	if n < 0 {
		c.b = append(c.b, '-')
		n = -n
	}
	c.b = strconv.AppendInt(c.b, n/Billion, 10)
	if rest := n % Billion; rest != 0 {
		c.b = append(c.b, '.')
		c.b = append(c.b, strings.TrimRight(fmt.Sprintf("%09d", rest), "0")...)
	}
}

func appendLottery(w *canon, l *Lottery) {
	w.open('{')
	w.key("method")
	w.str(l.Method)
	w.key("gap")
	w.decimal(l.Gap)
	w.key("smallest")
	w.decimal(l.Smallest)
	w.key("largest")
	w.decimal(l.Largest)
	w.key("certain")
	w.int(int64(l.Certain))
	w.key("impossible")
	w.int(int64(l.Impossible))
	w.key("optimum")
	w.open('{')
	for _, id := range slices.Sorted(maps.Keys(l.Optimum)) {
		w.key(id)
		w.decimal(l.Optimum[id])
	}
	w.close('}')
	w.key("chances")
	w.open('{')
	for i, n := range l.Chances {
		w.key(typeName(i))
		w.int(n)
	}
	w.close('}')
	appendTypes(w, l.Types)
	appendBook(w, l.Book)
	w.close('}')
}

func appendTypes(w *canon, types [][]string) {
	w.key("types")
	w.open('{')
	for i, ids := range types {
		w.key(typeName(i))
		w.strs(ids)
	}
	w.close('}')
}

func appendBook(w *canon, book []BookLine) {
	w.key("book")
	w.open('[')
	for _, line := range book {
		w.open('{')
		w.key("tickets")
		w.int(line.Tickets)
		w.key("counts")
		w.open('{')
		for _, c := range line.Counts {
			w.key(typeName(c.Type))
			w.int(c.Count)
		}
		w.close('}')
		w.close('}')
	}
	w.close(']')
}

type (
	lotteryJSON struct {
		Method     string                 `json:"method"`
		Gap        decimalJSON            `json:"gap"`
		Smallest   decimalJSON            `json:"smallest"`
		Largest    decimalJSON            `json:"largest"`
		Certain    int                    `json:"certain"`
		Impossible int                    `json:"impossible"`
		Optimum    map[string]decimalJSON `json:"optimum"`
		Chances    map[string]int64       `json:"chances"`
		Types      map[string][]string    `json:"types"`
		Book       []bookLineJSON         `json:"book"`
	}
	bookLineJSON struct {
		Tickets int64            `json:"tickets"`
		Counts  map[string]int64 `json:"counts"`
	}
)

// decimalJSON is a number of at most nine places after the point, in billionths.
type decimalJSON int64

func (d *decimalJSON) UnmarshalJSON(b []byte) error {
	whole, places, point := strings.Cut(string(b), ".")
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || n < 0 || n > Billion || len(places) > 9 || point && places == "" {
		return fmt.Errorf("%.40s is no number of 0 or more with at most nine places", b)
	}
	rest := int64(0)
	for i := range 9 {
		digit := byte('0')
		if i < len(places) {
			digit = places[i]
		}
		if digit < '0' || digit > '9' {
			return fmt.Errorf("%.40s is no number of 0 or more with at most nine places", b)
		}
		rest = 10*rest + int64(digit-'0')
	}
	*d = decimalJSON(n*Billion + rest)
	return nil
}

var _ json.Unmarshaler = (*decimalJSON)(nil)

// lottery reads the form; whether the numbers are those of the book is for a
// verifier to say.
func (in *lotteryJSON) lottery(status Status) (Lottery, error) {
	l := Lottery{
		Method: in.Method, Gap: int64(in.Gap), Smallest: int64(in.Smallest), Largest: int64(in.Largest),
		Certain: in.Certain, Impossible: in.Impossible,
	}
	empty := len(in.Optimum)+len(in.Chances)+len(in.Types)+len(in.Book) == 0
	zero := in.Gap == 0 && in.Smallest == 0 && in.Largest == 0 && in.Certain == 0 && in.Impossible == 0
	switch in.Method {
	case LotteryNone:
		if !empty || !zero {
			return l, fmt.Errorf("lottery: must be empty with method %s", LotteryNone)
		}
		return l, nil
	case LotteryMaximin, LotteryLeximin:
	default:
		return l, fmt.Errorf("lottery.method: unknown word %q", in.Method)
	}
	if empty && !zero {
		return l, fmt.Errorf("lottery: its numbers must be 0 without types and book")
	}
	if !empty && status != Optimal {
		return l, fmt.Errorf("lottery: must be empty with status %s", status)
	}
	if l.Smallest > Billion || l.Largest > Billion || l.Gap > Billion || l.Certain < 0 || l.Impossible < 0 {
		return l, fmt.Errorf("lottery: a number is out of range")
	}
	var err error
	if l.Types, err = in.types(); err != nil {
		return l, err
	}
	if len(in.Optimum) > 0 {
		l.Optimum = make(map[string]int64, len(in.Optimum))
	}
	for id, n := range in.Optimum {
		if l.Optimum[id] = int64(n); n > Billion {
			return l, fmt.Errorf("lottery.optimum[%q]: a chance is at most 1", id)
		}
	}
	if len(in.Chances) != len(l.Types) {
		return l, fmt.Errorf("lottery.chances: %d for %d types", len(in.Chances), len(l.Types))
	}
	for i := range l.Types {
		n, ok := in.Chances[typeName(i)]
		if !ok || n < 0 {
			return l, fmt.Errorf("lottery.chances: %s is missing or negative", typeName(i))
		}
		l.Chances = append(l.Chances, n)
	}
	for i, j := range in.Book {
		line := BookLine{Tickets: j.Tickets}
		if j.Tickets < 1 || j.Tickets > Tickets {
			return l, fmt.Errorf("lottery.book[%d].tickets: %d is not from 1 to %d", i, j.Tickets, Tickets)
		}
		for key, n := range j.Counts {
			at, err := typePlace(key)
			if err != nil || at >= len(l.Types) || n < 1 || n > int64(len(l.Types[at])) {
				return l, fmt.Errorf("lottery.book[%d].counts: %q: %d: no such type, or not so many people in it", i, key, n)
			}
			line.Counts = append(line.Counts, TypeCount{Type: at, Count: n})
		}
		slices.SortFunc(line.Counts, func(a, b TypeCount) int { return a.Type - b.Type })
		if i > 0 && CompareBookLines(l.Book[i-1], line) >= 0 {
			return l, fmt.Errorf("lottery.book[%d]: out of order, or a cohort that is there already", i)
		}
		l.Book = append(l.Book, line)
	}
	return l, nil
}

func (in *lotteryJSON) types() ([][]string, error) {
	var types [][]string
	seen := map[string]bool{}
	for i := range len(in.Types) {
		list, ok := in.Types[typeName(i)]
		if !ok || len(list) == 0 {
			return nil, fmt.Errorf("lottery.types: %s is missing or empty", typeName(i))
		}
		if err := ids("lottery.types."+typeName(i), list); err != nil {
			return nil, err
		}
		if i > 0 && list[0] <= types[i-1][0] {
			return nil, fmt.Errorf("lottery.types: %s is out of order", typeName(i))
		}
		for _, id := range list {
			if seen[id] {
				return nil, fmt.Errorf("lottery.types: somebody is of two types")
			}
			seen[id] = true
		}
		types = append(types, list)
	}
	return types, nil
}
