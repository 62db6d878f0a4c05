package client

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/flott-dev/flott/internal/restapi"
)

// Options are the settings of a Client. The zero value talks to a JobManager on this machine.
type Options struct {
	// Token is what the JobManager wants to see; "" shows none.
	Token string
	// TLS configures TLS for https; nil trusts the machine's authorities.
	TLS *tls.Config
	// Version is that of the program's Flott, for errors about versions that do not fit.
	Version string
}

// Client talks to a JobManager: of several the one that leads. Its methods may be called by any goroutine.
type Client struct {
	all  []string               // addresses, as URLs
	now  atomic.Pointer[string] // that which has answered last
	met  atomic.Bool            // one has answered
	o    Options
	http *http.Client
}

// answerTimeout is how long a JobManager may take to begin an answer: longer than it waits for anything.
const answerTimeout = 2 * time.Minute

// New returns a client of the JobManager at an address: a URL, or host:port, or several with commas between
// them for JobManagers of which one leads. It does not connect yet.
func New(address string, o Options) (*Client, error) {
	c := &Client{o: o}
	for text := range strings.SplitSeq(address, ",") {
		if text = strings.TrimSpace(text); !strings.Contains(text, "://") {
			text = "http://" + text
		}
		u, err := url.Parse(text)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.RawQuery != "" || u.User != nil {
			return nil, fmt.Errorf("%q is no address of a JobManager; it is like http://host:8081", address)
		}
		c.all = append(c.all, strings.TrimSuffix(u.String(), "/"))
	}
	c.now.Store(&c.all[0])
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = o.TLS
	transport.ResponseHeaderTimeout = answerTimeout
	c.http = &http.Client{
		Transport: transport,
		// The token goes only to the addresses that were given.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return c, nil
}

// URL is that of the JobManager which has answered last, or is asked first.
func (c *Client) URL() string { return *c.now.Load() }

// Close drops idle connections. The client can be used on.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// send sends a request, and checks who answers. The caller closes the body. A request that can be sent again goes on to
// the next address if nobody answers, and to the JobManager that leads, if that is one of them.
func (c *Client) send(r *http.Request) (*http.Response, error) {
	r.Header.Set(restapi.ProtocolHeader, strconv.Itoa(restapi.Protocol))
	r.Header.Set(restapi.VersionHeader, c.o.Version)
	if c.o.Token != "" {
		r.Header.Set("Authorization", "Bearer "+c.o.Token)
	}
	others := slices.DeleteFunc(slices.Clone(c.all), func(a string) bool { return a == c.URL() })
	for redirected := false; ; {
		resp, err := c.http.Do(r)
		switch {
		case err != nil:
			if len(others) == 0 || r.Context().Err() != nil || !c.turn(r, others[0]) {
				return nil, c.unreachable(r, err)
			}
			others = others[1:]
			continue
		case resp.StatusCode == http.StatusTemporaryRedirect && !redirected:
			u, err := resp.Location()
			if err == nil && slices.Contains(c.all, u.Scheme+"://"+u.Host) && c.turn(r, u.Scheme+"://"+u.Host) {
				redirected = true
				resp.Body.Close()
				continue
			}
		}
		if err = c.checkVersion(resp); err == nil {
			c.met.Store(true)
		}
		if err == nil && resp.StatusCode/100 != 2 {
			err = refused(r, resp)
		}
		if err != nil {
			resp.Body.Close()
			return nil, err
		}
		return resp, nil
	}
}

// turn has a request, and those after it, go to another address, and reports whether it can be sent again.
func (c *Client) turn(r *http.Request, to string) bool {
	if r.Body != nil && r.Body != http.NoBody {
		if r.GetBody == nil {
			return false
		}
		body, err := r.GetBody()
		if err != nil {
			return false
		}
		r.Body = body
	}
	u, err := url.Parse(to)
	if err != nil {
		return false
	}
	r.URL.Scheme, r.URL.Host, r.Host = u.Scheme, u.Host, u.Host
	c.now.Store(&to)
	return true
}

// call sends a request with a body in JSON, nil for none, and decodes the answer, unless into is nil.
func (c *Client) call(ctx context.Context, method, path string, body, into any) error {
	var in io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return err
		}
		in = bytes.NewReader(text)
	}
	r, err := http.NewRequestWithContext(ctx, method, c.URL()+"/v1"+path, in)
	if err != nil {
		return err
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.send(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Errorf("%s %s: the answer was cut off: %w", method, r.URL, err)
	}
	if into == nil {
		return nil
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("%s %s: the answer cannot be read: %w", method, r.URL, err)
	}
	return nil
}

func (c *Client) get(ctx context.Context, path string, into any) error {
	return c.call(ctx, http.MethodGet, path, nil, into)
}

// jobPath is the path of a job, or of something of it.
func jobPath(id string, more ...string) string {
	path := "/jobs/" + url.PathEscape(id)
	for _, m := range more {
		path += "/" + m
	}
	return path
}

// timeOf is a time in milliseconds since 1970; below 1 there is none.
func timeOf(millis int64) time.Time {
	if millis < 1 {
		return time.Time{}
	}
	return time.UnixMilli(millis)
}

func durationOf(millis int64) time.Duration { return time.Duration(max(0, millis)) * time.Millisecond }
