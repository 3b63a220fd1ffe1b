// Command cmd measures the lottery: families of pools, sizes and seeds, one line
// a pool and a table. With -compare it also compares chances, person by person,
// with a leximin on SciPy's HiGHS; with -reference it measures beside another
// sortition library.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/openfairlead/fairlead/internal/lotterybench"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	python := flag.String("python", filepath.Join(cache, "fairlead", "solverbench", "python", "bin", "python"), "a Python with SciPy; the bench of the integer solver installs one there")
	compare := flag.Bool("compare", false, "compare with a leximin on SciPy's HiGHS instead of measuring")
	reference := flag.Bool("reference", false, "measure beside the sortition-algorithms package on single-valued pools")
	sizes := flag.String("sizes", "84,200,500", "numbers of people")
	families := flag.String("families", "", "families, separated by commas; default all")
	seeds := flag.Int("seeds", 6, "pools of each size")
	first := flag.Int("first", 0, "the first seed")
	work := flag.Int64("work", 0, "limit in pivots of each pool; 0: none")
	limit := flag.Duration("limit", 0, "time limit of each pool; 0: none")
	profile := flag.String("profile", "", "write a CPU profile to this file")
	flag.Parse()
	var numbers []int
	for _, word := range strings.Split(*sizes, ",") {
		n, err := strconv.Atoi(word)
		if err != nil || n < 15 {
			return fmt.Errorf("-sizes: %q is no number of 15 or more people", word)
		}
		numbers = append(numbers, n)
	}
	if *profile != "" {
		f, err := os.Create(*profile)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	switch {
	case *compare:
		return lotterybench.Compare(ctx, lotterybench.Compared(numbers, *seeds), lotterybench.SciPy(*python), os.Stdout)
	case *reference:
		return beside(ctx, *seeds, *python)
	}
	chosen := lotterybench.Families()
	if *families != "" {
		chosen = nil
		for _, word := range strings.Split(*families, ",") {
			f, ok := lotterybench.Find(strings.TrimSpace(word))
			if !ok {
				return fmt.Errorf("-families: there is no family %q", word)
			}
			chosen = append(chosen, f)
		}
	}
	table := []string{"| family | n | pools | impossible | proved | by relaxation | median | worst |", "|---|---|---|---|---|---|---|---|"}
	for _, f := range chosen {
		for _, n := range numbers {
			var all []*lotterybench.Measured
			for seed := range *seeds {
				in := f.New(n, uint64(*first+seed))
				m, err := measure(ctx, in, *work, *limit)
				if err != nil {
					return err
				}
				m.Print(os.Stdout)
				all = append(all, m)
			}
			table = append(table, fmt.Sprintf("| %s | %d | %s |", f.Name, n, lotterybench.Summary(all)))
		}
	}
	fmt.Println()
	fmt.Println(strings.Join(table, "\n"))
	fmt.Printf("resident memory at most %d MiB\n", lotterybench.Resident()>>20)
	return nil
}

func measure(ctx context.Context, in lotterybench.Instance, work int64, limit time.Duration) (*lotterybench.Measured, error) {
	if limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	return lotterybench.Measure(ctx, in, work)
}

// beside measures beside the reference library.
func beside(ctx context.Context, seeds int, python string) error {
	if err := lotterybench.InstallReference(ctx, python, os.Stderr); err != nil {
		return err
	}
	var ratios []float64
	for _, shape := range [][2]int{{100, 20}, {200, 20}, {300, 30}} {
		for seed := range seeds {
			ratio, err := lotterybench.Reference(ctx, shape[0], shape[1], uint64(seed), python, os.Stdout)
			if err != nil {
				return err
			}
			if ratio > 0 {
				ratios = append(ratios, ratio)
			}
		}
	}
	slices.Sort(ratios)
	if len(ratios) > 0 {
		fmt.Printf("%d pools: at least %.0f×, median %.0f×\n", len(ratios), ratios[0], ratios[len(ratios)/2])
	}
	return nil
}
