package web_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/flott-dev/flott/connect/collect"
	"github.com/flott-dev/flott/connect/datagen"
	"github.com/flott-dev/flott/internal/control"
	"github.com/flott-dev/flott/internal/jobmanager"
	"github.com/flott-dev/flott/internal/rest"
	"github.com/flott-dev/flott/internal/rest/resttest"
	"github.com/flott-dev/flott/stream"
	"github.com/flott-dev/flott/watermark"
)

// numbers are read for ever.
func numbers(env *stream.Env) *stream.Stream[int64] {
	return stream.From(env, datagen.Source(func(n int64) int64 { return n }, datagen.Options{PerSecond: 10_000})).Name("numbers").
		Watermarks(watermark.Ingestion[int64](time.Now))
}

// counted counts numbers by key.
func counted(env *stream.Env) {
	stream.Scan(stream.KeyBy(numbers(env), func(v int64) int64 { return v % 97 }),
		func(c *stream.Ctx[int64, int64], n *int64, _ int64) error {
			*n++
			c.Emit(*n)
			return nil
		}).Name("count").To(collect.To[int64]()).Name("results")
}

// directory is removed after the test, by and by: a job that has been cancelled may still be opening a checkpoint.
func directory(t *testing.T) string {
	dir, err := os.MkdirTemp("", "flott-web-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for os.RemoveAll(dir) != nil {
			runtime.Gosched()
		}
	})
	return dir
}

// options are those of a job that takes checkpoints.
func options(t *testing.T) []stream.Option {
	dir := directory(t)
	return []stream.Option{
		stream.Parallelism(2), stream.MaxParallelism(64), stream.Checkpoint(50 * time.Millisecond),
		stream.CheckpointDir(filepath.Join(dir, "checkpoints")), stream.SavepointDir(filepath.Join(dir, "savepoints")),
		stream.Restart(stream.FixedDelay(100, time.Millisecond)),
	}
}

// fast are options of a server whose events tests need not wait for.
var fast = rest.Options{EventInterval: 20 * time.Millisecond}

// running starts a job, and waits for its tasks.
func running(t *testing.T, s *resttest.Site, name string) string {
	id := s.Submit(func(in *control.Submission) {
		if name != "" {
			in.Name = name
		}
	})
	t.Cleanup(func() { over(s, id) }) // before its directories go
	s.Until("all of the job runs", func() bool {
		v, err := s.Manager.View(id)
		if err != nil || v.State != "RUNNING" {
			return false
		}
		for _, x := range v.Vertices {
			for _, t := range x.Subtasks {
				if t.State.String() != "RUNNING" {
					return false
				}
			}
		}
		return true
	})
	return id
}

// over ends a job.
func over(s *resttest.Site, id string) {
	_ = s.Manager.Cancel(id, jobmanager.CancelJob)
	_ = s.Wait(id)
}

// TestPage opens a job from the overview, sees its figures change, and its subtasks.
func TestPage(t *testing.T) {
	s := resttest.New(t, fast, counted, options(t)...)
	s.Join("tm-1", 4)
	id := running(t, s, "counting")
	b := newBrowser(t)
	b.open(s.URL)
	b.has("table.jobs", "counting")
	b.has("table.tms", "tm-1")
	b.has(".tiles", "2 of 4")
	b.picture("cluster")
	b.laidOut(t)
	b.resize(390, 844)
	b.picture("cluster-390")
	b.laidOut(t)
	b.resize(1440, 900)
	b.click("JobManager")
	b.has("table.pairs", "0.1.0")
	b.has(".link", "live")
	b.picture("jobmanager")
	b.click("Cluster")
	b.has("table.jobs", "counting")
	b.click("counting")
	b.has("h1", "counting")
	b.has(".head .state", "running")
	b.until("document.querySelectorAll('.node').length === 2")
	const taken = "document.querySelector('table.vertices tbody tr td:nth-child(11)').title"
	was := eval[string](b, taken)
	b.until(taken + " !== " + quoted(was))
	b.until("[...document.querySelectorAll('.node .big b')].some((e) => /^[1-9].*\\/s$/.test(e.textContent))")
	b.until("document.querySelectorAll('.edge path').length === 1")

	b.has(".explained", "nothing limits the job")
	b.has(".explained", "the watermark is that of")
	b.do(click(".explained summary"))
	b.until("document.querySelector('.explained li').getClientRects().length > 0")
	b.has(".explained li", "no vertex waits for another")
	b.do(click(".explained summary"))

	b.do(click(".node"))
	b.until("document.querySelectorAll('.panel table.subtasks tbody tr').length === 2")
	b.has(".panel", "numbers")
	b.has(".panel table.subtasks", "tm-1")
	b.has(".panel .facts", "behind")
	b.until("document.querySelectorAll('.panel canvas').length === 2")
	b.until("location.hash.startsWith('#/jobs/" + id + "/vertex/')")
	b.key("\x1b")
	b.until("document.querySelector('.panel') === null && document.activeElement.className.includes('node')")

	b.click("Checkpoints")
	b.has("table.history", "completed")
	b.until("document.querySelectorAll('.timeline rect').length > 2")
	b.click("Scaling")
	b.has("table.bounds", "count")
	b.click("Configuration")
	b.has("main", "Restart strategy")
	b.has("main", "50\u202fms")
	b.clean(s.URL)
	b.open(s.URL + "/#/jobs/" + strings.Repeat("0", 32))
	b.has("main", "not found")
	b.has(".link", "live")
}

// TestActions takes a savepoint, rescales, stops and cancels, by the buttons.
func TestActions(t *testing.T) {
	s := resttest.New(t, fast, counted, options(t)...)
	s.Join("tm-1", 4)
	id := running(t, s, "")
	b := newBrowser(t)
	b.open(s.URL + "/#/jobs/" + id)
	b.click("Savepoint…")
	b.has("dialog", "Take a savepoint?")
	b.picture("dialog")
	b.click("Keep as it is")
	b.until("document.querySelector('dialog') === null")
	b.click("Savepoint…")
	b.click("Take the savepoint")
	b.has(".toast.done", "savepoints")
	if v, err := s.Manager.View(id); err != nil || v.State != "RUNNING" {
		t.Errorf("after the savepoint: %v, %v", v.State, err)
	}
	b.click("Rescale…")
	b.until("document.querySelector('dialog input[name=parallelism]') !== null")
	b.do(chromedp.SetValue(chromedp.CSS("dialog input[name=parallelism]"), "4"))
	b.click("Rescale the job")
	b.until("[...document.querySelectorAll('.node .par')].every((e) => e.textContent === '×4')")
	b.has(".head .state", "running")

	b.click("Cancel…")
	b.has("dialog", "without a savepoint")
	b.key("\x1b")
	b.until("document.querySelector('dialog') === null && document.activeElement.textContent === 'Cancel…'")
	b.click("Cancel…")
	b.click("Cancel the job")
	b.has(".head .state", "canceled")
	b.until("document.querySelector('.actions') === null")
	if err := s.Wait(id); err == nil {
		t.Error("the job is not cancelled")
	}

	other := running(t, s, "")
	b.open(s.URL + "/#/jobs/" + other)
	b.until("location.hash.endsWith(" + quoted(other) + ") && document.querySelector('.head code')?.textContent === " + quoted(other))
	b.click("Stop…")
	b.click("Stop the job")
	b.has(".head .state", "finished")
	b.until("[...document.querySelectorAll('.toast.done')].some((e) => e.textContent.startsWith('Stopped'))")
	if err := s.Wait(other); err != nil {
		t.Errorf("the stopped job: %v", err)
	}
	b.clean(s.URL)
}

// TestExceptions shows what a job fails by, again and again, and that it says in the end.
func TestExceptions(t *testing.T) {
	s := resttest.New(t, fast, func(env *stream.Env) {
		stream.Map(numbers(env), func(v int64) int64 {
			if v > 1000 {
				panic("the number <b>is</b> too large")
			}
			return v
		}).Name("check").To(collect.To[int64]())
	}, stream.Parallelism(1), stream.Restart(stream.FixedDelay(2, time.Millisecond)))
	s.Join("tm-1", 2)
	id := s.Submit(nil)
	b := newBrowser(t)
	b.open(s.URL + "/#/jobs/" + id)
	b.has(".head .state", "failed")
	b.has(".tabs .count", "3")
	b.has(".notice.bad", "too large")
	b.click("Exceptions3")
	b.until("document.querySelectorAll('.exceptions article').length === 3")
	b.has(".exception summary b", "TaskFailure")
	b.has(".exception .first", "<b>is</b>")
	b.has(".exception .where", "tm-1")
	b.picture("exceptions")
	b.clean(s.URL)
}

// TestHostileNames: names are text, whatever is in them, and do not widen the page.
func TestHostileNames(t *testing.T) {
	s := resttest.New(t, fast, func(env *stream.Env) {
		numbers(env).Name("<img src=x onerror=alert(1)>" + strings.Repeat("n", 5000)).DisableChaining().
			To(collect.To[int64]()).Name("</svg><script>alert(2)</script>")
	}, stream.Parallelism(1))
	s.Join("<b>tm</b>", 8)
	b := newBrowser(t)
	for i, name := range []string{
		"<script>alert(1)</script><img src=x onerror=alert(2)>", "\u202egnp.exe\u0000\x1b[31m\n\nnext",
		strings.Repeat("𝔘nicode ☃ e\u0301\u0301\u0301", 20), strings.Repeat("x", 10<<10), " ",
	} {
		id := running(t, s, name)
		for _, path := range []string{"/#/", "/#/jobs/" + id} {
			b.open(s.URL + path)
			b.open(s.URL + path)
			b.until("document.querySelector('a[href=\"#/jobs/" + id + "\"], .head h1') !== null")
			if n := eval[int](b, "document.querySelectorAll('main img, main script, main b b, svg script').length"); n != 0 {
				t.Errorf("%q has become %d elements", name, n)
			}
			if wide := eval[int](b, "document.documentElement.scrollWidth - innerWidth"); wide > 0 {
				t.Errorf("%s with %.40q is %d pixels too wide", path, name, wide)
			}
		}
		shown := b.text(".head h1")
		if i == 0 && shown != name || i == 1 && strings.ContainsAny(shown, "\u202e\x00\x1b\n") {
			t.Errorf("%q is shown as %q", name, shown)
		}
		b.picture(fmt.Sprintf("hostile-%d", i))
		over(s, id)
	}
	b.clean(s.URL)
}

// TestToken asks for the token once, again if it is wrong, and not in another tab of the browser; it keeps it nowhere. The session
// changes things, is shown, and ends in all tabs.
func TestToken(t *testing.T) {
	s := resttest.New(t, rest.Options{Token: "open sesame", EventInterval: 20 * time.Millisecond}, counted, options(t)...)
	s.Join("tm-1", 2)
	b := newBrowser(t)
	b.open(s.URL)
	b.has("dialog", "needs a token")
	b.picture("token")
	sign := func(token string) {
		b.until("document.querySelector('dialog input') === document.activeElement")
		b.key(token + "\r")
	}
	sign("wrong")
	b.has("dialog [role=alert]", "not the token")
	sign("open sesame")
	b.has("table.tms", "tm-1")
	b.until("document.querySelector('dialog') === null")
	b.do(chromedp.Reload())
	b.has("table.tms", "tm-1")
	b.until("document.querySelector('dialog') === null")
	if left := eval[string](b, "JSON.stringify([localStorage, sessionStorage, document.cookie])"); strings.Contains(left, "sesame") || strings.Contains(left, "flott-session") {
		t.Errorf("scripts can read a secret: %s", left)
	}
	b.has(".top .who", "FLOTT_TOKEN")
	id := running(t, s, "counting")
	b.open(s.URL + "/#/jobs/" + id)
	b.click("Cancel…")
	b.picture("signed-in")
	b.click("Cancel the job")
	b.has(".head .state", "canceled")
	b.click("Sign out")
	b.has("dialog", "needs a token")
	if len(eval[string](b, "document.querySelector('main').textContent")) > 200 {
		t.Error("the page shows the cluster to who has signed out")
	}
	for _, m := range b.console() {
		if !strings.Contains(m, "401") { // which the browser itself notes
			t.Errorf("the console has %s", m)
		}
	}
}

// TestTheme follows the system, and the switch.
func TestTheme(t *testing.T) {
	s := resttest.New(t, fast, counted, options(t)...)
	b := newBrowser(t)
	b.open(s.URL)
	b.has("main", "No job is running")
	const ground = "getComputedStyle(document.documentElement).backgroundColor"
	b.media("prefers-color-scheme", "light")
	light := eval[string](b, ground)
	b.media("prefers-color-scheme", "dark")
	dark := eval[string](b, ground)
	if light == dark {
		t.Errorf("light and dark are %s", light)
	}
	b.click("Colours: system. Change")
	b.until(ground + " === " + quoted(light))
	b.click("Colours: light. Change")
	b.until(ground + " === " + quoted(dark))
	b.media("prefers-color-scheme", "light")
	b.do(chromedp.Reload())
	b.has("main", "No job is running")
	b.until(ground + " === " + quoted(dark)) // it is remembered
	b.clean(s.URL)
}

// TestKeyboard goes to a job, a vertex and back by keys alone; each control that it passes has a name.
func TestKeyboard(t *testing.T) {
	s := resttest.New(t, fast, counted, options(t)...)
	s.Join("tm-1", 2)
	id := running(t, s, "counting")
	b := newBrowser(t)
	b.open(s.URL)
	b.has("table.jobs", "counting")
	tab := func(to string) {
		t.Helper()
		for range 60 {
			b.key("\t")
			if eval[bool](b, "document.activeElement.matches("+quoted(to)+")") {
				if eval[string](b, "getComputedStyle(document.activeElement).outlineStyle") != "solid" {
					t.Errorf("one does not see that %s has the focus", to)
				}
				return
			}
		}
		t.Fatalf("60 tabs do not lead to %s", to)
	}
	tab("table.jobs a")
	b.key("\r")
	b.has("h1", "counting")
	tab(".node")
	b.key("\r")
	b.until("document.querySelectorAll('.panel table.subtasks tbody tr').length === 2 && document.activeElement.id === 'vertex-title'")
	b.key("\x1b")
	b.until("document.activeElement.matches('.node')")
	tab(".zoom button")
	names := func() []string {
		return eval[[]string](b, `[...document.querySelectorAll('a, button, input, select, summary, [role=img], [tabindex="0"]')]
			.filter((e) => !(e.getAttribute('aria-label') ?? e.textContent).trim() && !e.closest('label') && !e.labels?.length).map((e) => e.outerHTML)`)
	}
	for _, path := range []string{"", "/checkpoints", "/exceptions", "/scaling", "/config", "/logs"} {
		b.open(s.URL + "/#/jobs/" + id + path)
		b.until("document.querySelector('.tabs [aria-current]') !== null")
		if all := names(); len(all) > 0 {
			t.Errorf("%s: without a name: %q", path, all)
		}
	}
	b.clean(s.URL)
}

// TestReconnects: the page says that the JobManager is away, keeps what it shows, and goes on by itself.
func TestReconnects(t *testing.T) {
	s := resttest.New(t, fast, counted, options(t)...)
	s.Join("tm-1", 2)
	id := running(t, s, "counting")
	b := newBrowser(t)
	b.open(s.URL + "/#/jobs/" + id)
	b.has(".link", "live")
	b.has(".head .state", "running")
	s.Away()
	b.has(".link", "reconnecting")
	b.has(".head .state", "running")
	b.picture("away")
	s.Back()
	b.has(".link", "live")
	const taken = "document.querySelector('table.vertices tbody tr td:nth-child(11)').title"
	was := eval[string](b, taken)
	b.until(taken + " !== " + quoted(was))
}

// TestClocks: a browser whose clock is hours away shows the same durations.
func TestClocks(t *testing.T) {
	s := resttest.New(t, fast, counted, options(t)...)
	s.Join("tm-1", 2)
	id := running(t, s, "counting")
	b := newBrowser(t)
	b.script("const now = Date.now; Date.now = () => now() - 5 * 3600_000")
	b.open(s.URL + "/#/jobs/" + id)
	b.until(`/^\d+\u202fm?s$|^\d\.\d\u202fs$|^1\u202fm/.test(document.querySelector('.head .sub .fixed')?.textContent)`)
	b.until(`[...document.querySelectorAll('.figure')].some((e) => /^Watermark lag\d[\d.]*\u202fm?s/.test(e.textContent))`)
	if d := eval[float64](b, "(Date.now() - performance.timeOrigin - performance.now()) / 3600_000"); d > -4 {
		t.Errorf("the browser's clock is %v h away", d)
	}
	b.clean(s.URL)
}

// TestLogs shows the end of a log, and what comes to it.
func TestLogs(t *testing.T) {
	log := filepath.Join(t.TempDir(), "jobmanager.log")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(log, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write(strings.Repeat("a line <b>of</b> before\n", 10_000) + "the last line\n")
	s := resttest.New(t, rest.Options{LogFile: log}, counted, options(t)...)
	s.Join("tm-1", 2).Logs = map[string]string{"taskmanager.log": "hello from tm-1\n"}
	b := newBrowser(t)
	b.open(s.URL + "/#/jobmanager/logs")
	b.has("pre.log", "a line <b>of</b> before\nthe last line\n")
	b.until("(() => { const e = document.querySelector('pre.log'); return e.scrollTop > 0 && e.scrollTop + e.clientHeight >= e.scrollHeight - 1 })()")
	write("begun anew\n")
	b.until("document.querySelector('pre.log').textContent === 'begun anew\\n'")
	b.open(s.URL + "/#/taskmanagers/tm-1")
	b.has("pre.log", "hello from tm-1")
	b.picture("taskmanager")
	b.clean(s.URL)
}

// TestLateRefusal: a request that was sent before a session began, and is refused after that, is sent again, and the token not asked for again.
func TestLateRefusal(t *testing.T) {
	s := resttest.New(t, rest.Options{Token: "open sesame"}, counted, options(t)...)
	b := newBrowser(t)
	b.script(`window.asked = 0; const real = window.fetch; window.fetch = async (url, init) => {
		const answer = await real(url, init)
		if (url === 'flott/session' && init.method !== 'POST' && ++window.asked === 1) await new Promise((go) => { window.late = go })
		return answer
	}`)
	b.open(s.URL)
	b.until("document.querySelector('dialog input') === document.activeElement && window.late !== undefined")
	b.key("open sesame\r")
	b.has("main", "No job is running")
	eval[int](b, "window.late(); 0")
	b.until("window.asked === 2")
	b.click("Colours: system. Change")
	b.until("document.documentElement.dataset.theme === 'light' && document.querySelector('dialog') === null")
}

// TestEarlyClick: a link works as soon as it is there, before the browser has drawn it.
func TestEarlyClick(t *testing.T) {
	s := resttest.New(t, rest.Options{}, counted, options(t)...)
	b := newBrowser(t)
	b.script(`const real = window.requestAnimationFrame
	window.requestAnimationFrame = (draw) => { addEventListener('hashchange', () => real(draw), { once: true }) }
	addEventListener('hashchange', () => { window.requestAnimationFrame = real }, { once: true })
	new MutationObserver((_, o) => {
		const link = document.querySelector('a[href="#/jobmanager"]')
		if (!link) return
		o.disconnect()
		link.click()
	}).observe(document, { childList: true, subtree: true })`)
	b.open(s.URL)
	b.has("main", "Processes")
}

// TestWithoutStorage: a browser that keeps nothing shows the page, too, takes a token, and changes colours.
func TestWithoutStorage(t *testing.T) {
	s := resttest.New(t, rest.Options{Token: "open sesame"}, counted, options(t)...)
	b := newBrowser(t)
	b.script(`for (const name of ['sessionStorage', 'localStorage']) Object.defineProperty(window, name, { get() { throw new DOMException('no', 'SecurityError') } })`)
	b.open(s.URL)
	b.until("document.querySelector('dialog input') === document.activeElement")
	b.key("open sesame\r")
	b.has("main", "No job is running")
	b.click("Colours: system. Change")
	b.click("Colours: light. Change")
	b.until("document.documentElement.dataset.theme === 'dark'")
}
