package cli

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/peers"
)

// introduced is the result of `fairlead introduce`, as --json prints it.
type introduced struct {
	Status     matcher.Status        `json:"status"`
	Complete   bool                  `json:"complete"`
	Round      int                   `json:"round"`
	Size       sizeJSON              `json:"size"`
	Groups     []introducedGroupJSON `json:"groups"`
	Left       []leftJSON            `json:"left"`
	Witnesses  []witnessJSON         `json:"witnesses"`
	People     int                   `json:"people"`
	LeftOut    boundJSON             `json:"leftOut"`
	Score      *boundJSON            `json:"score"`   // null for circles
	Circles    *circleCostJSON       `json:"circles"` // null for pairs
	Rearranged bool                  `json:"rearranged"`
	Seed       string                `json:"seed"`
	Input      string                `json:"inputDigest"`
}

type (
	sizeJSON struct {
		Min int `json:"min"`
		Max int `json:"max"`
	}
	// boundJSON is a value with its bound; null: none is known.
	boundJSON struct {
		Value int64  `json:"value"`
		Bound *int64 `json:"bound"`
	}
	introducedGroupJSON struct {
		Members []string `json:"members"`
		// Score is that of the pair, Third what a third one scores with the two.
		// Circles have none.
		Score   int64 `json:"score"`
		Third   int64 `json:"third"`
		Clashes int   `json:"clashes"`
		Repeats int   `json:"repeats"`
	}
	leftJSON struct {
		ID       string         `json:"id"`
		Reason   peers.Reason   `json:"reason"`
		Waited   int            `json:"waited"`
		Skipped  int            `json:"skipped"`
		Allowed  int            `json:"allowed"`
		Met      int            `json:"met"`
		Excluded []excludedJSON `json:"excluded"`
		Witness  int            `json:"witness"` // place in witnesses, from 0; -1: none
	}
	excludedJSON struct {
		Attribute string `json:"attribute"`
		People    int    `json:"people"`
	}
	witnessJSON struct {
		People []string `json:"people"`
		Groups int      `json:"groups"` // that the people are in; each needs one of the others
		Others []string `json:"others"`
	}
	circleCostJSON struct {
		Clashes boundJSON `json:"clashes"`
		Repeats boundJSON `json:"repeats"`
		Spread  boundJSON `json:"spread"`
	}
)

func (r *introduced) json() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(r); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

func (in *introducing) pairs(ctx context.Context, w *peerNetwork, o peers.Options) (*introduced, error) {
	got, err := peers.Introduce(ctx, &peers.Problem{IDs: w.profiles.IDs, Row: w.profiles.Row, Waits: w.waits, Seed: in.seed}, o)
	if err != nil {
		return nil, err
	}
	r := in.result(w, 2, 2)
	r.Status, r.Complete, r.Rearranged = got.Status, got.Complete, got.Rearranged
	r.Score = &boundJSON{Value: got.Total}
	if got.Bound >= 0 {
		r.Score.Bound = &got.Bound
	}
	for _, g := range got.Groups {
		r.Groups = append(r.Groups, introducedGroupJSON{Members: w.names(g.Members), Score: g.Score, Third: g.Third})
	}
	// Those who stand in one proof share it.
	at := map[*int]int{}
	for _, l := range got.Left {
		x := w.profiles.Excluded(l.Member)
		j := leftJSON{
			ID: w.profiles.IDs[l.Member], Reason: l.Reason, Waited: w.waits[l.Member].Rounds, Skipped: w.waits[l.Member].Skipped,
			Allowed: l.Allowed, Met: x.Met, Excluded: []excludedJSON{}, Witness: -1,
		}
		for i, n := range x.Rule {
			j.Excluded = append(j.Excluded, excludedJSON{w.rules.Different[i], n})
		}
		if l.Reason == peers.TooFew {
			first := &l.Rivals[0]
			if _, ok := at[first]; !ok {
				at[first] = len(r.Witnesses)
				r.Witnesses = append(r.Witnesses, witnessJSON{w.names(l.Rivals), l.Parts, w.names(l.Others)})
			}
			j.Witness = at[first]
		}
		r.Left = append(r.Left, j)
	}
	r.LeftOut = boundJSON{Value: int64(len(got.Left))}
	if got.LeftProved {
		r.LeftOut.Bound = &r.LeftOut.Value
	}
	return r, nil
}

func (in *introducing) circles(ctx context.Context, w *peerNetwork, lo, hi int, o peers.Options) (*introduced, error) {
	got, err := peers.MakeCircles(ctx, w.profiles, peers.CircleOptions{Min: lo, Max: hi, Seed: in.seed, Options: o})
	if err != nil {
		return nil, err
	}
	r := in.result(w, lo, hi)
	r.Status, r.Complete = got.Status, got.Complete
	for _, g := range got.Groups {
		r.Groups = append(r.Groups, introducedGroupJSON{Members: w.names(g.Members), Clashes: g.Clashes, Repeats: g.Repeats})
	}
	r.LeftOut.Bound = new(int64)
	bound := func(b matcher.Bound) boundJSON { return boundJSON{b.Value, &b.Bound} }
	r.Circles = &circleCostJSON{bound(got.Clashes), bound(got.Repeats), bound(got.Spread)}
	return r, nil
}

func (in *introducing) result(w *peerNetwork, lo, hi int) *introduced {
	return &introduced{
		Round: w.round, Size: sizeJSON{lo, hi}, Groups: []introducedGroupJSON{}, Left: []leftJSON{}, Witnesses: []witnessJSON{},
		People: len(w.people), Seed: in.seed, Input: w.digest(),
	}
}

func (w *peerNetwork) names(members []int) []string {
	ids := make([]string, len(members))
	for i, m := range members {
		ids[i] = w.profiles.IDs[m]
	}
	return ids
}

// digest tells inputs apart: the people with the attributes that count, the
// history, the rules.
func (w *peerNetwork) digest() string {
	h := sha256.New()
	e := json.NewEncoder(h)
	people := map[string]map[string][]string{}
	for _, p := range w.people {
		values := map[string][]string{}
		for attribute, list := range p.Values {
			values[attribute] = slices.Sorted(slices.Values(list))
		}
		people[p.ID] = values
	}
	// Maps are written in the order of their keys; a hash never fails.
	_ = e.Encode(people)
	_ = e.Encode(w.past)
	_ = e.Encode(w.waits)
	_ = e.Encode(w.rules)
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

// introductions tells a result to a person.
func (t *report) introductions(r *introduced) {
	if r.Circles != nil {
		t.circles(r)
		return
	}
	trios := 0
	for _, g := range r.Groups {
		trios += len(g.Members) - 2
	}
	made := fmt.Sprintf("%s of %d in %s", people(r.People-len(r.Left)), r.People, count(len(r.Groups)-trios, "pair"))
	if trios > 0 {
		made += " and " + count(trios, "trio")
	}
	t.line("%s  Round %d: %s.", t.bold(string(r.Status)), r.Round, made)
	switch {
	case len(r.Left) == 0:
		t.line("Nobody is left out.")
	case r.LeftOut.Bound != nil:
		t.line("%s left out; no pairs and trios can leave out fewer (proved).", isAre(len(r.Left)))
	default:
		t.line("%s left out; whether fewer could be is not proved.", isAre(len(r.Left)))
	}
	switch {
	case r.Score.Bound != nil:
		t.line("Score of the pairs %d; no pairing of as many people has a greater one (proved).", r.Score.Value)
	case r.Rearranged:
		t.line("Score of the pairs %d; pairs were changed so that a trio could take in somebody, and this is not proved to be the greatest.", r.Score.Value)
	default:
		t.line("Score of the pairs %d, not proved to be the greatest: %s.", r.Score.Value, cutBy(r.Complete))
	}
	t.line("")
	rows := [][]string{{"", "PEOPLE", "SCORE"}}
	for i, g := range r.Groups {
		score := fmt.Sprint(g.Score)
		if len(g.Members) > 2 {
			score += fmt.Sprintf(" + %d", g.Third)
		}
		rows = append(rows, []string{fmt.Sprint(i + 1), cleanList(g.Members), score})
	}
	t.table(rows, []bool{true, false, false}, func(int, int) string { return "" })
	t.line("")
	t.left(r)
	t.line("seed %s   input %s", clean(r.Seed), r.Input)
}

// left tells who is left out, and why.
func (t *report) left(r *introduced) {
	if len(r.Left) == 0 {
		return
	}
	t.line("Left out (%d), the longest-waiting first", len(r.Left))
	for _, l := range r.Left {
		waited := ""
		if l.Waited > 0 {
			waited = ", waiting for " + count(l.Waited, "round")
		}
		t.line("  %s%s: %s", clean(l.ID), waited, r.why(l))
	}
	t.line("")
	for i, w := range r.Witnesses {
		over := w.Groups - len(w.Others)
		if w.Groups == len(w.People) {
			t.line("Proof %d: these %d can be introduced only to those %d, so that %d must be left:", i+1, len(w.People), len(w.Others), over)
		} else {
			t.line("Proof %d: these %d are %s of an odd number that cannot be divided into pairs and trios. Each", i+1, len(w.People), count(w.Groups, "group"))
			t.line("one needs one of those %d, the only ones outside to whom it can be introduced, so that %d must be left:", len(w.Others), over)
		}
		t.line("  these  %s", firstOf(w.People))
		t.line("  those  %s", firstOf(w.Others))
		t.line("")
	}
}

// why is the reason why somebody is left out.
func (r *introduced) why(l leftJSON) string {
	var parts []string
	if l.Met > 0 {
		parts = append(parts, fmt.Sprintf("met %d of the %d others before", l.Met, r.People-1))
	}
	for _, x := range l.Excluded {
		if x.People > 0 {
			parts = append(parts, fmt.Sprintf("has the same %s as %d more", clean(x.Attribute), x.People))
		}
	}
	who := strings.Join(parts, ", ")
	switch {
	case l.Reason == peers.Nobody && who == "":
		return "nobody else is there"
	case l.Reason == peers.Nobody:
		return "there is nobody to be introduced to: " + who
	case l.Reason == peers.TooFew:
		if who != "" {
			who = "; " + who
		}
		return fmt.Sprintf("the %d to whom they might be introduced are needed by others too (proof %d)%s", l.Allowed, l.Witness+1, who)
	}
	return fmt.Sprintf("no place was found among the %d to whom they might be introduced", l.Allowed)
}

// firstOf names the first of many people.
func firstOf(ids []string) string {
	const most = 12
	if len(ids) <= most {
		if len(ids) == 0 {
			return "nobody"
		}
		return cleanList(ids)
	}
	return fmt.Sprintf("%s and %d more", cleanList(ids[:most]), len(ids)-most)
}

func (t *report) circles(r *introduced) {
	t.line("%s  Round %d: %s in %s of %d to %d.", t.bold(string(r.Status)), r.Round, people(r.People), count(len(r.Groups), "circle"), r.Size.Min, r.Size.Max)
	c := r.Circles
	for _, x := range []struct {
		what string
		b    boundJSON
	}{
		{"pairs in one circle whom a rule keeps apart", c.Clashes},
		{"pairs in one circle who met before", c.Repeats},
		{"by how many people values are off an even spread", c.Spread},
	} {
		proof := "proved least"
		if x.b.Value > *x.b.Bound {
			proof = fmt.Sprintf("at least %d", *x.b.Bound)
		}
		t.line("  %s: %d (%s)", x.what, x.b.Value, proof)
	}
	t.line("")
	rows := [][]string{{"", "PEOPLE", "APART", "MET"}}
	for i, g := range r.Groups {
		rows = append(rows, []string{fmt.Sprint(i + 1), cleanList(g.Members), fmt.Sprint(g.Clashes), fmt.Sprint(g.Repeats)})
	}
	t.table(rows, []bool{true, false, true, true}, func(int, int) string { return "" })
	t.line("")
	t.line("seed %s   input %s", clean(r.Seed), r.Input)
}

func isAre(n int) string {
	if n == 1 {
		return "1 person is"
	}
	return fmt.Sprintf("%d people are", n)
}
