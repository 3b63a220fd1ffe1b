package matcher

// Record is the canonical result of a selection, as a file and as what the
// service stores: Outcome with the lottery it was drawn from, the digests that
// bind it to its input and engine, and what it takes to check it. AppendJSON
// fixes its bytes; docs/record.md states them.
//
// An OPTIMAL record with a book and no cohort is sealed and not drawn yet.
type Record struct {
	Outcome
	Lottery     Lottery
	Alternates  []string
	InputDigest string // sha256:hex
	// Erased is how many people were erased from the input since the result was
	// found. If there are any, everything that was computed from their answers is
	// gone: Rules count who is left, Deviation and Score are empty, of Lottery only
	// the method is left, there is no Certificate, and InputDigest is a salted
	// commitment to the input as it was.
	Erased int
	Engine string
	// Certificate is nil in records of versions that made none, and after an
	// erasure.
	Certificate *Certificate
	Digest      string // sha256:hex of the canonical bytes before it
}

// NewRecord seals an outcome without a lottery and without a certificate: it
// fills the digests. The record shares the outcome's slices; neither may change
// afterwards.
func NewRecord(o *Outcome, inputDigest, engine string) *Record {
	r := &Record{Outcome: *o, Lottery: Lottery{Method: LotteryNone}, InputDigest: inputDigest, Engine: engine}
	r.Seal()
	return r
}

// NewErasedRecord seals what is left of a record's outcome when people were
// erased from its input, at least one.
func NewErasedRecord(r *Record, left *Outcome, commitment string, erased int) *Record {
	out := &Record{Outcome: *left, Lottery: Lottery{Method: r.Lottery.Method}, InputDigest: commitment, Erased: erased, Engine: r.Engine}
	out.Seal()
	return out
}

// Seal computes the digest anew. Whoever changes a record calls it last.
func (r *Record) Seal() { r.Digest = digestOf(r.appendBody(nil)) }

// Undrawn is whether a lottery is sealed that nobody has drawn from.
func (r *Record) Undrawn() bool {
	return r.Lottery.Drawable() && (r.Certificate == nil || r.Certificate.Draw == nil)
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
	appendLottery(w, &r.Lottery)
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
	appendCertificate(w, r.Certificate)
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

// appendInfeasibility writes why there is no cohort. With a cohort the least
// total deviation is 0; it is null where it is
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
	appendConflict(w, inf)
	w.key("relaxations")
	appendRelaxations(w, inf.Relaxations)
	if len(inf.Cut) > 0 {
		w.key("cut")
		w.strs(inf.Cut)
	}
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
