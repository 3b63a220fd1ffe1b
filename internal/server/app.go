// Package server is everything between the network and the service layer:
// the gRPC services, the REST gateway, the interceptors both go through, the
// three ports, health, metrics and documentation. It is the only place where
// wire types become domain types and back.
package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/reflection"
	"google.golang.org/grpc/test/bufconn"

	"github.com/openfairlead/fairlead/applications"
	v1 "github.com/openfairlead/fairlead/gen/fairlead/v1"
	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/internal/server/chain"
	"github.com/openfairlead/fairlead/internal/server/gateway"
	"github.com/openfairlead/fairlead/internal/server/pagetoken"
	"github.com/openfairlead/fairlead/introductions"
	"github.com/openfairlead/fairlead/mentoring"
)

// maxMessage is the largest message of a call, in bytes.
const maxMessage = gateway.MaxBody

// maxAnswer is the largest answer that the gateway takes from the services: a
// page of 1,000 long applications.
const maxAnswer = 64 << 20

// Timeouts of the methods that need more than the usual ones.
var timeouts = map[string]time.Duration{
	"ImportApplications": gateway.ImportTimeout,
	"ExportApplications": 10 * time.Minute,
	"WatchSelection":     time.Hour,
	"WatchMatching":      time.Hour,
	"EditMatching":       time.Minute,
	"UndoMatchingEdit":   time.Minute,
	"SimulateMatching":   time.Minute,
	"ImportMentors":      time.Minute,
	"ImportMentees":      time.Minute,
	"PublishMatching":    time.Minute,
	"ImportMembers":      time.Minute,
	"PublishRound":       time.Minute,
	"CheckCriteria":      time.Minute,
	"CloseProgram":       time.Minute,
	// These may solve a run again, or look at every pair of a program.
	"ExplainMissingPair":  time.Minute,
	"ExplainOtherMentors": time.Minute,
	"ExplainRecruitment":  time.Minute,
	"PriceMentoringRules": time.Minute,
}

// Options of an App.
type Options struct {
	Service *applications.Service // with Store, Secrets, Now, NewID set
	// Mentoring is the same for mentors and mentees; nil: its methods answer
	// UNIMPLEMENTED.
	Mentoring *mentoring.Service
	// Networks is the same for networks of peers.
	Networks *introductions.Service
	Log      *slog.Logger
	// Web answers every path that is not the API's; nil: none is there.
	Web http.Handler
	// PublicURL is the address people type, without a slash at the end, or "".
	PublicURL string
	// TrustedProxies are believed when they say for whom they call.
	TrustedProxies []netip.Prefix
	// RateLimit is calls per second and caller, with twice as many at once;
	// 0: no limit.
	RateLimit float64
	// Tries counts wrong return codes, together with the other doors to them;
	// nil: those of the API alone.
	Tries *applications.Tries
	// Gates bound the work that is taken on, together with the pages; nil: gates
	// of its own.
	Gates *chain.Gates
	// Collectors are metrics of others, for example of the store's pools.
	Collectors []prometheus.Collector
}

// App is the whole server but for its ports.
type App struct {
	HTTP http.Handler // REST, pages, documentation, /healthz
	Ops  http.Handler // /livez, /readyz, /metrics
	GRPC *grpc.Server

	service  *applications.Service
	log      *slog.Logger
	health   *health.Server
	conn     *grpc.ClientConn
	inner    *bufconn.Listener
	stopping chan struct{}
	trusted  []netip.Prefix // proxies
	arriving arriving
}

// NewApp builds the server. It fails if a method declares no permission.
func NewApp(o Options) (*App, error) {
	if o.Tries == nil {
		o.Tries = applications.NewReturnCodeTries()
	}
	if o.Gates == nil {
		o.Gates = chain.NewGates(o.Log)
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	registry.MustRegister(o.Gates)
	registry.MustRegister(o.Collectors...)

	a := &App{service: o.Service, log: o.Log, health: health.NewServer(), inner: bufconn.Listen(256 << 10), stopping: make(chan struct{}), trusted: o.TrustedProxies}
	limiter := chain.NewLimiter(o.RateLimit, int(2*o.RateLimit), o.Service.Now)
	if err := a.buildGRPC(o, chain.NewMetrics(registry), limiter); err != nil {
		return nil, err
	}
	if err := a.buildHTTP(o, limiter); err != nil {
		a.GRPC.Stop()
		return nil, err
	}
	a.Ops = opsHandler(a, promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	return a, nil
}

func (a *App) buildGRPC(o Options, metrics *chain.Metrics, limiter *chain.Limiter) error {
	svc := o.Service
	interceptors, err := chain.New(chain.Options{
		Log: o.Log, Authenticate: o.authenticate, Now: svc.Now, NewID: svc.NewID, Metrics: metrics, Gates: o.Gates,
		Limiter: limiter, TrustedProxies: o.TrustedProxies,
	})
	if err != nil {
		return err
	}
	a.GRPC = grpc.NewServer(
		grpc.MaxRecvMsgSize(maxMessage),
		grpc.MaxHeaderListSize(maxHeader),
		grpc.ChainUnaryInterceptor(interceptors.Unary()),
		grpc.ChainStreamInterceptor(interceptors.Stream()),
		grpc.ConnectionTimeout(10*time.Second),
		grpc.MaxConcurrentStreams(1000), // over one connection; all REST calls share one of their own
		grpc.KeepaliveParams(keepalive.ServerParameters{MaxConnectionIdle: 15 * time.Minute, Time: 2 * time.Minute, Timeout: 20 * time.Second}),
	)
	lists := pages{pagetoken.Tokens{Secrets: svc.Secrets, Now: svc.Now}}
	v1.RegisterProgramServiceServer(a.GRPC, &programService{svc: svc, pages: lists})
	v1.RegisterApplicationServiceServer(a.GRPC, &applicationService{
		svc: svc, pages: lists, publicURL: o.PublicURL,
		tries: o.Tries, importing: make(chan struct{}, importsAtOnce),
	})
	v1.RegisterSelectionServiceServer(a.GRPC, &selectionService{svc: svc, pages: lists, stopping: a.stopping})
	v1.RegisterOfferServiceServer(a.GRPC, &offerService{svc: svc, pages: lists})
	v1.RegisterAdminServiceServer(a.GRPC, &adminService{svc: svc, pages: lists, publicURL: o.PublicURL})
	if o.Mentoring != nil {
		v1.RegisterMentorshipServiceServer(a.GRPC, &mentorshipService{svc: o.Mentoring, pages: lists, publicURL: o.PublicURL, stopping: a.stopping})
	} else {
		v1.RegisterMentorshipServiceServer(a.GRPC, v1.UnimplementedMentorshipServiceServer{})
	}
	if o.Networks != nil {
		v1.RegisterNetworkServiceServer(a.GRPC, &networkService{svc: o.Networks, pages: lists})
	} else {
		v1.RegisterNetworkServiceServer(a.GRPC, v1.UnimplementedNetworkServiceServer{})
	}
	registerReserved(a.GRPC)
	healthv1.RegisterHealthServer(a.GRPC, a.health)
	reflection.Register(a.GRPC)

	interceptors.Methods, err = chain.ReadMethods(a.GRPC.GetServiceInfo(), timeouts)
	return err
}

// authenticate asks whoever made the token.
func (o Options) authenticate(ctx context.Context, token string) (access.Principal, error) {
	if o.Mentoring != nil && strings.HasPrefix(token, mentoring.TokenPrefix) {
		return o.Mentoring.Authenticate(ctx, token)
	}
	if o.Networks != nil && strings.HasPrefix(token, introductions.TokenPrefix) {
		return o.Networks.Authenticate(ctx, token)
	}
	return o.Service.Authenticate(ctx, token)
}

// registerReserved registers the services that are named and not built: each
// method answers UNIMPLEMENTED.
func registerReserved(s *grpc.Server) {
	v1.RegisterReviewServiceServer(s, v1.UnimplementedReviewServiceServer{})
}

func (a *App) buildHTTP(o Options, limiter *chain.Limiter) error {
	go func() {
		if err := a.GRPC.Serve(a.inner); err != nil && !errors.Is(err, grpc.ErrServerStopped) {
			a.log.Error("the gateway's connection ended", "error", err)
		}
	}()
	conn, err := grpc.NewClient("passthrough:///gateway",
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return a.inner.DialContext(ctx) }),
		grpc.WithTransportCredentials(insecure.NewCredentials()), // stays inside the process
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxAnswer)),
		grpc.WithDisableServiceConfig(),
	)
	if err != nil {
		return fmt.Errorf("connecting the gateway: %w", err)
	}
	a.conn = conn
	rest, err := gateway.New(context.Background(), gateway.Options{
		Conn: conn, TrustedProxies: o.TrustedProxies, Gates: o.Gates,
		Services: []gateway.Register{
			v1.RegisterProgramServiceHandler, v1.RegisterApplicationServiceHandler,
			v1.RegisterSelectionServiceHandler, v1.RegisterAdminServiceHandler,
			v1.RegisterReviewServiceHandler, v1.RegisterOfferServiceHandler,
			v1.RegisterMentorshipServiceHandler, v1.RegisterNetworkServiceHandler,
		},
	})
	if err != nil {
		return fmt.Errorf("building the gateway: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("/v1/", rest)
	mux.Handle(gateway.ImportPattern, gateway.Import(conn, o.TrustedProxies))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { plain(w, http.StatusOK, "ok") })
	documentation(mux)
	if o.Web != nil {
		mux.Handle("/", limited(limiter, o.TrustedProxies, o.Web))
	} else {
		mux.HandleFunc("/", gateway.NotFound)
	}
	secure := strings.HasPrefix(o.PublicURL, "https://")
	a.HTTP = recovered(a.log, hardened(a.arriving.handler(mux), secure))
	return nil
}

// Close stops everything at once. Run stops with grace.
func (a *App) Close() {
	a.GRPC.Stop()
	if a.conn != nil {
		_ = a.conn.Close() // nothing is left to send
	}
	_ = a.inner.Close()
}

// hardened sets what every answer carries. Pages set a stricter policy of
// their own. No answer carries Access-Control-Allow-Origin: scripts of other
// sites read nothing here.
func hardened(next http.Handler, secure bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		h.Set("X-Frame-Options", "DENY") // the same, for what does not know the policy
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		if secure {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		if r.Method == http.MethodConnect || r.Method == http.MethodTrace || r.RequestURI == "*" {
			h.Set("Connection", "close")
			plain(w, http.StatusMethodNotAllowed, "this is no proxy, and repeats nothing")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// limited lets each address load so many pages a second, out of the same
// allowance as its calls without a token.
func limited(limiter *chain.Limiter, trusted []netip.Prefix, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if wait := limiter.Take(chain.AddressKey(gateway.ClientAddress(r, trusted))); wait > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(int(wait/time.Second)+1))
			plain(w, http.StatusTooManyRequests, "Too many requests from your network. Wait a moment and load the page again.\nDemasiadas solicitudes desde su red. Espere un momento y vuelva a cargar la p\u00e1gina.")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// recovered answers a panic outside the chain with nothing but a reference.
func recovered(log *slog.Logger, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			switch p := recover(); p {
			case nil:
			case http.ErrAbortHandler:
				panic(p) // breaks the connection off, on purpose
			default:
				err := chain.Panicked(p)
				log.Error("panic", "error", err, "stack", err.Stack())
				gateway.WriteError(w, r, err)
			}
		}()
		next.ServeHTTP(w, r)
	})
}

// opsHandler answers for whoever runs the server.
func opsHandler(a *App, metrics http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { plain(w, http.StatusOK, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-a.stopping:
			plain(w, http.StatusServiceUnavailable, "stopping")
			return
		default:
		}
		ctx, cancel := context.WithTimeout(r.Context(), 5*time.Second)
		defer cancel()
		if err := a.service.Store.Ping(ctx); err != nil {
			a.log.Error("the store does not answer", "error", err)
			plain(w, http.StatusServiceUnavailable, "the store does not answer; see the log")
			return
		}
		plain(w, http.StatusOK, "ok")
	})
	mux.Handle("GET /metrics", metrics)
	return hardened(mux, false)
}

func plain(w http.ResponseWriter, code int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	_, _ = fmt.Fprintln(w, text) // the caller has gone: nobody to tell
}
