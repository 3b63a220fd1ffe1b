package lp

import (
	"bytes"
	"os"
	"os/exec"
	"regexp"
	"testing"
)

// fused is a multiplication and an addition in one rounding. amd64 is built
// without them; arm64 has them, and the compiler uses them wherever a product
// is added to without a conversion in between.
var fused = regexp.MustCompile(`\bV?FN?ML?(ADD|SUB|A|S)[SD]?\b`)

// No package of the engine multiplies and adds in one rounding, or cohorts
// could differ from one machine to another.
func TestNoFusedArithmetic(t *testing.T) {
	// The expression has to find them where they are.
	probe := "0x0454 01108 (x.go:285)	FMSUBD	F1, F3, F2, F1\n0x10 (x.go:2)	FMADDD	F1, F2, F3, F1\n0x14 (x.go:3)	FNMADDS F1\n"
	if got := len(fused.FindAllString(probe, -1)); got != 3 {
		t.Fatalf("found %d of 3 fused instructions in a listing that has them", got)
	}
	const engine = "github.com/openfairlead/fairlead/matcher/..."
	cmd := exec.Command("go", "build", "-gcflags="+engine+"=-S", engine)
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH=arm64", "CGO_ENABLED=0")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("building for arm64: %v\n%s", err, out)
	}
	if !bytes.Contains(out, []byte("matcher/lp.(*Solver).Solve")) {
		t.Fatal("the listing does not show this package")
	}
	lines := 0
	for line := range bytes.SplitSeq(out, []byte("\n")) {
		// Instructions only: integer MADD and MSUB round nothing.
		if !bytes.Contains(line, []byte("\tF")) && !bytes.Contains(line, []byte("\tVF")) {
			continue
		}
		lines++
		if fused.Match(line) {
			t.Errorf("%s", bytes.TrimSpace(line))
		}
	}
	if lines < 500 {
		t.Errorf("only %d floating-point instructions in the listing: has its form changed?", lines)
	}
}
