package httpio

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flott-dev/flott/connect/connecttest"
)

// hook is a webhook that runs.
type hook struct {
	t   *testing.T
	url string
	*connecttest.Driver[string]
}

func newHook(t *testing.T, o WebhookOptions) *hook {
	t.Helper()
	o.Address = "127.0.0.1:0"
	at := make(chan string, 1)
	o.Listening = func(address string) { at <- address }
	d := connecttest.NewDriver(t, Webhook(o, text), 1, nil)
	if err := d.Deliver(); err != nil {
		t.Fatal(err)
	}
	return &hook{t, "http://" + <-at, d}
}

// post posts, and returns the answer.
func (h *hook) post(method, token, body string) string {
	r, err := http.NewRequest(method, h.url, strings.NewReader(body))
	if err != nil {
		h.t.Error(err)
		return ""
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := c.Do(r)
	if err != nil {
		return err.Error()
	}
	defer answer.Body.Close()
	text, _ := io.ReadAll(answer.Body)
	return fmt.Sprintf("%d %s", answer.StatusCode, strings.TrimSpace(string(text)))
}

func TestWebhook(t *testing.T) {
	h := newHook(t, WebhookOptions{Token: "secret", BodyBytesMax: 20})
	for _, c := range []struct{ method, token, body, want string }{
		{"POST", "secret", "a\r\nb\n\nc", "200 "},
		{"POST", "secret", "", "200 "},
		{"POST", "", "x", "401 the token is missing or wrong"},
		{"POST", "secreT", "x", "401 the token is missing or wrong"},
		{"GET", "secret", "", "405 records are posted"},
		{"POST", "secret", strings.Repeat("x", 21), "413 a body may have 20 bytes"},
		{"POST", "secret", "d", "200 "},
	} {
		if got := h.post(c.method, c.token, c.body); got != c.want {
			t.Errorf("%s %q: %s, want %s", c.method, c.body, got, c.want)
		}
	}
	if got, err := h.Read(4); err != nil || fmt.Sprint(got) != "[a b c d]" {
		t.Errorf("%v, %v", got, err)
	}
}

// TestWebhookIsFull: what there is no room for is refused as a whole.
func TestWebhookIsFull(t *testing.T) {
	h := newHook(t, WebhookOptions{})
	many := strings.Repeat("x\n", itemsMax)
	if got := h.post("POST", "", many); got != "200 " {
		t.Fatal(got)
	}
	if got := h.post("POST", "", "y"); got != "503 there is no room now" {
		t.Error(got)
	}
	if got, err := h.Read(itemsMax); err != nil || len(got) != itemsMax {
		t.Errorf("%d records, %v", len(got), err)
	}
	if got := h.post("POST", "", "y"); got != "200 " {
		t.Error(got)
	}
}

// TestWebhookHolds: a post is answered when the checkpoint is complete that has all of its records.
func TestWebhookHolds(t *testing.T) {
	h := newHook(t, WebhookOptions{Hold: true, HoldTimeout: time.Minute, Whole: true})
	answers := make(chan string, 2)
	go func() { answers <- h.post("POST", "", "a") }()
	none := func(when string) {
		t.Helper()
		select {
		case got := <-answers:
			t.Errorf("%s it is answered: %s", when, got)
		default:
		}
	}
	if got, err := h.Read(1); err != nil || !slices.Equal(got, []string{"a"}) {
		t.Fatal(got, err)
	}
	none("when it is read")
	h.Complete()
	none("by an earlier checkpoint")
	h.Snapshot()
	go func() { answers <- h.post("POST", "", "b") }()
	if got, err := h.Read(1); err != nil || !slices.Equal(got, []string{"b"}) {
		t.Fatal(got, err)
	}
	none("before the checkpoint is complete")
	h.Complete()
	if got := <-answers; got != "200 " {
		t.Errorf("the answer is %s", got)
	}
	h.Close()
	if got := <-answers; got != "503 the job has stopped; the records may be read twice" {
		t.Errorf("the answer of a job that has stopped is %s", got)
	}
}

func TestWebhookHoldsNotForEver(t *testing.T) {
	h := newHook(t, WebhookOptions{Hold: true, HoldTimeout: time.Millisecond})
	if got := h.post("POST", "", "a"); got != "503 no checkpoint has the records yet; they may be read twice" {
		t.Errorf("the answer is %s", got)
	}
}

func TestWebhookErrors(t *testing.T) {
	for address, want := range map[string]string{
		"nowhere":        `"nowhere" ('listen') is not host:port`,
		"0.0.0.0:0":      "other machines can reach 0.0.0.0:0 ('listen'): give a token ('token'), or let anybody in ('open')",
		":0":             "other machines can reach :0",
		"127.0.0.1:http": "",
	} {
		err := (&WebhookOptions{Address: address}).check()
		if want != "" {
			wantError(t, address, err, want)
		}
	}
	h := newHook(t, WebhookOptions{})
	o := WebhookOptions{Address: strings.TrimPrefix(h.url, "http://")}
	_, err := connecttest.NewDriver(t, Webhook(o, text), 1, nil).Read(1)
	wantError(t, "a port that is taken", err, "'listen': listen tcp 127.0.0.1:")
}
