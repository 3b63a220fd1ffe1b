package selection_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/openfairlead/fairlead/matcher/selection"
)

// Explaining people, repairs, options beside the cohort and all 120 single and
// double declines with five alternates, on pools as a regional call has them.
func TestSelectedFigures(t *testing.T) {
	for _, n := range []int{84, 300} {
		times := map[string][]time.Duration{}
		var names []string
		took := func(name string, f func() error) {
			t.Helper()
			start := time.Now()
			if err := f(); err != nil {
				t.Fatal(err)
			}
			if times[name] == nil {
				names = append(names, name)
			}
			times[name] = append(times[name], time.Since(start))
		}
		var singles, pairs selection.Cases
		pools := soak(1, 10)
		for i := range pools {
			people, c := invented(n, uint64(3+i)), northSound(15)
			s := selection.Selected{People: people, Criteria: c, Outcome: mustSelect(t, people, c, "s", selection.Options{})}
			ctx := context.Background()
			for _, p := range people[:soak(10, 60)] {
				name := "explain somebody who is out"
				if slices.Contains(s.Outcome.Cohort, p.ID) {
					name = "explain a member"
				}
				took(name, func() error {
					x, err := selection.Explain(ctx, s, p.ID, selection.Options{})
					if err == nil && !x.Decided {
						t.Error("not decided")
					}
					return err
				})
			}
			for k, id := range s.Outcome.Cohort[:soak(3, 15)] {
				rest := slices.Delete(slices.Clone(s.Outcome.Cohort), k, k+1)
				took("repair after one decline", func() error {
					r, err := selection.Replace(ctx, s, rest, []string{id}, selection.Options{})
					if err == nil && r.Exact == (len(r.Moves) > 0) {
						t.Error("neither exact nor is anything lost")
					}
					return err
				})
			}
			took("three alternatives", func() error {
				l, err := selection.Alternatives(ctx, s, 3, selection.Options{})
				if err == nil && (!l.All && len(l.List) < 3 || len(l.List) == 3 && l.List[0].Differs < l.List[2].Differs) {
					t.Errorf("alternatives %+v", l)
				}
				return err
			})
			for _, count := range []int{0, 5} {
				name := "all 120 single and double declines"
				if count > 0 {
					if n > 100 && soak(0, 1) == 0 {
						continue // seconds
					}
					name += ", and 5 alternates for 575 cases"
				}
				took(name, func() error {
					st, err := selection.Alternates(ctx, s, count, selection.Options{})
					if err != nil {
						return err
					}
					if st.Singles.All != 15 || st.Pairs.All != 105 || !st.Proved || len(st.Alternates) != count {
						t.Errorf("%+v", st)
					}
					if count == 0 {
						singles.All, singles.Exact = singles.All+st.Singles.All, singles.Exact+st.Singles.Exact
						pairs.All, pairs.Exact = pairs.All+st.Pairs.All, pairs.Exact+st.Pairs.Exact
					}
					return nil
				})
			}
		}
		for _, name := range names {
			list := times[name]
			slices.Sort(list)
			t.Logf("figure: %s, 15 of %d people, %d pools: median %v, longest %v of %d", name, n, pools, list[len(list)/2].Round(100*time.Microsecond), list[len(list)-1].Round(100*time.Microsecond), len(list))
		}
		t.Logf("figure: declines, 15 of %d people, %d pools: %d of %d members and %d of %d pairs have an exact repair", n, pools, singles.Exact, singles.All, pairs.Exact, pairs.All)
	}
}
