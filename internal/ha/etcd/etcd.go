package etcd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/flott-dev/flott/internal/ha"
)

// Store is a ha.Store in etcd.
type Store struct {
	client  *clientv3.Client // after connect
	login   *clientv3.Client // asks for its tokens; nil without a user
	conf    clientv3.Config
	opts    Options
	where   string        // the endpoints, for errors
	prefix  string        // of all keys, with a slash at its end
	ttl     time.Duration // of leases, whole seconds
	request time.Duration // how long an answer is waited for
	blind   bool          // leaders do not watch their key, in tests

	ctx   context.Context // ends with Close
	close context.CancelCauseFunc
	mu    struct {
		sync.Mutex
		running sync.WaitGroup // is not added to after Close
	}
	connecting sync.Mutex // is held while client is made
}

var _ ha.Store = (*Store)(nil)

// Open returns the store in an etcd. It makes no request; an etcd that is away shows when the store is
// used.
func Open(o Options) (*Store, error) {
	if o.ClusterID == "" {
		o.ClusterID = ClusterDefault
	}
	if o.LeaseTimeout == 0 {
		o.LeaseTimeout = LeaseTimeoutDefault
	}
	if o.Log == nil {
		o.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	if err := o.validate(); err != nil {
		return nil, fmt.Errorf("high availability: %w", err)
	}
	secure, err := o.tls()
	if err != nil {
		return nil, fmt.Errorf("high availability: etcd: %w", err)
	}
	s := &Store{
		opts: o, where: "etcd at " + strings.Join(o.Endpoints, ", "),
		prefix: "/flott/" + strings.Trim(o.ClusterID, "/") + "/",
		ttl:    (o.LeaseTimeout + time.Second - 1).Truncate(time.Second),
	}
	s.request = s.ttl / 3
	s.ctx, s.close = context.WithCancelCause(context.Background())
	s.conf = clientv3.Config{
		Endpoints: o.Endpoints, Username: o.Username, Password: o.Password, TLS: secure,
		DialTimeout: s.request, DialKeepAliveTime: 10 * time.Second, DialKeepAliveTimeout: s.ttl / 5,
		Logger: zap.NewNop(), Context: s.ctx,
	}
	return s, nil
}

// connect makes the client, if there is none. With a user that takes a request for a token, and fails while
// etcd is away.
func (s *Store) connect() error {
	s.connecting.Lock()
	defer s.connecting.Unlock()
	if s.client != nil {
		return nil
	}
	if s.ctx.Err() != nil {
		return context.Cause(s.ctx)
	}
	conf := s.conf
	if conf.Username != "" {
		if err := s.logIn(&conf); err != nil {
			return err
		}
	}
	client, err := clientv3.New(conf)
	if err == nil {
		s.client = client
	}
	return err
}

// authenticate is the request for a token.
const authenticate = "/etcdserverpb.Auth/Authenticate"

// logIn has requests for tokens go by a client of their own, which has none. The client sends an old one with them, which
// a server before 3.5 that has started anew refuses, and then asks again, for ever.
func (s *Store) logIn(conf *clientv3.Config) error {
	if s.login == nil {
		plain := *conf
		plain.Username, plain.Password = "", ""
		login, err := clientv3.New(plain)
		if err != nil {
			return err
		}
		s.login = login
	}
	conn := s.login.ActiveConnection()
	conf.DialOptions = []grpc.DialOption{grpc.WithChainUnaryInterceptor(func(ctx context.Context, method string, req, reply any,
		cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption,
	) error {
		if method == authenticate {
			cc = conn
		}
		return invoke(ctx, method, req, reply, cc, opts...)
	})}
	return nil
}

// Close ends all leaderships without resigning: others can lead when their leases are over.
func (s *Store) Close() error {
	s.mu.Lock()
	s.close(ha.ErrClosed)
	s.mu.Unlock()
	s.mu.running.Wait()
	s.connecting.Lock()
	defer s.connecting.Unlock()
	for _, c := range []*clientv3.Client{s.client, s.login} {
		if c == nil {
			continue
		}
		if err := c.Close(); err != nil && !errors.Is(err, context.Canceled) {
			return s.fail("close", "", err)
		}
	}
	return nil
}

// run starts goroutines that Close waits for, unless the store is closed.
func (s *Store) run(all ...func()) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx.Err() != nil {
		return context.Cause(s.ctx)
	}
	for _, f := range all {
		s.mu.running.Go(f)
	}
	return nil
}

// Keys.
func (s *Store) leaderKey() string            { return s.prefix + "leader" }
func (s *Store) epochKey() string             { return s.prefix + "epoch" }
func (s *Store) recordKey(key string) string  { return s.prefix + "records/" + key }
func (s *Store) keyOfRecord(kv []byte) string { return strings.TrimPrefix(string(kv), s.recordKey("")) }

// fail makes an ha.Error with what the user can do.
func (s *Store) fail(op, what string, err error) error {
	if err == nil {
		return nil
	}
	var known *ha.Error
	if errors.As(err, &known) {
		return err
	}
	return &ha.Error{Op: op, What: what, Where: s.where, Advice: advice(err), Err: err}
}

const adviceLarge = "set high-availability.storageDir, where large values are kept"

func advice(err error) string {
	switch {
	case errors.Is(err, rpctypes.ErrNoSpace):
		return "its disk quota is used up: compact and defragment it, and disarm the alarm"
	case errors.Is(err, rpctypes.ErrRequestTooLarge):
		return adviceLarge
	case errors.Is(err, ha.ErrDeposed), errors.Is(err, ha.ErrClosed):
		return ""
	}
	switch codeOf(err) {
	case codes.Unauthenticated, codes.PermissionDenied, codes.FailedPrecondition, codes.InvalidArgument:
		return "see high-availability.etcd.username and high-availability.etcd.password, and the rights of that user"
	case codes.ResourceExhausted: // the client's own limit
		return adviceLarge
	case codes.Unavailable, codes.DeadlineExceeded:
		return "is it running there, does high-availability.etcd.endpoints name it, and does it speak TLS or not as " +
			"the options say?"
	}
	return ""
}

// codeOf returns OK for an error that is not of a request.
func codeOf(err error) codes.Code {
	var of rpctypes.EtcdError
	if errors.As(err, &of) {
		return of.Code()
	}
	var of2 interface{ GRPCStatus() *status.Status }
	if errors.As(err, &of2) {
		return of2.GRPCStatus().Code()
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return codes.DeadlineExceeded
	}
	return codes.OK
}

// refused reports whether etcd has answered that it does not take a request, so that the request has no
// effect and repeating it is in vain. After other errors neither is known.
func refused(err error) bool {
	switch codeOf(err) {
	case codes.InvalidArgument, codes.PermissionDenied, codes.Unauthenticated, codes.FailedPrecondition,
		codes.ResourceExhausted, codes.Unimplemented:
		return true
	}
	return false
}

// bounded is ctx with a bound for one request.
func (s *Store) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, s.request)
}

// pause is a wait before something is tried again, longer each time.
type pause struct{ d time.Duration }

func (p *pause) next() time.Duration {
	p.d = min(max(2*p.d, 20*time.Millisecond), time.Second)
	return p.d
}

func (p *pause) wait(ctx context.Context) error {
	timer := time.NewTimer(p.next())
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// joined is a context that ends with either.
func joined(a, b context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(a)
	stop := context.AfterFunc(b, func() { cancel(context.Cause(b)) })
	return ctx, func() {
		stop()
		cancel(context.Canceled)
	}
}

var errLeader = errors.New("has no leader")

func decodeLeader(kv *mvccpb.KeyValue) (l ha.Leader, err error) {
	if err = json.Unmarshal(kv.Value, &l); err != nil || l.Epoch < 1 {
		err = fmt.Errorf("key %s %w: %q", kv.Key, errLeader, kv.Value)
	}
	return l, err
}

// Get reads a record from the majority.
func (s *Store) Get(ctx context.Context, key string) (ha.Record, error) {
	if err := ha.CheckKey(key); err != nil {
		return ha.Record{}, s.fail("read", key, err)
	}
	if err := s.connect(); err != nil {
		return ha.Record{}, s.fail("read", key, err)
	}
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	resp, err := s.client.Get(ctx, s.recordKey(key))
	if err != nil {
		return ha.Record{}, s.fail("read", key, err)
	}
	if len(resp.Kvs) == 0 {
		return ha.Record{}, s.fail("read", key, ha.ErrNotFound)
	}
	_, value, err := decodeRecord(resp.Kvs[0])
	if err != nil {
		return ha.Record{}, s.fail("read", key, err)
	}
	return ha.Record{Value: value, Version: versionOf(resp.Kvs[0].ModRevision)}, nil
}

// List reads keys from the majority.
func (s *Store) List(ctx context.Context, prefix string) ([]ha.Entry, error) {
	if err := s.connect(); err != nil {
		return nil, s.fail("list", prefix, err)
	}
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	resp, err := s.client.Get(ctx, s.recordKey(prefix), clientv3.WithPrefix(), clientv3.WithKeysOnly(),
		clientv3.WithSort(clientv3.SortByKey, clientv3.SortAscend))
	if err != nil {
		return nil, s.fail("list", prefix, err)
	}
	var list []ha.Entry
	for _, kv := range resp.Kvs {
		list = append(list, ha.Entry{Key: s.keyOfRecord(kv.Key), Version: versionOf(kv.ModRevision)})
	}
	return list, nil
}

// Watch follows the key of the leader. It sees every change, unless etcd forgets some while this process
// is cut off.
func (s *Store) Watch(ctx context.Context, seen func(ha.Leader)) error {
	ctx, cancel := joined(ctx, s.ctx)
	defer cancel()
	w := &watcher{store: s, seen: seen}
	var p pause
	for {
		err := w.follow(ctx, &p)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if refused(err) || errors.Is(err, errLeader) {
			return s.fail("watch", "", err)
		}
		if err := p.wait(ctx); err != nil {
			return err
		}
	}
}

type watcher struct {
	store *Store
	seen  func(ha.Leader)
	last  ha.Leader
	told  bool
}

func (w *watcher) tell(l ha.Leader) {
	if !w.told || l != w.last {
		w.seen(l)
	}
	w.last, w.told = l, true
}

// follow tells who leads, and all changes until the watch is cut off.
func (w *watcher) follow(ctx context.Context, p *pause) error {
	s := w.store
	if err := s.connect(); err != nil {
		return err
	}
	request, cancel := s.bounded(ctx)
	defer cancel()
	resp, err := s.client.Get(request, s.leaderKey())
	if err != nil {
		return err
	}
	var l ha.Leader
	if len(resp.Kvs) > 0 {
		if l, err = decodeLeader(resp.Kvs[0]); err != nil {
			return err
		}
	}
	w.tell(l)
	p.d = 0
	ctx, cancel = context.WithCancel(clientv3.WithRequireLeader(ctx))
	defer cancel()
	for r := range s.client.Watch(ctx, s.leaderKey(), clientv3.WithRev(resp.Header.Revision+1)) {
		if r.Err() != nil {
			return r.Err()
		}
		for _, e := range r.Events {
			l = ha.Leader{}
			if e.Type == clientv3.EventTypePut {
				if l, err = decodeLeader(e.Kv); err != nil {
					return err
				}
			}
			w.tell(l)
		}
	}
	return nil
}
