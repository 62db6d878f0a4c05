package web_test

import (
	"fmt"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/flott-dev/flott/connect/all"
	"github.com/flott-dev/flott/internal/gateway"
	"github.com/flott-dev/flott/internal/rest"
	"github.com/flott-dev/flott/internal/rest/resttest"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/sql"
)

// write puts a text into the editor, as typing does.
func (b *browser) write(text string) {
	b.t.Helper()
	eval[bool](b, `(() => { const e = document.querySelector('#sql-text'); e.focus(); e.select();
		return document.execCommand('insertText', false, `+quoted(text)+`) })()`)
}

// TestSQL runs statements in the page: their rows change as the query goes on, and what is wrong is shown where it is.
func TestSQL(t *testing.T) {
	g := gateway.New(gateway.Options{NewSession: func(map[string]string, func() gateway.Script) (*sql.Session, error) {
		s := sql.NewSession(sql.With(all.Factories(), all.Formats()), sql.On(launch.Executor()), sql.Set("table.dml-sync", "false"))
		t.Cleanup(s.Close)
		return s, nil
	}})
	t.Cleanup(g.Close)
	s := resttest.New(t, rest.Options{SQL: g}, counted, options(t)...)
	b := newBrowser(t)
	b.open(s.URL)
	b.click("SQL")
	b.has(".empty", "Results are shown here")
	b.picture("sql-empty")
	b.click("Run all") // the example
	b.has(".result:last-of-type", "running")
	b.until("document.querySelectorAll('table.rows tbody tr').length === 8")
	const changes = "Number(document.querySelector('.result:last-of-type [role=status]').textContent.match(/of ([\\d,]+) changes/)?.[1].replaceAll(',', '') ?? 0)"
	b.until(changes + " > 50")
	was := eval[float64](b, changes)
	b.until(changes + " > " + fmt.Sprint(was))
	if n := eval[int](b, "document.querySelectorAll('table.rows tbody tr').length"); n != 8 {
		t.Errorf("the result has %d rows, want one for each of 8 products", n)
	}
	b.picture("sql")
	b.laidOut(t)
	b.resize(390, 844)
	b.picture("sql-390")
	b.laidOut(t)
	b.resize(1440, 900)
	b.media("prefers-color-scheme", "dark")
	b.picture("sql-dark")
	b.click("Stop")
	b.has(".result:last-of-type", "stopped")

	b.write("SELECT 'a;b' AS `x;y`, CAST(NULL AS INT) AS n; -- not; these\n/* ; */ SELECT 2 FROM nowhere;")
	b.click("Run all")
	b.has(".result:last-of-type .bad", "^^^^")
	b.has(".result:last-of-type .bad", "nowhere")
	b.picture("sql-wrong")
	b.laidOut(t)
	eval[bool](b, "(() => { const e = document.querySelector('#sql-text'); e.focus(); e.setSelectionRange(3, 3); return true })()")
	b.key("\r", chromedp.KeyModifiers(2)) // Ctrl
	b.until("document.querySelectorAll('.result').length === 1")
	b.has("table.rows th", "x;y")
	b.has("table.rows td", "a;b")
	b.has("table.rows", "NULL")

	b.write("CREATE TABLE big (n BIGINT) WITH ('connector' = 'datagen', 'fields.n.kind' = 'sequence', 'fields.n.start' = '9007199254740993', 'fields.n.end' = '9007199254753000'); SELECT n FROM big")
	b.click("Run all")
	b.has(".result:last-of-type", "finished")
	b.has(".result:last-of-type", "12,008 rows")
	b.has("table.rows tbody tr:last-child", "9007199254753000")
	b.has(".result:last-of-type > p:last-child", "The last 500 rows")

	b.write("CREATE TABLE gone (n BIGINT) WITH ('connector' = 'blackhole'); INSERT INTO gone SELECT n FROM big")
	b.click("Run all")
	b.has(".result:last-of-type a", "job ")
	b.write("EXPLAIN SELECT n FROM big")
	b.click("Run all")
	b.has(".result pre", "Physical Plan")
	b.click("Cluster")
	b.has("h1", "Cluster")
	b.click("SQL")
	b.until("document.querySelector('#sql-text')?.value === 'EXPLAIN SELECT n FROM big'")
}
