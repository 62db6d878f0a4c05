package rest

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/flott-dev/flott/internal/access"
	"github.com/flott-dev/flott/internal/clock"
	"github.com/flott-dev/flott/internal/exposition"
	"github.com/flott-dev/flott/internal/jobmanager"
	"github.com/flott-dev/flott/internal/openapi"
	"github.com/flott-dev/flott/internal/restapi"
)

// Artifacts is where executables of jobs are kept, each under the SHA-256 of its content, in hexadecimal
// digits. Its methods may be called by several goroutines.
type Artifacts interface {
	// Put stores what r has, unless r fails: then nothing may be left.
	Put(ctx context.Context, hash string, r io.Reader) error
	// Has reports whether an artifact is there.
	Has(hash string) (bool, error)
	// Open reads an artifact. The error is fs.ErrNotExist if it is not there.
	Open(hash string) (io.ReadCloser, error)
}

// Options are the settings of a Server.
type Options struct {
	// Artifacts keeps the executables of jobs; nil takes none.
	Artifacts Artifacts
	// ArtifactBytesMax is how large one may be; 0 means 2 GiB.
	ArtifactBytesMax int64
	// Token is what an admin shows, as Authorization: Bearer; "" for none. Without Token, Tokens and certificates of
	// clients everybody who reaches the server is an admin.
	Token string
	// Tokens are those of others, with their roles; nil for none.
	Tokens *access.Tokens
	// CertificateRoles are the roles of clients by the common names of their certificates; others have none. If it is nil,
	// whoever has a certificate is an admin, unless there are tokens: then one is wanted besides.
	CertificateRoles map[string]access.Role
	// SessionLife is how long a browser's session lasts; 0 means 8 h.
	SessionLife time.Duration
	// Clock is for sessions and for the limit to wrong tokens; nil is the system's.
	Clock clock.Clock
	// TLS makes the server speak TLS. It has the certificate. It may ask clients for theirs, and then has to verify them.
	TLS *tls.Config
	// Insecure lets a server without tokens and certificates of clients listen on addresses that other machines reach.
	Insecure bool
	// Hosts are further names that requests may call the server by, such as that of a proxy. With tokens
	// and no Hosts, any will do.
	Hosts []string
	// Version and Commit are those of the program.
	Version, Commit string
	// Epoch is the term of the JobManager.
	Epoch int64
	// Leader is the URL of the JobManager that leads, "" if nobody is known to; for a server that stands by.
	Leader func() string
	// PlainLabels leaves the values of labels of metrics as they are: see exposition.Options.
	PlainLabels bool
	// LogFile is the JobManager's log, "" if it is no file.
	LogFile string
	// SQL serves sessions of SQL, below /sessions, to admins; nil serves none.
	SQL http.Handler
	// Inside is a token of programs that this process runs for admins, which lets them in as such; "" for none.
	Inside string
	// Config is the effective options of the JobManager, without secrets; nil shows none.
	Config func() []restapi.KeyValue
	// Shutdown is called when a client asks for the end of the cluster; nil refuses. It does not block.
	Shutdown func()
	// Log hears of panics; nil is slog.Default.
	Log *slog.Logger
	// EventInterval is the least time between two events about one thing; 0 means 1 s.
	EventInterval time.Duration
	// BodyTimeout is how long the body of a request may take; of what admins alone may send, how long it may stand still.
	// 0 means 1 min. HeaderTimeout is how long a request may take to be read up to its body; 0 means 10 s. WriteTimeout is
	// how long a client may take nothing of a response; 0 means 30 s.
	BodyTimeout, HeaderTimeout, WriteTimeout time.Duration
}

// Server serves a JobManager's interface. Its methods may be called by any goroutine.
type Server struct {
	o          Options
	m          *jobmanager.Manager
	leads      atomic.Bool // m is there
	routes     []route
	gather     func(context.Context) []exposition.Scope // for a scrape
	http       http.Server
	operations operations
	document   func() *openapi.Document // made when it is asked for
	feeds      feeds
	kept       keptAnswers
	sessions   *access.Sessions
	guesses    *access.Guesses
	ctx        context.Context
	end        context.CancelFunc
}

// New returns a server that does not listen yet. Without a Manager it stands by: it sends clients to the
// leader, until Lead.
func New(m *jobmanager.Manager, o Options) *Server {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	o.ArtifactBytesMax = cmp.Or(o.ArtifactBytesMax, restapi.ArtifactBytesMax)
	o.BodyTimeout = cmp.Or(o.BodyTimeout, time.Minute)
	o.HeaderTimeout = cmp.Or(o.HeaderTimeout, 10*time.Second)
	o.EventInterval = cmp.Or(o.EventInterval, time.Second)
	o.WriteTimeout = cmp.Or(o.WriteTimeout, 30*time.Second)
	o.SessionLife = cmp.Or(o.SessionLife, 8*time.Hour)
	if o.Clock == nil {
		o.Clock = clock.System{}
	}
	s := &Server{o: o, m: m, sessions: access.NewSessions(o.Clock, o.SessionLife), guesses: access.NewGuesses(o.Clock)}
	s.leads.Store(m != nil)
	s.routes, s.gather = routes, s.managerScopes
	s.ctx, s.end = context.WithCancel(context.Background())
	s.operations.ctx = s.ctx
	s.document = sync.OnceValue(func() *openapi.Document { return describe(routes, o.Version) })
	s.http = http.Server{
		Handler: s.page(s.Handler()), TLSConfig: o.TLS, ReadHeaderTimeout: o.HeaderTimeout, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 64 << 10, ErrorLog: slog.NewLogLogger(o.Log.Handler(), slog.LevelDebug),
	}
	return s
}

// Lead has a server that stands by serve a Manager. It may be called once.
func (s *Server) Lead(m *jobmanager.Manager, epoch int64) {
	s.m, s.o.Epoch = m, epoch
	s.leads.Store(true)
}

// standBy answers a request while the JobManager does not lead.
func (s *Server) standBy(w http.ResponseWriter, r *http.Request) {
	url := ""
	if s.o.Leader != nil {
		url = s.o.Leader()
	}
	if url == "" {
		s.refuse(w, refusal{http.StatusServiceUnavailable, "This JobManager stands by, and none leads at the moment; try again."})
		return
	}
	w.Header().Set("Location", url+r.URL.RequestURI())
	s.refuse(w, refusal{http.StatusTemporaryRedirect, "This JobManager stands by; " + url + " leads."})
}

// ErrInsecure is the error of Serve about an address that is not for everybody.
var ErrInsecure = errors.New("without a token or certificates of clients the REST interface listens on loopback addresses only")

// Serve answers requests until Close. It refuses an address that other machines reach if clients have to show neither a token nor a certificate.
func (s *Server) Serve(l net.Listener) error {
	if !s.o.Authenticates() && !s.o.Insecure && !isLoopback(l.Addr()) {
		l.Close()
		return fmt.Errorf("%w, not on %v: whoever reaches it can run code on the cluster; configure a token, "+
			"or certificates of clients, or say --insecure", ErrInsecure, l.Addr())
	}
	var err error
	if s.o.TLS != nil {
		err = s.http.ServeTLS(l, "", "")
	} else {
		err = s.http.Serve(l)
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// Close ends what is being served, and the waiting of operations. What they have told jobs to do goes on.
func (s *Server) Close() error {
	s.end()
	ctx, stop := context.WithTimeout(context.Background(), time.Second)
	defer stop()
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = s.http.Close()
	}
	s.operations.running.Wait()
	return err
}

// isLoopback reports whether only this machine reaches an address.
func isLoopback(a net.Addr) bool {
	switch a := a.(type) {
	case *net.TCPAddr:
		return a.IP.IsLoopback()
	case *net.UnixAddr:
		return true
	}
	return false
}
