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
		Certificate   certificateJSON   `json:"certificate"`
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
	infeasibilityJSON struct {
		Conflict            []Condition  `json:"conflict"`
		Relaxations         []Relaxation `json:"relaxations"`
		Cut                 []string     `json:"cut"`
		LeastTotalDeviation *int64       `json:"leastTotalDeviation"`
		Closest             struct {
			Cohort []string    `json:"cohort"`
			Rules  []countJSON `json:"rules"`
		} `json:"closest"`
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
	if newer(b) {
		return nil, ErrNewer
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
		Alternates:  in.Alternates,
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
	var err error
	if r.Lottery, err = in.Lottery.lottery(r.Status); err != nil {
		return nil, err
	}
	if r.Certificate, err = in.Certificate.certificate(); err != nil {
		return nil, err
	}
	if r.Erased > 0 && (r.Lottery.Drawable() || r.Certificate != nil) {
		return nil, errors.New("erased: the lottery and the certificate must be empty")
	}
	if len(r.Lottery.Types) > 0 != r.Lottery.Drawable() {
		return nil, errors.New("lottery: types and book must both be there, or neither")
	}
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
		if len(j.Conflict)+len(j.Relaxations)+len(j.Cut)+len(j.Closest.Cohort)+len(j.Closest.Rules) > 0 {
			return fmt.Errorf("infeasibility: must be empty with status %s", r.Status)
		}
		return nil
	}
	inf := &Infeasibility{LeastTotalDeviation: j.LeastTotalDeviation, Closest: j.Closest.Cohort}
	if err := inf.conflict(j.Conflict); err != nil {
		return err
	}
	if err := inf.relaxations(j.Relaxations); err != nil {
		return err
	}
	if err := inf.cut(j.Cut); err != nil {
		return err
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
