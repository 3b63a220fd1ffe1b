package selection_test

import (
	"slices"
	"testing"

	"github.com/openfairlead/fairlead/matcher/selection"
)

// Looking at every set of one to three decliners, against 300 sets drawn at random
// as in "Alternates, Assemble!" (EC 2025), chosen by the same search: the
// expectation over all sets must be no worse over the pools together.
func TestAlternatesAgainstSampling(t *testing.T) {
	better, worse, same := 0, 0, 0
	exact, sampled := make([]float64, 12), make([]float64, 12)
	pools := soak(2, 12)
	for i := range pools {
		people, c := invented(60, uint64(100+i)), northSound(12)
		s := selection.Selected{People: people, Criteria: c, Outcome: mustSelect(t, people, c, "s", selection.Options{})}
		all, err := selection.PickAlternates(s, 4, 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		some, err := selection.PickAlternates(s, 4, 300, uint64(i))
		if err != nil {
			t.Fatal(err)
		}
		a, b := all.Alternates[3].Expected, some.Alternates[3].Expected
		switch d := slices.Compare(flat(a), flat(b)); {
		case d < 0:
			better++
		case d > 0:
			worse++
		default:
			same++
		}
		for k, v := range flat(a) {
			exact[k] += float64(v) / float64(a.Of) / float64(pools)
		}
		for k, v := range flat(b) {
			sampled[k] += float64(v) / float64(b.Of) / float64(pools)
		}
	}
	t.Logf("figure: four alternates for 12 of 60 people, all 298 sets of one to three decliners against 300 drawn ones, %d pools: better in %d, the same in %d, worse in %d; expected deviation of priority 1 above what is good enough %.4f against %.4f", pools, better, same, worse, exact[3], sampled[3])
	if slices.Compare(exact, sampled) > 0 {
		t.Errorf("sampling is better: %v, %v", exact, sampled)
	}
}
