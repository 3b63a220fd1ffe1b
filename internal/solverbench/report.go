package solverbench

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"slices"
	"strings"
)

func nearest(x float64) int64 { return int64(math.Round(x)) }

// tally is the sum of some instances for one solver.
type tally struct {
	seconds, worst, median float64
	unfinished             int
}

func (c *Comparison) tally(solver Solver, of func(*Instance) bool) tally {
	var t tally
	var all []float64
	for _, in := range c.Instances {
		if !of(in) {
			continue
		}
		r := in.Result[solver]
		all = append(all, r.CPU)
		t.seconds += r.CPU
		t.worst = max(t.worst, r.CPU)
		if r.Status == "unfinished" {
			t.unfinished++
		}
	}
	if len(all) > 0 {
		slices.Sort(all)
		t.median = (all[(len(all)-1)/2] + all[len(all)/2]) / 2
	}
	return t
}

// Report writes the comparison as a section of docs/figures.md.
func (c *Comparison) Report(w io.Writer, command string) error {
	out := bufio.NewWriter(w)
	everything := func(*Instance) bool { return true }
	limit := int(c.Limit.Seconds())
	fmt.Fprintf(out, "## Solver\n\n")
	fmt.Fprintf(out, "Command: `%s`. Machine: %s.\n\n", command, machine())
	fmt.Fprintf(out, "%d instances: %d families, %d sizes, %d seeds each (%d–%d, none left out), each written once as an MPS file and read by all.\n",
		len(c.Instances), len(c.Families), len(c.Sizes), len(c.Seeds), c.Seeds[0], c.Seeds[len(c.Seeds)-1])
	fmt.Fprintf(out, "CPU seconds of solving only, one thread, gap 0, at most %d s an instance (what was not finished counts with the time it used).\n", limit)
	fmt.Fprintf(out, "Against: %s.\n\n", strings.Join(c.versions(), "; "))

	fmt.Fprintf(out, "| family | instances | rows | fairlead |")
	for _, peer := range c.Peers {
		fmt.Fprintf(out, " %s | ratio |", peer)
	}
	fmt.Fprintf(out, "\n|---|---|---|---|%s\n", strings.Repeat("---|---|", len(c.Peers)))
	row := func(name string, of func(*Instance) bool) {
		count, least, most := 0, math.MaxInt, 0
		for _, in := range c.Instances {
			if of(in) {
				count++
				least, most = min(least, in.Rows), max(most, in.Rows)
			}
		}
		own := c.tally(Own, of)
		fmt.Fprintf(out, "| %s | %d | %d–%d | %s |", name, count, least, most, seconds(own))
		for _, peer := range c.Peers {
			t := c.tally(peer, of)
			fmt.Fprintf(out, " %s | %.1f× |", seconds(t), t.seconds/own.seconds)
		}
		fmt.Fprintln(out)
	}
	for _, family := range c.Families {
		row(string(family), func(in *Instance) bool { return in.Family == family })
	}
	row("**all**", everything)

	fmt.Fprintf(out, "\nEach cell: total (worst instance; unfinished, if any).\n\n")
	fmt.Fprintf(out, "| n, k | fairlead: median, worst |")
	for _, peer := range c.Peers {
		fmt.Fprintf(out, " %s: median, worst |", peer)
	}
	fmt.Fprintf(out, "\n|---|---|%s\n", strings.Repeat("---|", len(c.Peers)))
	for _, size := range c.Sizes {
		fmt.Fprintf(out, "| %d, %d |", size.N, size.K)
		for _, solver := range append([]Solver{Own}, c.Peers...) {
			t := c.tally(solver, func(in *Instance) bool { return in.Size == size })
			fmt.Fprintf(out, " %s, %s |", duration(t.median), duration(t.worst))
		}
		fmt.Fprintln(out)
	}

	infeasible := 0
	for _, in := range c.Instances {
		if in.Result[Own].Status == "infeasible" {
			infeasible++
		}
	}
	list := c.Mismatches()
	fmt.Fprintf(out, "\nMismatches: %d (infeasible: %d).\n", len(list), infeasible)
	for _, text := range list {
		fmt.Fprintf(out, "- %s\n", text)
	}
	c.targets(out)
	return out.Flush()
}

// targets says whether the aims of the comparison are met: the total at least
// ten times, the worst family at least four times faster than each peer.
func (c *Comparison) targets(out io.Writer) {
	worstTotal, worstFamily := math.Inf(1), math.Inf(1)
	name := ""
	for _, peer := range c.Peers {
		whole := func(*Instance) bool { return true }
		worstTotal = min(worstTotal, c.tally(peer, whole).seconds/c.tally(Own, whole).seconds)
		for _, family := range c.Families {
			of := func(in *Instance) bool { return in.Family == family }
			if ratio := c.tally(peer, of).seconds / c.tally(Own, of).seconds; ratio < worstFamily {
				worstFamily, name = ratio, fmt.Sprintf("%s against %s", family, peer)
			}
		}
	}
	if len(c.Peers) == 0 {
		return
	}
	say := func(ratio, aim float64) string {
		if ratio >= aim {
			return "met"
		}
		return fmt.Sprintf("missed by a factor of %.1f", aim/ratio)
	}
	fmt.Fprintf(out, "Aims: total at least 10×: %.1f×, %s; worst family at least 4×: %.1f× (%s), %s.\n",
		worstTotal, say(worstTotal, 10), worstFamily, name, say(worstFamily, 4))
}

func (c *Comparison) versions() []string {
	var list []string
	for _, peer := range c.Peers {
		list = append(list, c.Version[peer])
	}
	return list
}

func seconds(t tally) string {
	text := fmt.Sprintf("%.2f s (%s", t.seconds, duration(t.worst))
	if t.unfinished > 0 {
		text += fmt.Sprintf("; %d unfinished", t.unfinished)
	}
	return text + ")"
}

func duration(seconds float64) string {
	switch ms := seconds * 1000; {
	case ms < 10:
		return fmt.Sprintf("%.1f ms", ms)
	case ms < 1000:
		return fmt.Sprintf("%.0f ms", ms)
	default:
		return fmt.Sprintf("%.1f s", seconds)
	}
}

// machine names the processor as the system does.
func machine() string {
	name := runtime.GOARCH
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for _, line := range strings.Split(string(text), "\n") {
			if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
				name = strings.TrimSpace(value)
				break
			}
		}
	}
	return fmt.Sprintf("%s, %d cores, %s/%s, %s", name, runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version())
}
