package web_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/remote"

	"github.com/flott-dev/flott/internal/servertest"
)

// browser is a tab of a Chromium, of a profile of its own.
type browser struct {
	t   *testing.T
	ctx context.Context

	mu       sync.Mutex
	messages []string // of the console: errors and warnings
	requests []string // URLs
}

// waitMax is how long a condition may take to come.
const waitMax = time.Minute

func newBrowser(t *testing.T) *browser {
	t.Helper()
	ctx, cancel := remote.NewAllocator(context.Background(), servertest.Chromium(t), remote.NoModifyURL)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx, chromedp.WithNewBrowserContext())
	b := &browser{t: t, ctx: ctx}
	console, requests := chromedp.Console(ctx), chromedp.Events(ctx, network.RequestWillBeSent)
	b.do(chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, network.Enable, network.EnableParams{})
		return err
	}))
	var read sync.WaitGroup
	read.Go(func() {
		for m, err := range console {
			if err != nil {
				return
			}
			if m.IsException() || m.Type == "error" || m.Type == "warning" {
				b.mu.Lock()
				b.messages = append(b.messages, m.String())
				b.mu.Unlock()
			}
		}
	})
	read.Go(func() {
		for e, err := range requests {
			if err != nil {
				return
			}
			b.mu.Lock()
			b.requests = append(b.requests, e.Request.URL)
			b.mu.Unlock()
		}
	})
	t.Cleanup(func() {
		_ = chromedp.Cancel(ctx)
		cancel()
		read.Wait()
	})
	b.do(chromedp.EmulateViewport(1440, 900))
	return b
}

func (b *browser) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.t.Fatal(err)
	}
}

func (b *browser) open(url string) { b.t.Helper(); b.do(chromedp.Navigate(url)) }

// resize waits for the new size, which comes to the page a little later than it is set.
func (b *browser) resize(width, height int64) {
	b.t.Helper()
	b.do(chromedp.EmulateViewport(width, height))
	b.until(fmt.Sprintf("innerWidth === %d && innerHeight === %d", width, height))
}

// script runs before those of each page.
func (b *browser) script(text string) {
	b.t.Helper()
	_, err := chromedp.Call(b.ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: text})
	if err != nil {
		b.t.Fatal(err)
	}
}

// media emulates a feature that style sheets ask for.
func (b *browser) media(name, value string) {
	b.t.Helper()
	_, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: name, Value: value}},
	})
	if err != nil {
		b.t.Fatal(err)
	}
}

// eval gives the value of an expression of JavaScript.
func eval[T any](b *browser, expression string) T {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	return v
}

// until waits until an expression is true, also of a page that is being loaded anew.
func (b *browser) until(expression string) {
	b.t.Helper()
	_, err := chromedp.Run(b.ctx, chromedp.Poll[bool](expression, chromedp.WithPollingTimeout(waitMax)))
	for err != nil && (strings.Contains(err.Error(), "Inspected target navigated") || strings.Contains(err.Error(), "Cannot find context")) {
		_, err = chromedp.Run(b.ctx, chromedp.Poll[bool](expression, chromedp.WithPollingTimeout(waitMax)))
	}
	if err != nil {
		text, _ := chromedp.Run(b.ctx, chromedp.Evaluate[string]("document.body.innerText"))
		b.t.Fatalf("this does not come: %s: %v\nThe page has:\n%s\nConsole: %q", expression, err, text[:min(len(text), 3000)], b.console())
	}
}

// quoted is a text as JavaScript writes it.
func quoted(s string) string {
	text, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// has waits until an element has a text somewhere within it.
func (b *browser) has(selector, text string) {
	b.t.Helper()
	b.until(fmt.Sprintf("document.querySelector(%s)?.textContent.includes(%s) === true", quoted(selector), quoted(text)))
}

// text is the text of an element that is there.
func (b *browser) text(selector string) string {
	b.t.Helper()
	b.until(fmt.Sprintf("document.querySelector(%s) !== null", quoted(selector)))
	return eval[string](b, fmt.Sprintf("document.querySelector(%s).textContent", quoted(selector)))
}

// click clicks the element with an accessible name, as a user does: by the mouse, at where it is.
func (b *browser) click(name string) {
	b.t.Helper()
	b.until(fmt.Sprintf(`(() => {
		const e = [...document.querySelectorAll('button, a, summary, select, input')].find((e) =>
			(e.getAttribute('aria-label') ?? e.textContent).trim() === %s)
		if (!e) return false
		e.scrollIntoView({ block: 'center', inline: 'center' })
		const r = e.getBoundingClientRect()
		const before = window.clickAt
		window.clickAt = [r.x + r.width / 2, r.y + r.height / 2]
		return String(before) === String(window.clickAt) // it does not move
			&& e.contains(document.elementFromPoint(...window.clickAt)) // and nothing lies above it
	})()`, quoted(name)))
	at := eval[[]float64](b, "[window.clickAt, window.clickAt = undefined][0]")
	b.do(chromedp.MouseClickXY(at[0], at[1]))
}

func (b *browser) key(keys string, options ...chromedp.KeyOption) {
	b.t.Helper()
	b.do(chromedp.KeyEvent(keys, options...))
}

func (b *browser) console() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.messages)
}

// clean wants no complaints in the console, and no request to anywhere but the server.
func (b *browser) clean(url string) {
	b.t.Helper()
	if all := b.console(); len(all) > 0 {
		b.t.Errorf("the console has %q", all)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.requests) == 0 {
		b.t.Error("no requests were seen")
	}
	for _, r := range b.requests {
		if !strings.HasPrefix(strings.TrimPrefix(r, "blob:"), url+"/") { // a blob is what the page itself has made
			b.t.Errorf("a request to %s", r)
		}
	}
}

// picture saves what is to be seen into the directory that FLOTT_SCREENSHOTS names, for people to look at.
func (b *browser) picture(name string) {
	b.t.Helper()
	dir := os.Getenv("FLOTT_SCREENSHOTS")
	if dir == "" {
		return
	}
	png, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		b.t.Fatal(err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644); err != nil {
		b.t.Fatal(err)
	}
}

// click clicks what a selector finds.
func click(selector string) chromedp.Action[chromedp.Void] {
	return chromedp.Click(chromedp.CSS(selector))
}
