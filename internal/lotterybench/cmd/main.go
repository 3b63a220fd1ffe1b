// Command cmd compares the lottery engine with a leximin on SciPy's HiGHS.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"

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

// tolerance is the largest difference of a chance that counts as agreement.
const tolerance = 1e-6

func run(ctx context.Context) error {
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	python := flag.String("python", filepath.Join(cache, "fairlead", "solverbench", "python", "bin", "python"), "a Python with SciPy; the bench of the integer solver installs one there")
	sizes := flag.String("sizes", "80,120", "numbers of people")
	seeds := flag.Int("seeds", 2, "pools of each size")
	flag.Parse()
	for _, word := range strings.Split(*sizes, ",") {
		n, err := strconv.Atoi(word)
		if err != nil || n < 15 {
			return fmt.Errorf("-sizes: %q is no number of 15 or more people", word)
		}
		for seed := range *seeds {
			worst, err := lotterybench.Compare(ctx, lotterybench.New(n, uint64(seed)), *python, os.Stdout)
			if err != nil {
				return err
			}
			if worst > tolerance {
				return fmt.Errorf("a chance differs by %g", worst)
			}
		}
	}
	return nil
}
