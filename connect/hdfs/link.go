package hdfs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/colinmarc/hdfs/v2"
)

const (
	// awayMax is how long servers that are away are waited for.
	awayMax = time.Minute
	// The pauses between attempts.
	pauseMin = 5 * time.Millisecond
	pauseMax = time.Second
	// linger is how long a connection is kept that nobody uses.
	linger = 200 * time.Millisecond
)

// link has the connection to the NameNodes of a cluster.
type link struct {
	options hdfs.ClientOptions
	away    time.Duration // awayMax but in tests

	mu struct {
		sync.Mutex
		now *client // nil while there is none
	}
}

// client is a connection with those who use it: open files, and calls.
type client struct {
	*hdfs.Client
	link  *link
	users int         // guarded by link.mu, as is the rest
	old   bool        // it is not link.mu.now, and ends with its last user
	end   *time.Timer // ends it; nil while it has users
}

// take is the connection, which its user releases.
func (l *link) take() (*client, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mu.now == nil {
		c, err := l.connect()
		if err != nil {
			return nil, err
		}
		l.mu.now = c
	}
	c := l.mu.now
	if c.users++; c.end != nil {
		c.end.Stop()
		c.end = nil
	}
	return c, nil
}

func (l *link) connect() (*client, error) {
	o := l.options
	// After a failure the client passes over an address for some seconds. With each address twice it connects again at once.
	o.Addresses = append(o.Addresses[:len(o.Addresses):len(o.Addresses)], o.Addresses...)
	c, err := hdfs.NewClient(o)
	if err != nil {
		return nil, err
	}
	// The client keeps the defaults without a lock, so it has to have them before others use it.
	if _, err := c.ServerDefaults(); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return &client{Client: c, link: l}, nil
}

// release ends the use of the connection.
func (c *client) release() {
	c.link.mu.Lock()
	c.users--
	unused := c.users == 0 && c.old
	if c.users == 0 && !c.old {
		c.end = time.AfterFunc(linger, c.unused)
	}
	c.link.mu.Unlock()
	if unused {
		_ = c.Client.Close()
	}
}

// unused ends the connection unless it has found a user.
func (c *client) unused() {
	l := c.link
	l.mu.Lock()
	unused := c.users == 0 && !c.old
	if unused {
		c.old, l.mu.now = true, nil
	}
	l.mu.Unlock()
	if unused {
		_ = c.Client.Close()
	}
}

// failed has those to come use another connection.
func (c *client) failed() {
	c.link.mu.Lock()
	defer c.link.mu.Unlock()
	if c.link.mu.now == c {
		c.old, c.link.mu.now = true, nil
	}
}

// do does something with the connection, and again for as long as it fails for a cause that may pass.
func (l *link) do(ctx context.Context, path string, f func(c *client) error) error {
	return l.patiently(ctx, path, func() error {
		c, err := l.take()
		if err != nil {
			return err
		}
		defer c.release()
		if err = f(c); lost(err) {
			c.failed()
		}
		return err
	})
}

// patiently does something again for as long as it fails for a cause that may pass.
func (l *link) patiently(ctx context.Context, path string, f func() error) error {
	pause, told := pauseMin, false
	for began := time.Now(); ; pause = min(2*pause, pauseMax) {
		err := f()
		if err == nil || !passes(err) {
			return l.explained(path, err)
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		left := l.away - time.Since(began)
		if left <= 0 {
			return fmt.Errorf("%s: HDFS does not answer as it should since %s, see whether the NameNode at %s and its DataNodes run: %w",
				path, l.away, strings.Join(l.options.Addresses, " or "), l.explained(path, err))
		}
		if !told && pause == pauseMax {
			told = true
			slog.WarnContext(ctx, "flott: hdfs: a server is away and waited for", "path", path, "at most", l.away, "cause", err)
		}
		if err := sleep(ctx, min(pause, left)); err != nil {
			return err
		}
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}

// permanent is an error after which nothing is tried again, whatever its cause.
type permanent struct{ error }

// Unwrap is the cause.
func (p permanent) Unwrap() error { return p.error }

// oneLine is an error without what servers add in further lines.
type oneLine struct{ error }

func (o oneLine) Error() string {
	text, _, _ := strings.Cut(o.error.Error(), "\n")
	return text
}

// Unwrap is the whole error.
func (o oneLine) Unwrap() error { return o.error }

// The exceptions of a NameNode.
const (
	noAccess = "org.apache.hadoop.security.AccessControlException"
	notFound = "java.io.FileNotFoundException"
)

// passing are the exceptions of causes that pass.
var passing = map[string]bool{
	"org.apache.hadoop.hdfs.server.namenode.SafeModeException":         true,
	"org.apache.hadoop.ipc.RetriableException":                         true,
	"org.apache.hadoop.ipc.StandbyException":                           true,
	"org.apache.hadoop.hdfs.server.namenode.NotReplicatedYetException": true,
}

// lost reports whether it is the connection that has failed, and not the NameNode that has refused.
func lost(err error) bool {
	var e hdfs.Error
	var p permanent
	if err == nil || errors.As(err, &e) || errors.As(err, &p) {
		return false
	}
	for _, refusal := range []error{fs.ErrNotExist, fs.ErrPermission, fs.ErrExist, fs.ErrInvalid} {
		if errors.Is(err, refusal) {
			return false
		}
	}
	return !hdfs.IsErrReplicating(err)
}

// passes reports whether the cause may pass.
func passes(err error) bool {
	var e hdfs.Error
	var p permanent
	switch {
	case errors.As(err, &p):
		return false
	case errors.As(err, &e):
		// The latter is what a NameNode says while it knows no DataNode.
		return passing[e.Exception()] || strings.Contains(e.Message(), "could only be written to 0 of")
	}
	return lost(err) || hdfs.IsErrReplicating(err)
}

// explained is an error that names the path as users write it, and whose cause others know.
func (l *link) explained(path string, err error) error {
	if err == nil {
		return nil
	}
	op := "access"
	var p *fs.PathError
	if errors.As(err, &p) {
		op, err = p.Op, p.Err
	}
	var e hdfs.Error
	if errors.As(err, &e) {
		text, _, _ := strings.Cut(e.Message(), "\n")
		switch e.Exception() {
		case noAccess:
			err = fmt.Errorf("%w: %s", fs.ErrPermission, text)
		case notFound:
			err = fmt.Errorf("%w: %s", fs.ErrNotExist, text)
		default:
			err = fmt.Errorf("%s: %w", text, err)
		}
	}
	if strings.Contains(err.Error(), "\n") {
		err = oneLine{err}
	}
	if errors.Is(err, fs.ErrPermission) {
		err = fmt.Errorf("%w to the user %q (see HADOOP_USER_NAME)", err, l.options.User)
	}
	return &fs.PathError{Op: op, Path: path, Err: err}
}
