package cli

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"google.golang.org/grpc/grpclog"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/disk"
	"github.com/openfairlead/fairlead/internal/server"
	"github.com/openfairlead/fairlead/internal/server/chain"
	"github.com/openfairlead/fairlead/internal/server/gateway"
	"github.com/openfairlead/fairlead/internal/sqlstore"
	"github.com/openfairlead/fairlead/internal/web"
	"github.com/openfairlead/fairlead/introductions"
	"github.com/openfairlead/fairlead/mentoring"
)

// serveOptions are the flags of `fairlead serve`.
type serveOptions struct {
	place
	network
	adminTokenFile string
	rateLimit      float64
	runLease       time.Duration
	logLevel       string
	logFormat      string
}

func (p *program) serveCommand() *cobra.Command {
	var o serveOptions
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve the API and the pages",
		Long: `Serve keeps everything in one encrypted database in the data folder. The first
start makes the database, its master key, and a token for the first
administrator; it says where they are. Ctrl-C stops it with grace.

With --database postgres://… several servers can share one PostgreSQL database,
and one master key, which "fairlead keys create" makes.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return serve(cmd.Context(), o, p.stderr) },
	}
	o.flags(cmd.Flags())
	return cmd
}

func (o *serveOptions) flags(f *pflag.FlagSet) {
	o.place.flags(f)
	o.listFlag(f)
	o.network.flags(f)
	f.StringVar(&o.adminTokenFile, "admin-token-file", "", "where the first administrator's token is written (default DATA/admin.token)")
	f.Float64Var(&o.rateLimit, "rate-limit", 200, "calls a second that each caller may make, with twice as many at once; 0: no limit")
	f.DurationVar(&o.runLease, "run-lease", 30*time.Second, "how long a run stays with a server that has died before another one goes on with it")
	f.StringVar(&o.logLevel, "log-level", "info", "debug, info, warn or error")
	f.StringVar(&o.logFormat, "log-format", "text", "text or json")
}

// serve runs the server until ctx ends. Everything that can be wrong with how
// it was started is found before a port opens, and what is wrong with the flags
// alone before anything is made.
func serve(ctx context.Context, o serveOptions, stderr io.Writer) error {
	log, err := newLog(o, stderr)
	if err != nil {
		return err
	}
	publicURL, proxies, err := o.check()
	if err != nil {
		return err
	}
	quiet()
	in, err := o.open(ctx, log, true)
	if err != nil {
		return err
	}
	if err = in.replay(ctx, log, o.erasureList()); err == nil {
		err = in.serve(ctx, o, log, publicURL, proxies)
	}
	return errors.Join(err, in.store.Close())
}

func (in *installation) serve(ctx context.Context, o serveOptions, log *slog.Logger, publicURL string, proxies []netip.Prefix) error {
	if in.newKey {
		log.Warn("made a new master key; without it nobody can read the database: keep a copy apart from the backups", "file", o.key())
	}
	o.warnOfDrive(log)
	runs := server.NewRunMetrics()
	work := in.background(log, o.runLease, runs)
	tries := applications.NewReturnCodeTries() // one count for both doors
	gates := chain.NewGates(log)               // and one for the work that is taken on
	app, err := server.NewApp(server.Options{
		Service: in.service, Mentoring: in.pairs, Networks: in.nets, Log: log, PublicURL: publicURL, TrustedProxies: proxies, RateLimit: o.rateLimit, Tries: tries, Gates: gates,
		Web: web.New(web.Options{
			Service: in.service, Mentoring: in.pairs, Secrets: in.vault, PublicURL: publicURL, Secure: strings.HasPrefix(publicURL, "https://") || o.ports.TLSCert != "",
			ClientAddress: func(r *http.Request) string { return gateway.ClientAddress(r, proxies).String() },
			Tries:         tries,
			Admit: func(w http.ResponseWriter, r *http.Request) (http.ResponseWriter, func(), error) {
				return gateway.Admit(gates, w, r)
			},
			Log: log,
		}),
		Collectors: []prometheus.Collector{runs, server.RunsCollector(in.store.Runs), server.PoolCollector(in.pools), o.backupMetric()},
	})
	if err != nil {
		return err
	}
	defer app.Close()
	ports, err := server.Listen(o.ports)
	if err != nil {
		return err
	}
	defer ports.Close()
	if err := in.firstAdministrator(ctx, o, log); err != nil {
		return err
	}
	scheme := "http"
	if o.ports.TLSCert != "" {
		scheme = "https"
	}
	log.Info("serving", "http", scheme+"://"+ports.HTTP.Addr().String(), "grpc", ports.GRPC.Addr().String(), "ops", "http://"+ports.Ops.Addr().String(), "data", o.data, "database", sqlstore.Describe(o.database()))
	err = app.Run(ctx, ports, work...)
	log.Info("stopped")
	return err
}

// warnOfDrive says at every start what breaks a database sooner or later: many
// never ask the doctor.
func (p *place) warnOfDrive(log *slog.Logger) {
	if sqlstore.IsPostgres(p.database()) {
		return
	}
	folder := filepath.Dir(p.database())
	if on, err := disk.Of(folder); err == nil && on.Class == disk.Network {
		log.Warn("the database lies on a network drive, where a lost connection breaks it; see fairlead doctor", "folder", folder, "kind", on.Kind)
	}
	if service := disk.SyncService(folder); service != "" {
		log.Warn("the database lies in a folder that is copied while it is written, which breaks it; see fairlead doctor", "folder", folder, "service", service)
	}
}

// firstAdministrator writes the first token to a file that only this account
// can read. Only the path is ever logged.
func (in *installation) firstAdministrator(ctx context.Context, o serveOptions, log *slog.Logger) error {
	path := o.adminTokenFile
	if path == "" {
		path = filepath.Join(o.data, "admin.token")
	}
	tokens, err := in.service.Tokens(ctx, localAdministrator)
	if err != nil || len(tokens) > 0 { // a later start writes none, whatever lies there now
		return err
	}
	// Tried before the token exists: a token that cannot be written is lost.
	if err := tryReplace(path); err != nil {
		return err
	}
	if err := tryWrite(path); err != nil {
		return err
	}
	secret, err := in.service.FirstToken(ctx)
	if err != nil || secret == "" {
		return err
	}
	if err := writeSecret(path, secret+"\n"); err != nil {
		return err
	}
	log.Info("made the first administrator's token; read it there and keep it safe", "file", path)
	return nil
}

// tokenText is what a token file holds: one token, nothing else.
var tokenText = regexp.MustCompile(`^fls_[A-Za-z0-9_-]{43}\s*$`)

// tryReplace refuses to put a token in the place of anything but an empty file
// or the token of an installation that is no more.
func tryReplace(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return applications.Errorf(applications.FailedPrecondition, "ADMIN_TOKEN_NOT_WRITABLE",
			"cannot look at %s (%w); choose another place with --admin-token-file", path, cause(err))
	case info.Mode().IsRegular() && info.Size() == 0:
		return nil
	case info.Mode().IsRegular() && info.Size() <= 1024: // what is longer is no token
		if text, err := os.ReadFile(path); err == nil && tokenText.Match(text) {
			return nil
		}
	}
	return applications.Errorf(applications.FailedPrecondition, "ADMIN_TOKEN_IN_THE_WAY",
		"%s is there already and holds no token; nothing was overwritten: move it away or choose another place with --admin-token-file", path)
}

func tryWrite(path string) error {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, ".admin-token-*")
	if err != nil {
		return applications.Errorf(applications.FailedPrecondition, "ADMIN_TOKEN_NOT_WRITABLE",
			"cannot write to %s (%w); make it writable for this account or choose another place with --admin-token-file", dir, cause(err))
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// writeSecret writes a file that is complete or not there at all.
func writeSecret(path, content string) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".admin-token-*") // made with mode 0600
	if err != nil {
		return err
	}
	_, err = f.WriteString(content)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// check reads what the flags say, without making or opening anything.
func (o *serveOptions) check() (publicURL string, proxies []netip.Prefix, err error) {
	if o.runLease < 100*time.Millisecond {
		return "", nil, exit(exitUsage, "--run-lease %v: must be 100ms or more; 30s is usual", o.runLease)
	}
	if o.rateLimit < 0 {
		return "", nil, exit(exitUsage, "--rate-limit %v: must be 0 or more", o.rateLimit)
	}
	return o.network.read()
}

func newLog(o serveOptions, w io.Writer) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(o.logLevel)); err != nil {
		return nil, exit(exitUsage, "--log-level %q: choose debug, info, warn or error", o.logLevel)
	}
	options := &slog.HandlerOptions{Level: level}
	switch o.logFormat {
	case "text":
		return slog.New(slog.NewTextHandler(w, options)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, options)), nil
	}
	return nil, exit(exitUsage, "--log-format %q: choose text or json", o.logFormat)
}

// quiet keeps the gRPC library from writing to stderr on its own: it quotes
// headers and addresses.
var quiet = sync.OnceFunc(func() {
	grpclog.SetLoggerV2(grpclog.NewLoggerV2(io.Discard, io.Discard, io.Discard))
})

// closeEvery is how often calls whose window has ended are closed, and offers
// and proposals that nobody answered.
const closeEvery = 15 * time.Second

// background is what runs beside the ports.
func (in *installation) background(log *slog.Logger, lease time.Duration, runs *server.RunMetrics) []func(context.Context) {
	closeDue := func(ctx context.Context) {
		tick := time.NewTicker(closeEvery)
		defer tick.Stop()
		failed := func(what string, err error) {
			if ctx.Err() == nil && applications.ReasonOf(err) != "DATABASE_UNAVAILABLE" { // that the runner tells, once
				log.Error(what, "error", err)
			}
		}
		erased := in.service.Now()
		for {
			// Without this, a server that only reads would go on with an old
			// master key, and with the tokens that ended with it.
			if err := in.store.CheckKey(ctx); applications.ReasonOf(err) == "MASTER_KEY_CHANGED" && ctx.Err() == nil {
				log.Error("refusing all calls", "error", err)
			}
			if n, err := in.service.CloseDue(ctx); err != nil {
				failed("closing calls whose time is over", err)
			} else if n > 0 {
				log.Info("closed calls whose time is over", "programs", n)
			}
			if n, err := in.service.ExpireOffers(ctx); err != nil {
				failed("ending offers whose time is over", err)
			} else if n > 0 {
				log.Info("ended offers whose time is over", "offers", n)
			}
			if n, err := in.pairs.ExpireProposals(ctx); err != nil {
				failed("ending proposals whose time is over", err)
			} else if n > 0 {
				log.Info("ended proposals whose time is over", "proposals", n)
			}
			if n, err := in.nets.Expire(ctx); err != nil {
				failed("ending introductions whose time is over", err)
			} else if n > 0 {
				log.Info("ended introductions whose time is over", "introductions", n)
			}
			if err := in.nets.TendErasures(ctx); err != nil {
				failed("overwriting what was erased of members of networks", err)
			}
			if err := in.pairs.TendErasures(ctx); err != nil {
				failed("overwriting what was erased of mentors and mentees", err)
			}
			if since, err := in.service.TendErasures(ctx, erased); err != nil {
				failed("keeping the list of erasures, or overwriting what was erased", err)
			} else {
				erased = since
			}
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	}
	runner := applications.NewRunner(in.service, in.service.NewID())
	runner.Lease, runner.Poll = lease, min(lease, 5*time.Second)
	runner.Hook = runs.Hook
	in.service.Wake = runner.Wake
	matches := mentoring.NewRunner(in.pairs, in.pairs.NewID())
	matches.Lease, matches.Poll = runner.Lease, runner.Poll
	in.pairs.Wake = matches.Wake
	rounds := introductions.NewRunner(in.nets, in.nets.NewID())
	rounds.Lease, rounds.Poll = runner.Lease, runner.Poll
	in.nets.Wake = rounds.Wake
	return []func(context.Context){closeDue, runner.Run, matches.Run, rounds.Run}
}

// pools passes on what the store tells about its pools.
func (in *installation) pools() map[string]server.Pool {
	all := map[string]server.Pool{}
	for name, p := range in.store.Pools() {
		all[name] = server.Pool(p)
	}
	return all
}
