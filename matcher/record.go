package matcher

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// LotteryNone is the method of a record whose cohort no lottery drew: the seed
// decided among equally good cohorts.
const LotteryNone = "NONE"

// Record is the canonical result of a selection, as a file and as what the
// service stores: Outcome with the digests that bind it to its input and
// engine. AppendJSON fixes its bytes; docs/record.md states them.
type Record struct {
	Outcome
	// Lottery is the method: NONE until lotteries exist.
	Lottery     string
	Alternates  []string
	InputDigest string // sha256:hex
	// Erased is how many people were erased from the input since the result was
	// found. If there are any, everything that was computed from their answers is
	// gone: Rules count who is left, Deviation and Score are empty, and InputDigest is
	// a salted commitment to the input as it was.
	Erased int
	Engine string
	Digest string // sha256:hex of the canonical bytes before it
}

// NewRecord seals an outcome: it fills the digests. The record shares the
// outcome's slices; neither may change afterwards.
func NewRecord(o *Outcome, inputDigest, engine string) *Record {
	r := &Record{Outcome: *o, Lottery: LotteryNone, InputDigest: inputDigest, Engine: engine}
	r.Digest = digestOf(r.appendBody(nil))
	return r
}

// NewErasedRecord seals what is left of an outcome when people were erased from
// its input, at least one.
func NewErasedRecord(o *Outcome, commitment, engine string, erased int) *Record {
	r := &Record{Outcome: *o, Lottery: LotteryNone, InputDigest: commitment, Erased: erased, Engine: engine}
	r.Digest = digestOf(r.appendBody(nil))
	return r
}

// AppendJSON appends the canonical JSON of the record: keys in fixed order, no
// insignificant space, zeros and empty lists present.
func (r *Record) AppendJSON(b []byte) []byte {
	b = r.appendBody(b)
	b = append(b, `,"digest":`...)
	b = appendString(b, r.Digest)
	return append(b, '}')
}

// appendBody appends the record up to, not including, its digest: the bytes
// that the digest is computed of.
func (r *Record) appendBody(b []byte) []byte {
	w := &canon{b: b, fresh: true}
	w.open('{')
	w.key("status")
	w.str(string(r.Status))
	w.key("complete")
	w.bool(r.Complete)
	w.key("cohort")
	w.strs(r.Cohort)
	w.key("rules")
	appendCounts(w, r.Rules)
	w.key("size")
	w.open('{')
	w.key("wanted")
	w.int(int64(r.Size.Wanted))
	w.key("got")
	w.int(int64(r.Size.Got))
	w.key("bound")
	w.int(int64(r.Size.Bound))
	w.close('}')
	w.key("deviation")
	w.open('[')
	for _, d := range r.Deviation {
		w.open('{')
		w.key("priority")
		w.int(int64(d.Priority))
		w.key("value")
		w.int(d.Value)
		w.key("bound")
		w.int(d.Bound.Bound)
		w.close('}')
	}
	w.close(']')
	w.key("totalScore")
	w.open('{')
	w.key("value")
	w.int(r.Score.Value)
	w.key("bound")
	w.int(r.Score.Bound)
	w.close('}')
	w.key("lottery")
	appendNoLottery(w, r.Lottery)
	w.key("infeasibility")
	appendInfeasibility(w, &r.Outcome)
	w.key("alternates")
	w.strs(r.Alternates)
	w.key("seed")
	w.str(r.Seed)
	w.key("inputDigest")
	w.str(r.InputDigest)
	if r.Erased > 0 {
		w.key("erased")
		w.int(int64(r.Erased))
	}
	w.key("engine")
	w.str(r.Engine)
	w.key("certificate")
	w.open('{')
	w.close('}')
	return w.b
}

func appendCounts(w *canon, counts []RuleCount) {
	w.open('[')
	for _, c := range counts {
		w.open('{')
		w.key("row")
		w.int(int64(c.Row))
		w.key("feature")
		w.str(c.Feature)
		w.key("value")
		w.str(c.Value)
		w.key("kind")
		w.str(c.Kind.String())
		w.key("min")
		w.int(int64(c.Min))
		w.key("max")
		w.int(int64(c.Max))
		w.key("priority")
		if c.Priority == Must {
			w.str("must")
		} else {
			w.int(int64(c.Priority))
		}
		w.key("pool")
		w.int(int64(c.Pool))
		w.key("count")
		w.int(int64(c.Count))
		w.key("short")
		w.int(int64(c.Short))
		w.key("over")
		w.int(int64(c.Over))
		w.close('}')
	}
	w.close(']')
}

// appendNoLottery writes the lottery of a run that had none: every number 0,
// every list and map empty.
func appendNoLottery(w *canon, method string) {
	w.open('{')
	w.key("method")
	w.str(method)
	for _, number := range []string{"gap", "smallest", "largest", "certain", "impossible"} {
		w.key(number)
		w.int(0)
	}
	for _, empty := range []string{"optimum", "chances", "types"} {
		w.key(empty)
		w.open('{')
		w.close('}')
	}
	w.key("book")
	w.strs(nil)
	w.close('}')
}

// appendInfeasibility writes why there is no cohort. A clash of conditions
// that are no rules stands in the conflict with row 0 and the condition in
// words. With a cohort the least total deviation is 0; it is null where it is
// not known or does not exist.
func appendInfeasibility(w *canon, o *Outcome) {
	inf := o.Infeasibility
	least := new(int64)
	if o.Status == Infeasible || o.Status == Undecided {
		least = nil
	}
	if inf == nil {
		inf = &Infeasibility{}
	} else {
		least = inf.LeastTotalDeviation
	}
	w.open('{')
	w.key("conflict")
	w.open('[')
	for _, words := range inf.Clash {
		w.open('{')
		w.key("row")
		w.int(0)
		w.key("bound")
		w.str(words)
		w.close('}')
	}
	w.close(']')
	w.key("relaxations")
	w.strs(nil)
	w.key("leastTotalDeviation")
	if least == nil {
		w.null()
	} else {
		w.int(*least)
	}
	w.key("closest")
	w.open('{')
	w.key("cohort")
	w.strs(inf.Closest)
	w.key("rules")
	appendCounts(w, inf.ClosestRules)
	w.close('}')
	w.close('}')
}

// The shape of a record as JSON, for reading only.
type (
	recordJSON struct {
		Status        string            `json:"status"`
		Complete      bool              `json:"complete"`
		Cohort        []string          `json:"cohort"`
		Rules         []countJSON       `json:"rules"`
		Size          sizeJSON          `json:"size"`
		Deviation     []deviationJSON   `json:"deviation"`
		TotalScore    boundJSON         `json:"totalScore"`
		Lottery       lotteryJSON       `json:"lottery"`
		Infeasibility infeasibilityJSON `json:"infeasibility"`
		Alternates    []string          `json:"alternates"`
		Seed          string            `json:"seed"`
		InputDigest   string            `json:"inputDigest"`
		Erased        int               `json:"erased"`
		Engine        string            `json:"engine"`
		Certificate   struct{}          `json:"certificate"`
		Digest        string            `json:"digest"`
	}
	countJSON struct {
		Row      int          `json:"row"`
		Feature  string       `json:"feature"`
		Value    string       `json:"value"`
		Kind     string       `json:"kind"`
		Min      int          `json:"min"`
		Max      int          `json:"max"`
		Priority priorityJSON `json:"priority"`
		Pool     int          `json:"pool"`
		Count    int          `json:"count"`
		Short    int          `json:"short"`
		Over     int          `json:"over"`
	}
	sizeJSON struct {
		Wanted int `json:"wanted"`
		Got    int `json:"got"`
		Bound  int `json:"bound"`
	}
	boundJSON struct {
		Value int64 `json:"value"`
		Bound int64 `json:"bound"`
	}
	deviationJSON struct {
		Priority int   `json:"priority"`
		Value    int64 `json:"value"`
		Bound    int64 `json:"bound"`
	}
	lotteryJSON struct {
		Method     string     `json:"method"`
		Gap        int        `json:"gap"`
		Smallest   int        `json:"smallest"`
		Largest    int        `json:"largest"`
		Certain    int        `json:"certain"`
		Impossible int        `json:"impossible"`
		Optimum    struct{}   `json:"optimum"`
		Chances    struct{}   `json:"chances"`
		Types      struct{}   `json:"types"`
		Book       []struct{} `json:"book"`
	}
	infeasibilityJSON struct {
		Conflict            []conflictJSON `json:"conflict"`
		Relaxations         []struct{}     `json:"relaxations"`
		LeastTotalDeviation *int64         `json:"leastTotalDeviation"`
		Closest             struct {
			Cohort []string    `json:"cohort"`
			Rules  []countJSON `json:"rules"`
		} `json:"closest"`
	}
	conflictJSON struct {
		Row   int    `json:"row"`
		Bound string `json:"bound"`
	}
)

type priorityJSON int

func (p *priorityJSON) UnmarshalJSON(b []byte) error {
	if string(b) == `"must"` {
		*p = Must
		return nil
	}
	var n int
	if err := json.Unmarshal(b, &n); err != nil || n < 1 || n > MaxPriority {
		return fmt.Errorf(`priority must be "must" or 1 to %d, not %s`, MaxPriority, b)
	}
	*p = priorityJSON(n)
	return nil
}

// ParseRecord reads what AppendJSON wrote and checks its digest. It refuses
// unknown keys, values out of range and any byte that is not canonical.
func ParseRecord(b []byte) (*Record, error) {
	if !utf8.Valid(b) {
		return nil, errors.New("record: not UTF-8")
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	var in recordJSON
	if err := dec.Decode(&in); err != nil {
		return nil, fmt.Errorf("record: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, errors.New("record: something follows the record")
	}
	r, err := in.record()
	if err != nil {
		return nil, fmt.Errorf("record: %w", err)
	}
	if body := r.appendBody(nil); r.Digest != digestOf(body) {
		if bytes.HasPrefix(b, body) {
			return nil, errors.New("record: digest: it does not match the record; the record was changed or cut")
		}
		return nil, errors.New("record: digest: it does not match the record, or the record is not in canonical form")
	}
	if !bytes.Equal(r.AppendJSON(nil), b) {
		return nil, errors.New("record: not in canonical form (order of keys, spaces, escapes, missing keys)")
	}
	return r, nil
}

func (in *recordJSON) record() (*Record, error) {
	r := &Record{
		Outcome: Outcome{
			Status: Status(in.Status), Complete: in.Complete, Cohort: in.Cohort,
			Size:  Size{Wanted: in.Size.Wanted, Got: in.Size.Got, Bound: in.Size.Bound},
			Score: Bound{Value: in.TotalScore.Value, Bound: in.TotalScore.Bound},
			Seed:  in.Seed,
		},
		Lottery: in.Lottery.Method, Alternates: in.Alternates,
		InputDigest: in.InputDigest, Erased: in.Erased, Engine: in.Engine, Digest: in.Digest,
	}
	if r.Erased < 0 {
		return nil, fmt.Errorf("erased: %d is negative", r.Erased)
	}
	switch r.Status {
	case Optimal, Feasible, Infeasible, Undecided:
	default:
		return nil, fmt.Errorf("status: unknown word %q", in.Status)
	}
	if r.Lottery != LotteryNone {
		return nil, fmt.Errorf("lottery.method: unknown word %q", r.Lottery)
	}
	if len(in.Infeasibility.Relaxations) > 0 {
		return nil, errors.New("infeasibility.relaxations: must be empty in this version")
	}
	if len(in.Lottery.Book) > 0 {
		return nil, errors.New("lottery.book: must be empty with method NONE")
	}
	var err error
	if r.Rules, err = counts("rules", in.Rules); err != nil {
		return nil, err
	}
	if s := r.Size; s.Wanted < 0 || s.Got < 0 || s.Bound < 0 {
		return nil, errors.New("size: negative number")
	}
	if r.Status == Optimal || r.Status == Feasible {
		if r.Size.Got != len(r.Cohort) {
			return nil, fmt.Errorf("size.got: %d, but the cohort has %d people", r.Size.Got, len(r.Cohort))
		}
	} else if len(r.Cohort) > 0 {
		return nil, fmt.Errorf("cohort: must be empty with status %s", r.Status)
	}
	if err := ids("cohort", r.Cohort); err != nil {
		return nil, err
	}
	last := 0
	for i, d := range in.Deviation {
		if d.Priority <= last || d.Priority > MaxPriority {
			return nil, fmt.Errorf("deviation[%d].priority: %d is out of order or range", i, d.Priority)
		}
		if d.Bound < 0 || d.Value < d.Bound {
			return nil, fmt.Errorf("deviation[%d]: needs 0 ≤ bound ≤ value", i)
		}
		last = d.Priority
		r.Deviation = append(r.Deviation, Deviation{Priority: d.Priority, Bound: Bound{Value: d.Value, Bound: d.Bound}})
	}
	if r.Score.Value < 0 || r.Score.Bound < r.Score.Value {
		return nil, errors.New("totalScore: needs 0 ≤ value ≤ bound")
	}
	if err := in.infeasibility(r); err != nil {
		return nil, err
	}
	return r, nil
}

func (in *recordJSON) infeasibility(r *Record) error {
	j := in.Infeasibility
	if r.Status != Infeasible {
		if len(j.Conflict)+len(j.Closest.Cohort)+len(j.Closest.Rules) > 0 {
			return fmt.Errorf("infeasibility: must be empty with status %s", r.Status)
		}
		return nil
	}
	inf := &Infeasibility{LeastTotalDeviation: j.LeastTotalDeviation, Closest: j.Closest.Cohort}
	for i, c := range j.Conflict {
		if c.Row != 0 {
			return fmt.Errorf("infeasibility.conflict[%d].row: must be 0 in this version", i)
		}
		inf.Clash = append(inf.Clash, c.Bound)
	}
	if d := inf.LeastTotalDeviation; d != nil && *d < 1 {
		return fmt.Errorf("infeasibility.leastTotalDeviation: %d is below 1", *d)
	}
	if err := ids("infeasibility.closest.cohort", inf.Closest); err != nil {
		return err
	}
	var err error
	inf.ClosestRules, err = counts("infeasibility.closest.rules", j.Closest.Rules)
	r.Infeasibility = inf
	return err
}

func counts(field string, in []countJSON) ([]RuleCount, error) {
	var out []RuleCount
	for i, c := range in {
		kind, ok := ParseKind(c.Kind)
		if !ok {
			return nil, fmt.Errorf("%s[%d].kind: unknown word %q", field, i, c.Kind)
		}
		if slices.Min([]int{c.Row, c.Min, c.Max, c.Pool, c.Count, c.Short, c.Over}) < 0 {
			return nil, fmt.Errorf("%s[%d]: negative number", field, i)
		}
		out = append(out, RuleCount{
			Row: c.Row, Feature: c.Feature, Value: c.Value, Kind: kind, Min: c.Min, Max: c.Max,
			Priority: int(c.Priority), Pool: c.Pool, Count: c.Count, Short: c.Short, Over: c.Over,
		})
	}
	return out, nil
}

// ids checks that a list of people is sorted and free of repeats.
func ids(field string, list []string) error {
	for i, id := range list {
		if id == "" || i > 0 && id <= list[i-1] {
			return fmt.Errorf("%s: must be sorted, without repeats or empty ids", field)
		}
	}
	return nil
}
