package taskmanager

import (
	"context"
	"fmt"
	"net"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flott-dev/flott/internal/exposition"
)

// TestMetricsOfWorkers: those that answer are in a scrape, in the order of their names; one that does not, and one that has ended,
// hold it up no longer than they may, and are counted.
func TestMetricsOfWorkers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m Metrics
		m.begin("tm-1", 4)
		var ends []func()
		worker := func(name string) net.Conn {
			ours, theirs := net.Pipe()
			ends = append(ends, m.add(name, ours))
			return theirs
		}
		for _, name := range []string{"b", "a"} {
			go exposition.Answer(worker(name), func() []exposition.Scope {
				return []exposition.Scope{{Name: "of", Labels: []exposition.Label{{Name: "worker", Value: name}}}}
			})
		}
		silent := worker("silent") // it reads what it is asked, and nothing else
		go func() { _, _ = silent.Read(make([]byte, 1)) }()
		scrape := func() (took time.Duration, figures map[string]float64, of []string) {
			began := time.Now()
			all := m.Gather(context.Background())
			figures = map[string]float64{}
			for _, v := range all[0].Values {
				figures[v.Name] = v.V
			}
			for _, s := range all[1:] {
				of = append(of, s.Labels[0].Value)
			}
			if labels := fmt.Sprint(all[0].Labels[1:]); labels != "[{tm_id tm-1}]" {
				t.Errorf("the labels are %s", labels)
			}
			return time.Since(began), figures, of
		}
		for i, longest := range []time.Duration{AnswerTimeout, 0, 0} {
			took, figures, of := scrape()
			if took != longest || figures["Status.Workers"] != 3 || figures["Status.WorkersSilent"] != 1 || figures["Status.Slots"] != 4 || !slices.Equal(of, []string{"a", "b"}) {
				t.Errorf("scrape %d took %v: %v, of %q", i, took, figures, of)
			}
		}
		for _, end := range ends[1:] {
			end()
		}
		if _, figures, of := scrape(); figures["Status.Workers"] != 1 || !slices.Equal(of, []string{"b"}) {
			t.Errorf("after the end of two: %v, of %q", figures, of)
		}
		ends[0]()
	})
}
