package selection_test

import (
	"context"
	"testing"
	"time"

	"github.com/openfairlead/fairlead/matcher/selection"
)

// Explaining somebody, one repair, an option beside the cohort and all 120 single
// and double declines with five alternates, on pools as a regional call has them.
func TestSelectedFigures(t *testing.T) {
	for _, n := range []int{84, 300} {
		people, c := invented(n, 3), northSound(15)
		s := selection.Selected{People: people, Criteria: c, Outcome: mustSelect(t, people, c, "s", selection.Options{})}
		ctx := context.Background()
		var out string
		for _, p := range people {
			if p.ID != s.Outcome.Cohort[0] {
				out = p.ID
				break
			}
		}
		took := func(name string, f func() error) {
			t.Helper()
			start := time.Now()
			if err := f(); err != nil {
				t.Fatal(err)
			}
			t.Logf("figure: %s, %d people, 15 chosen: %v", name, n, time.Since(start).Round(100*time.Microsecond))
		}
		took("explain a member", func() error {
			x, err := selection.Explain(ctx, s, s.Outcome.Cohort[0], selection.Options{})
			if err == nil && !x.Decided {
				t.Error("not decided")
			}
			return err
		})
		took("explain somebody who is out", func() error {
			_, err := selection.Explain(ctx, s, out, selection.Options{})
			return err
		})
		took("repair after one decline", func() error {
			r, err := selection.Replace(ctx, s, s.Outcome.Cohort[1:], s.Outcome.Cohort[:1], selection.Options{})
			if err == nil && !r.Exact && len(r.Moves) == 0 {
				t.Error("neither exact nor is anything lost")
			}
			return err
		})
		took("three alternatives", func() error {
			l, err := selection.Alternatives(ctx, s, 3, selection.Options{})
			if err == nil && (len(l.List) < 3 || l.List[0].Differs < l.List[2].Differs) {
				t.Errorf("alternatives %+v", l)
			}
			return err
		})
		for _, count := range []int{0, 5} {
			if n > 100 && count > 0 && soak(0, 1) == 0 {
				continue
			}
			name := "all 120 single and double declines"
			if count > 0 {
				name += ", and 5 alternates for 575 cases"
			}
			took(name, func() error {
				st, err := selection.Alternates(ctx, s, count, selection.Options{})
				if err != nil {
					return err
				}
				t.Logf("figure: of these declines %d of %d members and %d of %d pairs have an exact repair", st.Singles.Exact, st.Singles.All, st.Pairs.Exact, st.Pairs.All)
				if st.Singles.All != 15 || st.Pairs.All != 105 || !st.Proved || len(st.Alternates) != count {
					t.Errorf("%+v", st)
				}
				return err
			})
		}
	}
}
