package selection_test

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/selection"
)

// singleValued reads a pool and its ranges in the shape that sortition tools
// share: one value of each attribute, min and max of each value.
func singleValued(t testing.TB, respondents, categories [][]string, size int) ([]matcher.Person, matcher.Criteria) {
	t.Helper()
	var people []matcher.Person
	for _, line := range respondents[1:] {
		p := matcher.Person{ID: line[0], Values: map[string][]string{}}
		for k, v := range line[1:] {
			p.Values[respondents[0][1+k]] = []string{v}
		}
		people = append(people, p)
	}
	c := matcher.Criteria{Size: size, MinSize: size}
	for i, line := range categories[1:] {
		lo, err1 := strconv.Atoi(line[2])
		hi, err2 := strconv.Atoi(line[3])
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		c.Rules = append(c.Rules, quota(i+1, line[0], line[1], lo, hi, matcher.Must))
	}
	return people, c
}

func table(t testing.TB, text string) [][]string {
	t.Helper()
	lines, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

func file(t testing.TB, path ...string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// expect finds the lottery and compares chances person by person.
func expect(t *testing.T, people []matcher.Person, c matcher.Criteria, want map[string]float64, within float64) {
	t.Helper()
	l, err := selection.FindLottery(context.Background(), people, c, selection.LotteryOptions{})
	if err != nil || !l.Proved {
		t.Fatalf("%v, %+v", err, l)
	}
	of := chances(l)
	for id, f := range want {
		if math.Abs(of[id][0]-f) > within || math.Abs(of[id][1]-f) > within {
			t.Errorf("%s has chance %.8f, optimum %.8f, want %.8f", id, of[id][0], of[id][1], f)
		}
	}
}

// Pools with known leximin chances. The numbers of the toy pools are those of
// the tests of sortition-algorithms, or follow from them by hand.
func TestKnownLeximin(t *testing.T) {
	third := 1.0 / 3
	duck := "id,age,franchise\nlisa,child,simpsons\nmarge,adult,simpsons\nlouie,child,ducktales\ndewey,child,ducktales\nscrooge,adult,ducktales\n"
	duckRules := "feature,value,min,max\nage,child,1,2\nage,adult,1,2\nfranchise,simpsons,1,2\nfranchise,ducktales,1,2\n"
	t.Run("two franchises", func(t *testing.T) {
		people, c := singleValued(t, table(t, duck), table(t, duckRules), 2)
		expect(t, people, c, map[string]float64{"lisa": third, "marge": 2 * third, "louie": third, "dewey": third, "scrooge": third}, 1e-6)
		households := map[string]string{"lisa": "1A", "marge": "3A", "louie": "2A", "dewey": "2A", "scrooge": "1A"}
		for i := range people {
			people[i].Values["household"] = []string{households[people[i].ID]}
		}
		c.Caps = []matcher.HardCap{{Attribute: "household", Max: 1}}
		expect(t, people, c, map[string]float64{"lisa": 0, "marge": 1, "louie": 0.5, "dewey": 0.5, "scrooge": 0}, 1e-6)
	})
	t.Run("one who is needed", func(t *testing.T) {
		people, c := singleValued(t, table(t, "id,f1,f2,f3\na,v1,v1,v1\nb,v1,v2,v2\nc,v2,v1,v2\nd,v2,v2,v1\n"),
			table(t, "feature,value,min,max\nf1,v1,1,2\nf1,v2,0,2\nf2,v1,1,2\nf2,v2,0,2\nf3,v1,1,2\nf3,v2,0,2\n"), 2)
		expect(t, people, c, map[string]float64{"a": 1, "b": third, "c": third, "d": third}, 1e-6)
	})
	t.Run("crossed quotas", func(t *testing.T) {
		people, c := singleValued(t, table(t, "id,gender,political\nadam,male,liberal\nbrian,male,liberal\ncameron,male,liberal\ndave,male,liberal\nelinor,female,liberal\nfrank,male,conservative\ngrace,female,conservative\n"),
			table(t, "feature,value,min,max\ngender,female,1,1\ngender,male,4,4\npolitical,liberal,4,4\npolitical,conservative,1,1\n"), 5)
		expect(t, people, c, map[string]float64{"adam": 0.875, "brian": 0.875, "cameron": 0.875, "dave": 0.875, "elinor": 0.5, "frank": 0.5, "grace": 0.5}, 1e-6)
	})
	t.Run("never selectable", func(t *testing.T) {
		lines := [][]string{{"id", "f1", "f2", "f3"}}
		want := map[string]float64{"p61": 0}
		for i, kind := range []string{"v1,v1,v3", "v1,v3,v1", "v3,v1,v1", "v2,v2,v3", "v2,v3,v2", "v3,v2,v2"} {
			for k := range 10 {
				id := fmt.Sprintf("p%d", 10*i+k+1)
				lines = append(lines, append([]string{id}, strings.Split(kind, ",")...))
				want[id] = 46.0 / 60
			}
		}
		lines = append(lines, []string{"p61", "v3", "v3", "v3"})
		rules := "feature,value,min,max\n"
		for _, f := range []string{"f1", "f2", "f3"} {
			rules += f + ",v1,15,46\n" + f + ",v2,15,46\n" + f + ",v3,0,46\n"
		}
		people, c := singleValued(t, lines, table(t, rules), 46)
		expect(t, people, c, want, 1e-6)
	})
	t.Run("opendlp_monitoring_30", func(t *testing.T) {
		const pools = "../../internal/poolfile/testdata"
		var known struct {
			Seats   int
			Leximin map[string]float64
		}
		if err := json.Unmarshal([]byte(file(t, "testdata", "opendlp_monitoring_30.json")), &known); err != nil {
			t.Fatal(err)
		}
		people, c := singleValued(t, table(t, file(t, pools, "opendlp_monitoring_30", "respondents.csv")),
			table(t, file(t, pools, "opendlp_monitoring_30", "categories.csv")), known.Seats)
		if len(known.Leximin) != len(people) {
			t.Fatalf("%d chances for %d people", len(known.Leximin), len(people))
		}
		expect(t, people, c, known.Leximin, 1e-6)
	})
	t.Run("opendlp_sample_10", func(t *testing.T) {
		// Every attribute is single-valued and every range holds its share, so
		// that half of the pool means one half for everybody.
		const pools = "../../internal/poolfile/testdata"
		people, c := singleValued(t, table(t, file(t, pools, "opendlp_sample_10", "respondents.csv")),
			table(t, file(t, pools, "opendlp_sample_10", "categories.csv")), 10)
		half := map[string]float64{}
		for _, p := range people {
			half[p.ID] = 0.5
		}
		expect(t, people, c, half, 1e-6)
	})
	// Not part of the project: pools that may be used for measuring only.
	if shared := os.Getenv("SHARED"); shared != "" {
		for _, name := range []string{"example_small_20", "example_large_200"} {
			t.Run(name, func(t *testing.T) {
				dir := filepath.Join(shared, "data", "selection")
				var known struct {
					K      int
					Sorted []float64 `json:"leximin_sorted_allocation"`
				}
				if err := json.Unmarshal([]byte(file(t, dir, name, "expected.json")), &known); err != nil {
					t.Fatal(err)
				}
				people, c := singleValued(t, table(t, file(t, dir, name, "respondents.csv")), table(t, file(t, dir, name, "categories.csv")), known.K)
				l, err := selection.FindLottery(context.Background(), people, c, selection.LotteryOptions{})
				if err != nil || !l.Proved {
					t.Fatal(l, err)
				}
				var got []float64
				for _, p := range chances(l) {
					got = append(got, p[1])
				}
				slices.Sort(got)
				for i, f := range known.Sorted {
					if math.Abs(got[i]-f) > 1e-6 {
						t.Fatalf("place %d: %v, want %v", i, got[i], f)
					}
				}
				t.Logf("%d chances from %.6f to %.6f", len(known.Sorted), got[0], got[len(got)-1])
			})
		}
	}
}
