package jdbc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// link is a session that is opened again when it is lost.
type link struct {
	dialect dialect
	wait    time.Duration // how long a server that is away is waited for
	s       session       // nil while there is none
}

// The pauses between attempts.
const (
	pauseMin = 100 * time.Millisecond
	pauseMax = time.Second
)

func newLink(c *Connection) (*link, error) {
	d, err := c.dialect()
	if err != nil {
		return nil, fmt.Errorf("jdbc: %w", err)
	}
	l := &link{dialect: d, wait: c.RetryTimeout}
	orDefault(&l.wait, defaultRetryTimeout)
	return l, nil
}

// do does something with the database, and again, so many times at most, if it fails for a cause that may pass.
func (l *link) do(ctx context.Context, retries int, f func(s session) error) error {
	pause := pauseMin
	for attempt := 0; ; attempt++ {
		if err := l.open(ctx); err != nil {
			return err
		}
		err := f(l.s)
		if err == nil {
			return nil
		}
		if !l.lost(err) || ctx.Err() != nil || attempt >= retries {
			if attempt > 0 && attempt >= retries {
				err = fmt.Errorf("after %d attempts: %w", attempt+1, err)
			}
			l.close()
			return fmt.Errorf("jdbc: %s: %w", l.dialect.address(), err)
		}
		slog.WarnContext(ctx, "flott: jdbc: an attempt has failed and is made again", "database", l.dialect.address(), "cause", err)
		l.close()
		if err := sleep(ctx, pause); err != nil {
			return err
		}
		pause = min(2*pause, pauseMax)
	}
}

// open opens the session if there is none. A server that is away is waited for.
func (l *link) open(ctx context.Context) error {
	if l.s != nil {
		return nil
	}
	pause, told := pauseMin, false
	for began := time.Now(); ; {
		s, err := l.dialect.connect(ctx)
		if err == nil {
			l.s = s
			return nil
		}
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case l.dialect.refused(err):
			return permanent{fmt.Errorf("jdbc: %s does not let in; see 'url', 'username' and 'password': %w", l.dialect.address(), err)}
		case !l.dialect.passes(err):
			return permanent{fmt.Errorf("jdbc: %s: %w", l.dialect.address(), err)}
		case time.Since(began) >= l.wait:
			return permanent{fmt.Errorf("jdbc: %s is away since %s, which is as long as 'connection.max-retry-timeout' waits: %w", l.dialect.address(), l.wait, err)}
		}
		if !told {
			told = true
			slog.WarnContext(ctx, "flott: jdbc: the database is away and waited for", "database", l.dialect.address(), "at most", l.wait, "cause", err)
		}
		if err := sleep(ctx, min(pause, max(0, l.wait-time.Since(began)))); err != nil {
			return err
		}
		pause = min(2*pause, pauseMax)
	}
}

// lost reports whether what failed may go well in another session.
func (l *link) lost(err error) bool {
	var p permanent
	return !errors.As(err, &p) && l.dialect.passes(err) && !l.dialect.refused(err)
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

func (l *link) close() {
	if l.s != nil {
		l.s.close()
		l.s = nil
	}
}
