package web_test

import (
	"testing"

	"github.com/flott-dev/flott/internal/rest/resttest"
)

// TestProcesses changes what a process logs, and saves profiles of it.
func TestProcesses(t *testing.T) {
	s := resttest.New(t, fast, counted, options(t)...)
	b := newBrowser(t)
	b.open(s.URL)
	b.click("JobManager")
	b.click("Processes")
	b.has("table.processes", "jobmanager")
	b.picture("processes")
	b.laidOut(t)
	b.resize(390, 844)
	b.picture("processes-390")
	b.laidOut(t)
	b.resize(1440, 900)
	eval[bool](b, `(() => { const e = document.querySelector('[aria-label="Log level of jobmanager"]');
		e.value = 'WARN'; return e.dispatchEvent(new Event('change', { bubbles: true })) })()`)
	b.until("fetch('flott/processes').then((r) => r.json()).then((d) => d.processes[0]['log-level'] === 'WARN')")
	b.until(`document.querySelector('[aria-label="Log level of jobmanager"]').value === 'WARN'`)
	for label, kind := range map[string]string{"Heap": "heap", "Goroutines": "goroutine"} {
		b.click(label + ": profile of jobmanager")
		b.has(".toasts", "flott-jobmanager-"+kind+".pb.gz, ")
	}
	b.has(".toasts", "The profile is saved")
	b.clean(s.URL)
}
