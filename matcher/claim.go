package matcher

import (
	"errors"
	"fmt"
	"strconv"
)

// Kinds of a Claim. Each says that a set of cohorts is empty; docs/record.md
// states which.
const (
	ClaimConditions = "CONDITIONS" // nobody keeps the conditions that are no rules
	ClaimInfeasible = "INFEASIBLE" // … and the rules that must hold
	ClaimConflict   = "CONFLICT"   // … and the rules that the conflict names
	ClaimLeast      = "LEAST"      // … with a smaller total deviation from those that must hold
	ClaimSize       = "SIZE"       // a larger cohort
	ClaimDeviation  = "DEVIATION"  // a smaller deviation of a priority
	ClaimScore      = "SCORE"      // a larger total score
	ClaimSeed       = "SEED"       // another cohort whose Σ w_1 is not smaller
	ClaimImpossible = "IMPOSSIBLE" // a cohort with somebody of a type
	ClaimLevel      = "LEVEL"      // a cohort that weighs more than a bound
)

var claimKinds = map[string]bool{
	ClaimConditions: true, ClaimInfeasible: true, ClaimConflict: true, ClaimLeast: true, ClaimSize: true,
	ClaimDeviation: true, ClaimScore: true, ClaimSeed: true, ClaimImpossible: true, ClaimLevel: true,
}

// Claim says that no cohort of the input is better than Bound. A claim whose
// Proof is empty was found true by the engine, but nobody else can see why.
type Claim struct {
	Kind string
	// Number is the priority of DEVIATION, the place of the type of IMPOSSIBLE in
	// Lottery.Types, and the level, from 1, of LEVEL; else 0.
	Number int
	// Bound is the value that no cohort improves on; of LEVEL, of Σ Weights·counts.
	Bound int64
	// Value is, of LEVEL, the chance of its types in units of 1e-15.
	Value int64
	// Types, of LEVEL, are its types: places in Lottery.Types, ascending.
	Types []int
	// Weights, of LEVEL, by ascending type; none is 0. A level at the largest
	// chance that is allowed needs none.
	Weights []Weight
	Proof   Proof
}

// Weight is what one block of a type weighs.
type Weight struct {
	Type int
	By   int64
}

// Proof is a tree in preorder: a node that branches, then the proof for its
// column at At or below, then the proof for its column above At. A node with
// Rows, maybe none, is a leaf.
type Proof []ProofNode

// ProofNode branches on a column, or adds up rows to a contradiction.
type ProofNode struct {
	Column int
	At     int64
	Leaf   bool
	Rows   []Multiplier
}

// Multiplier takes a row By times; a negative By takes the row's upper side.
type Multiplier struct {
	Row int
	By  int64
}

// typeName is the name of a type in a record: t1 is the first.
func typeName(t int) string { return "t" + strconv.Itoa(t+1) }

// typePlace is the inverse of typeName.
func typePlace(name string) (int, error) {
	if len(name) > 1 && name[0] == 't' {
		if n, err := strconv.ParseInt(name[1:], 10, 32); err == nil && n > 0 && typeName(int(n-1)) == name {
			return int(n - 1), nil
		}
	}
	return 0, fmt.Errorf("%q is no type: they are named t1, t2, …", name)
}

func appendClaims(w *canon, claims []Claim) {
	w.open('[')
	for i := range claims {
		c := &claims[i]
		w.open('{')
		w.key("kind")
		w.str(c.Kind)
		w.key("number")
		if c.Kind == ClaimImpossible {
			w.int(int64(c.Number) + 1)
		} else {
			w.int(int64(c.Number))
		}
		w.key("bound")
		w.int(c.Bound)
		w.key("value")
		w.int(c.Value)
		w.key("types")
		w.open('[')
		for _, t := range c.Types {
			w.str(typeName(t))
		}
		w.close(']')
		w.key("weights")
		w.open('[')
		for _, v := range c.Weights {
			w.open('[')
			w.int(int64(v.Type) + 1)
			w.int(v.By)
			w.close(']')
		}
		w.close(']')
		w.key("proof")
		appendProof(w, c.Proof)
		w.close('}')
	}
	w.close(']')
}

func appendProof(w *canon, p Proof) {
	w.open('[')
	for i := range p {
		n := &p[i]
		w.open('{')
		if n.Leaf {
			w.key("rows")
			w.open('[')
			for _, m := range n.Rows {
				w.open('[')
				w.int(int64(m.Row))
				w.int(m.By)
				w.close(']')
			}
			w.close(']')
		} else {
			w.key("column")
			w.int(int64(n.Column))
			w.key("at")
			w.int(n.At)
		}
		w.close('}')
	}
	w.close(']')
}

// The shape of claims as JSON, for reading only.
type (
	claimJSON struct {
		Kind    string      `json:"kind"`
		Number  int         `json:"number"`
		Bound   int64       `json:"bound"`
		Value   int64       `json:"value"`
		Types   []string    `json:"types"`
		Weights [][2]int64  `json:"weights"`
		Proof   []proofJSON `json:"proof"`
	}
	proofJSON struct {
		Rows   *[][2]int64 `json:"rows"`
		Column *int        `json:"column"`
		At     *int64      `json:"at"`
	}
)

// parseClaims checks the form of claims: words, signs, order. Whether they are
// true, and about something that exists, is for matcher/verify to say.
func parseClaims(in []claimJSON) ([]Claim, error) {
	var claims []Claim
	for i := range in {
		c, err := in[i].claim()
		if err != nil {
			return nil, fmt.Errorf("certificate.claims[%d]%w", i, err)
		}
		claims = append(claims, c)
	}
	return claims, nil
}

func (in *claimJSON) claim() (Claim, error) {
	c := Claim{Kind: in.Kind, Number: in.Number, Bound: in.Bound, Value: in.Value}
	if !claimKinds[c.Kind] {
		return c, fmt.Errorf(".kind: unknown word %q", c.Kind)
	}
	if c.Kind == ClaimImpossible {
		c.Number--
	}
	if c.Number < 0 {
		return c, errors.New(".number: is out of range")
	}
	for k, name := range in.Types {
		t, err := typePlace(name)
		if err != nil {
			return c, fmt.Errorf(".types[%d]: %w", k, err)
		}
		if k > 0 && t <= c.Types[k-1] {
			return c, fmt.Errorf(".types[%d]: types must ascend", k)
		}
		c.Types = append(c.Types, t)
	}
	for k, v := range in.Weights {
		if v[0] < 1 || v[0] > 1<<30 || v[1] == 0 || k > 0 && int(v[0])-1 <= c.Weights[k-1].Type {
			return c, fmt.Errorf(".weights[%d]: types must ascend, and no weight is 0", k)
		}
		c.Weights = append(c.Weights, Weight{Type: int(v[0]) - 1, By: v[1]})
	}
	for k, n := range in.Proof {
		var node ProofNode
		switch {
		case n.Rows != nil && n.Column == nil && n.At == nil:
			node.Leaf = true
			for j, m := range *n.Rows {
				if m[0] < 0 || m[0] > 1<<30 || m[1] == 0 || j > 0 && int(m[0]) <= node.Rows[j-1].Row {
					return c, fmt.Errorf(".proof[%d].rows[%d]: rows must ascend, and none is taken 0 times", k, j)
				}
				node.Rows = append(node.Rows, Multiplier{Row: int(m[0]), By: m[1]})
			}
		case n.Rows == nil && n.Column != nil && n.At != nil:
			node.Column, node.At = *n.Column, *n.At
		default:
			return c, fmt.Errorf(".proof[%d]: needs rows, or column and at", k)
		}
		c.Proof = append(c.Proof, node)
	}
	return c, nil
}
