package httpio

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/flott-dev/flott/internal/clock"
	"github.com/flott-dev/flott/internal/redact"
)

// Server says which server is asked, and how. URL is needed.
type Server struct {
	// URL is what is asked, or posted to.
	URL string
	// Token is sent as Authorization: Bearer; Header is sent besides.
	Token  string
	Header map[string]string
	// Timeout is how long an answer may take; zero means 30 seconds.
	Timeout time.Duration
	// RetryTimeout is how long a server is asked again that is away, or answers with 408, 429 or 5xx, or with 401 or 403 after it has
	// answered otherwise, before the job fails; zero means five minutes.
	RetryTimeout time.Duration
}

const (
	defaultTimeout      = 30 * time.Second
	defaultRetryTimeout = 5 * time.Minute
	backoffMin          = 100 * time.Millisecond
	backoffMax          = 10 * time.Second
)

func (s *Server) check() (errs []error) {
	u, err := url.Parse(s.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		errs = append(errs, fmt.Errorf("%q ('url') is not like http://host/path", redact.URL(s.URL)))
	}
	if s.Timeout == 0 {
		s.Timeout = defaultTimeout
	}
	if s.RetryTimeout == 0 {
		s.RetryTimeout = defaultRetryTimeout
	}
	return errs
}

// client makes requests again until they are answered.
type client struct {
	*Server
	http     *http.Client
	answered bool // a request was: what the server wants to know was right
}

func newClient(s *Server) *client {
	return &client{Server: s, http: &http.Client{
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, MaxIdleConnsPerHost: 2, IdleConnTimeout: time.Minute, ResponseHeaderTimeout: s.Timeout,
		},
		CheckRedirect: func(_ *http.Request, via []*http.Request) error {
			if via[0].Method != http.MethodGet || len(via) > 10 { // a post would become a GET without its records
				return http.ErrUseLastResponse
			}
			return nil
		},
	}}
}

func (c *client) close() { c.http.CloseIdleConnections() }

// refusal is an answer for which there is no use in asking again.
type refusal struct{ error }

// do makes requests until one is answered. The answer has a status below 400.
func (c *client) do(ctx context.Context, request func() (*http.Request, error)) (*http.Response, error) {
	began, backoff := time.Now(), backoffMin
	for warned := false; ; warned = true {
		r, err := request()
		if err != nil {
			return nil, err
		}
		if c.Token != "" {
			r.Header.Set("Authorization", "Bearer "+c.Token)
		}
		for k, v := range c.Header {
			r.Header.Set(k, v)
		}
		pause := backoff
		answer, err := c.http.Do(r.WithContext(ctx))
		var failed *url.Error
		if errors.As(err, &failed) {
			err = fmt.Errorf("%s %s: %w", failed.Op, redact.URL(c.URL), failed.Err) // failed has all of the URL
		}
		if err == nil {
			if answer.StatusCode < 400 {
				c.answered = true
				return answer, nil
			}
			if seconds, none := strconv.Atoi(answer.Header.Get("Retry-After")); none == nil && seconds >= 0 {
				pause = min(time.Duration(seconds)*time.Second, c.RetryTimeout)
			}
			err = c.refused(answer)
		}
		var no *refusal
		switch {
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case errors.As(err, &no):
			return nil, err
		case time.Since(began) > c.RetryTimeout:
			return nil, fmt.Errorf("http: the server has not taken a request for %v ('retry.timeout'): %w", c.RetryTimeout, err)
		case !warned:
			slog.WarnContext(ctx, "flott: http: a request is made again", "url", redact.URL(c.URL), "cause", err)
		}
		if !clock.Wait(ctx, pause) {
			return nil, context.Cause(ctx)
		}
		backoff = min(2*backoff, backoffMax)
	}
}

// refused is the error of an answer, which it closes.
func (c *client) refused(answer *http.Response) error {
	text, _ := io.ReadAll(io.LimitReader(answer.Body, 300))
	answer.Body.Close()
	err := fmt.Errorf("http: %s answers %s: %s", redact.URL(c.URL), answer.Status, strings.TrimSpace(string(text)))
	switch code := answer.StatusCode; {
	case code == http.StatusUnauthorized || code == http.StatusForbidden:
		if err = fmt.Errorf("%w; look at 'token' and 'headers'", err); c.answered {
			return err // what was right may be so again
		}
		return &refusal{err}
	case code == http.StatusRequestTimeout || code == http.StatusTooManyRequests || code >= 500:
		return err
	}
	return &refusal{err}
}
