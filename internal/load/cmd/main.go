// Command load measures a server: how many submissions it takes beside what
// its database takes alone (-compare), how long they take at a fixed rate
// (-rate), and what happens at ten times of what it can (-overload). All
// applicants are invented.
//
//	go run ./internal/load/cmd -compare sqlite
//	go run ./internal/load/cmd -backend postgres -half -duration 60s
//	go run ./internal/load/cmd -url http://127.0.0.1:8080 -token-file admin.token -rate 100
//
// A server that it starts itself lies in a folder of its own, on the disk of
// -dir, and is thrown away. With -url a program called load-… stays behind.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/openfairlead/fairlead/internal/load"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}

type options struct {
	compare, backend, url, tokenFile, dir, report string
	rate                                          float64
	half, overload                                bool
	clients, rounds                               int
	duration, warmup                              time.Duration
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	var o options
	f := flag.NewFlagSet("load", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.StringVar(&o.compare, "compare", "", "sqlite or postgres: the server beside a loop that sends its statements to the database, in turn")
	f.StringVar(&o.backend, "backend", "sqlite", "sqlite or postgres: what the server that is started keeps its data in")
	f.StringVar(&o.url, "url", "", "http:// address of a running server (with --rate-limit 0) instead of one that is started")
	f.StringVar(&o.tokenFile, "token-file", "", "file with an administrator's token, for -url")
	f.StringVar(&o.dir, "dir", "", "where the data of a started server lie: the disk that is measured (default: the temporary folder)")
	f.StringVar(&o.report, "report", "", "Markdown file that the result is appended to as well")
	f.Float64Var(&o.rate, "rate", 0, "submissions a second (open loop); 0: as many as the clients get answered")
	f.BoolVar(&o.half, "half", false, "find the most that the server takes, then open loop at half of it")
	f.BoolVar(&o.overload, "overload", false, "find the most that the server takes, then offer ten times as many")
	f.IntVar(&o.clients, "clients", 32, "clients of a closed loop; an open one has as many connections as it needs, up to 1,000")
	f.IntVar(&o.rounds, "rounds", 5, "rounds of each side, with -compare")
	f.DurationVar(&o.duration, "duration", 10*time.Second, "length of a run, or of a round")
	f.DurationVar(&o.warmup, "warmup", 2*time.Second, "what comes before it and does not count")
	if err := f.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil
		}
		return err
	}
	if f.NArg() > 0 {
		return fmt.Errorf("%q: everything is a flag; -help lists them", f.Arg(0))
	}
	out := stdout
	if o.report != "" {
		file, err := os.OpenFile(o.report, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
		if err != nil {
			return err
		}
		defer file.Close()
		out = io.MultiWriter(stdout, file)
	}
	fmt.Fprintf(out, "\nCommand: `go run ./internal/load/cmd %s`. Machine: %s, %s, %s/%s, %s.\n\n",
		strings.Join(args, " "), processor(), cores(), runtime.GOOS, runtime.GOARCH, runtime.Version())
	if o.compare != "" {
		return compare(ctx, o, out, stderr)
	}
	return measure(ctx, o, out)
}

func compare(ctx context.Context, o options, out, progress io.Writer) error {
	p, err := load.NewPlace(ctx, o.dir, o.compare)
	if err != nil {
		return err
	}
	c, err := p.Compare(ctx, load.CompareOptions{Clients: o.clients, Rounds: o.rounds, Length: o.duration, Warmup: o.warmup, Log: progress})
	if err = errors.Join(err, p.Close()); err != nil {
		return err
	}
	fmt.Fprintf(out, "Durable submissions on %s, %d clients over REST, %d rounds of %v in turn with the loop, which has %d connections (it is fastest so). Recorded: %s.\n\n", o.compare, o.clients, o.rounds, o.duration, c.Connections, c.Recorded)
	fmt.Fprintln(out, "| round | server /s | p50 | p99 | loop /s | CPU each: server, client, loop |\n|---|---|---|---|---|---|")
	for i, r := range c.Rounds {
		fmt.Fprintf(out, "| %d | %.0f | %v | %v | %.0f | %v, %v, %v |\n", i+1, r.Server, r.P50, r.P99, r.Loop, r.ServerCPU, r.ClientCPU, r.LoopCPU)
	}
	met := "met"
	if c.Ratio() < 0.40 {
		met = fmt.Sprintf("missed by a factor of %.2f", 0.40/c.Ratio())
	}
	fmt.Fprintf(out, "\nMedians (spread): %v. Aim: ratio at least 0.40, %s.\n", c, met)
	return nil
}

// measure runs one loop, or what comes before and after an overload.
func measure(ctx context.Context, o options, out io.Writer) (err error) {
	call, ops, done, err := target(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	dir, err := os.MkdirTemp("", "fairlead-ledger-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	ledger, err := load.NewLedger(filepath.Join(dir, "ledger"))
	if err != nil {
		return err
	}
	first := 0
	loop := func(title string, rate float64, clients int, duration time.Duration) (*load.Report, error) {
		var before load.Resources
		if ops != "" {
			if before, err = load.Look(ctx, ops); err != nil {
				return nil, err
			}
		}
		r, err := load.Run(ctx, load.Options{Call: call, Rate: rate, Clients: clients, Duration: duration, Warmup: o.warmup, First: first, Ledger: ledger})
		first += 10_000_000
		if err != nil {
			return nil, err
		}
		show(out, title, r)
		if ops != "" {
			now, err := load.Look(ctx, ops)
			if err != nil {
				return nil, err
			}
			fmt.Fprintf(out, "  server: %.1f s of processor time, and the generator %.1f s; %d MiB resident, %d goroutines, %d descriptors, %d calls shed so far\n",
				(now.CPU - before.CPU).Seconds(), r.CPU.Seconds(), now.Memory>>20, now.Goroutines, now.Descriptors, now.Shed)
		}
		return r, r.Err()
	}
	const open = 1000 // connections of an open loop
	switch {
	case o.half || o.overload:
		r, err := loop("the most", 0, o.clients, 10*time.Second)
		if err != nil {
			return err
		}
		rate, title := r.Throughput()/2, "half of it"
		if o.overload {
			rate, title = r.Throughput()*10, "ten times as much"
		}
		if _, err = loop(title, rate, open, o.duration); err != nil {
			return err
		}
		if o.overload {
			if _, err := loop("and again the most", 0, o.clients, 10*time.Second); err != nil {
				return err
			}
		}
	case o.rate > 0:
		if _, err := loop("open loop", o.rate, open, o.duration); err != nil {
			return err
		}
	default:
		if _, err := loop("closed loop", 0, o.clients, o.duration); err != nil {
			return err
		}
	}
	if err := ledger.Close(); err != nil {
		return err
	}
	v, err := load.Verify(ctx, call, ledger)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "\nRead back: %v.\n", v)
	return v.Err()
}

// target is an open call on the server that was asked for.
func target(ctx context.Context, o options) (call *load.Call, ops string, done func() error, err error) {
	if o.url != "" {
		token, err := os.ReadFile(o.tokenFile)
		if err != nil {
			return nil, "", nil, fmt.Errorf("-token-file: %w", err)
		}
		address, ok := strings.CutPrefix(strings.TrimSuffix(o.url, "/"), "http://")
		if !ok {
			return nil, "", nil, fmt.Errorf("-url %q: write it as http://HOST:PORT; behind TLS measure what is behind the proxy", o.url)
		}
		call, err = load.Open(ctx, address, strings.TrimSpace(string(token)), fmt.Sprintf("load-%d", time.Now().Unix()))
		return call, "", func() error { return nil }, err
	}
	p, err := load.NewPlace(ctx, o.dir, o.backend)
	if err != nil {
		return nil, "", nil, err
	}
	call, s, err := p.Serve(ctx)
	if err != nil {
		return nil, "", nil, errors.Join(err, p.Close())
	}
	return call, s.Ops, func() error { return errors.Join(s.Stop(), p.Close()) }, nil
}

func show(out io.Writer, title string, r *load.Report) {
	ms := func(d time.Duration) string { return fmt.Sprintf("%.1f", float64(d.Microseconds())/1000) }
	loop := fmt.Sprintf("%d clients", r.Clients)
	if r.Rate > 0 {
		loop = fmt.Sprintf("%.0f due a second", r.Rate)
	}
	l := &r.Latency
	fmt.Fprintf(out, "- %s: %s for %.0f s: %.0f acknowledged a second; ms from when it was due: p50 %s, p90 %s, p99 %s, p99.9 %s, max %s\n",
		title, loop, r.Duration.Seconds(), r.Throughput(), ms(l.Quantile(.5)), ms(l.Quantile(.9)), ms(l.Quantile(.99)), ms(l.Quantile(.999)), ms(l.Max()))
	s := r.Spread()
	fmt.Fprintf(out, "  by second: %d–%d acknowledged (median %d), p99 %s–%s ms (median %s)\n", s.Least, s.Most, s.Median, ms(s.BestP99), ms(s.WorstP99), ms(s.MedianP99))
	if n := len(r.Refused); n > 0 {
		fmt.Fprintf(out, "  not acknowledged, by status (0: no answer): %v; shed ones took p50 %s, p99 %s ms; those let in, from when they were sent: p50 %s, p99 %s ms\n", r.Refused,
			ms(r.Refusals.Quantile(.5)), ms(r.Refusals.Quantile(.99)), ms(r.Served.Quantile(.5)), ms(r.Served.Quantile(.99)))
	}
}

func cores() string {
	if n := runtime.GOMAXPROCS(0); n != 1 {
		return fmt.Sprintf("%d cores", n)
	}
	return "1 core"
}

// processor is its name, where the system tells it.
func processor() string {
	b, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return runtime.GOARCH
	}
	for line := range strings.Lines(string(b)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}
