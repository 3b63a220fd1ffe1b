package matcher

// Record is the canonical result of a selection, as a file and as what the
// service stores: Outcome with the digests that bind it to its input and
// engine. AppendJSON fixes its bytes.
type Record struct {
	Outcome
	// Lottery is the method: NONE until lotteries exist.
	Lottery     string
	Alternates  []string
	InputDigest string // sha256:hex
	Engine      string
	Digest      string // sha256:hex of the canonical bytes before it
}

// InputDigest is "sha256:" and the SHA-256, in hex, of the canonical bytes of
// everything that a result depends on: people sorted by id, criteria, seed.
func InputDigest(people []Person, c Criteria, seed string) string { panic("being written") }

// NewRecord seals an outcome: it fills the digests.
func NewRecord(o *Outcome, inputDigest, engine string) *Record { panic("being written") }

// AppendJSON appends the canonical JSON of the record: keys in fixed order, no
// insignificant space, zeros and empty lists present.
func (r *Record) AppendJSON(b []byte) []byte { panic("being written") }

// ParseRecord reads what AppendJSON wrote and checks its digest. It refuses
// unknown keys and values out of range.
func ParseRecord(b []byte) (*Record, error) { panic("being written") }
