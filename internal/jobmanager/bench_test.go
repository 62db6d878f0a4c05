package jobmanager

import (
	"bytes"
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/flott-dev/flott/internal/actor"
	"github.com/flott-dev/flott/internal/clock"
	"github.com/flott-dev/flott/internal/control"
	"github.com/flott-dev/flott/internal/graph"
	"github.com/flott-dev/flott/internal/schedule"
	"github.com/flott-dev/flott/internal/task"
	"github.com/flott-dev/flott/internal/wire"
)

// BenchmarkDeploy is the CPU that a JobManager takes from the submission of a job of ten vertices, each
// with as many subtasks as there are TaskManagers of one slot, all connected to all, until it runs; with
// all messages encoded and decoded.
func BenchmarkDeploy(b *testing.B) {
	for _, n := range []int{10, 100, 1000} {
		b.Run(fmt.Sprintf("managers=%d", n), func(b *testing.B) {
			cpu, sent := time.Duration(0), 0
			for b.Loop() {
				b.StopTimer()
				c := newBenchCluster(b, n)
				before := c.sent
				began := cpuTime()
				b.StartTimer()
				c.deploy()
				cpu += cpuTime() - began
				sent += c.sent - before
			}
			b.ReportMetric(cpu.Seconds()/float64(b.N), "cpu-s/op")
			b.ReportMetric(float64(sent)/float64(b.N)/1e6, "MB-sent/op")
		})
	}
}

// BenchmarkSamples is the CPU that the counters of all tasks of such a job take, which come once a second.
func BenchmarkSamples(b *testing.B) {
	for _, n := range []int{10, 100, 1000} {
		b.Run(fmt.Sprintf("managers=%d", n), func(b *testing.B) {
			c := newBenchCluster(b, n)
			c.deploy()
			began := cpuTime()
			for i := 0; b.Loop(); i++ {
				c.sample(i)
			}
			b.ReportMetric(100*(cpuTime()-began).Seconds()/float64(b.N), "%core")
		})
	}
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// benchCluster is a Manager with TaskManagers and workers that answer at once.
type benchCluster struct {
	b       *testing.B
	m       *Manager
	graph   *graph.JobGraph
	queue   []func()
	workers []*benchWorker
	sent    int // bytes
}

// Soon adds a step of an actor.
func (c *benchCluster) Soon(f func()) { c.queue = append(c.queue, f) }

// Go adds work.
func (c *benchCluster) Go(_ actor.Work, f func()) { c.queue = append(c.queue, f) }

// Task is never called: tasks run in workers.
func (c *benchCluster) Task(context.Context, *task.Task, func(error)) {
	panic("a task in the JobManager")
}

func (c *benchCluster) run() {
	for len(c.queue) > 0 {
		f := c.queue[0]
		c.queue = c.queue[1:]
		f()
	}
}

// benchLink encodes what is sent, as a control.Conn does.
type benchLink[Out any] struct {
	c       *benchCluster
	out     bytes.Buffer
	enc     *gob.Encoder
	receive func(*Out)
}

func newBenchLink[Out any](c *benchCluster, receive func(*Out)) *benchLink[Out] {
	l := &benchLink[Out]{c: c, receive: receive}
	l.enc = gob.NewEncoder(&l.out)
	return l
}

func (l *benchLink[Out]) Send(m *Out) {
	l.out.Reset()
	if err := l.enc.Encode(m); err != nil {
		l.c.b.Fatal(err)
	}
	l.c.sent += l.out.Len()
	l.receive(m)
}

func (l *benchLink[Out]) Abort(err error)  { l.c.b.Fatal(err) }
func (l *benchLink[Out]) Heard() time.Time { return time.Time{} }

// benchStream brings messages to the Manager.
type benchStream[In any] struct {
	buf bytes.Buffer
	enc *gob.Encoder
	dec *gob.Decoder
	h   handler[In]
}

func newBenchStream[In any](h handler[In]) *benchStream[In] {
	s := &benchStream[In]{h: h}
	s.enc, s.dec = gob.NewEncoder(&s.buf), gob.NewDecoder(&s.buf)
	return s
}

// say encodes a message, which a process would do, and then decodes it.
func (s *benchStream[In]) say(m *In) {
	in := new(In)
	if err := errors.Join(s.enc.Encode(m), s.dec.Decode(in)); err != nil {
		panic(err)
	}
	s.h.Receive(in)
}

type benchWorker struct {
	stream *benchStream[control.FromWorker]
	places []int
}

func newBenchCluster(b *testing.B, n int) *benchCluster {
	c := &benchCluster{b: b, graph: &graph.JobGraph{}}
	c.m = New(Options{
		Clock: clock.NewManual(time.Unix(1_000_000, 0)), Runner: c, Log: slog.New(slog.DiscardHandler),
		Pool: schedule.PoolConfig{Policy: schedule.SpreadOut},
	})
	for v := range 10 {
		x := graph.Vertex{Name: fmt.Sprint("vertex ", v), Parallelism: n, SlotGroup: "default", Source: v == 0}
		x.Operators = []graph.Operator{{UID: x.Name, Name: x.Name, MaxParallelism: 4096, Source: v == 0}}
		if v > 0 {
			x.In = []graph.Input{{From: v - 1, Strategy: graph.Keyed}}
		}
		c.graph.Vertices = append(c.graph.Vertices, x)
	}
	for i := range n {
		t := newTaskManager(c.m)
		t.conn = newBenchLink(c, func(m *control.ToTaskManager) {
			if m.StartWorker != nil {
				name := m.StartWorker.Name
				c.Soon(func() { c.start(name) })
			}
		})
		s := newBenchStream(handler[control.FromTaskManager]{c.m, t.receive, t.lost})
		s.say(&control.FromTaskManager{Register: &control.Register{
			ID: fmt.Sprintf("taskmanager-%016d", i), Host: "host", Slots: []control.Slot{{Memory: 1 << 30}},
		}})
	}
	c.run()
	return c
}

// start has a worker say hello.
func (c *benchCluster) start(name string) {
	w := &benchWorker{}
	n := &newcomer{m: c.m}
	n.conn = newBenchLink(c, func(m *control.ToWorker) {
		if m.Deploy == nil {
			return
		}
		for place, at := range m.Deploy.Places {
			if int(at) == m.Deploy.Self {
				w.places = append(w.places, place)
			}
		}
		c.Soon(func() {
			for _, d := range m.Deploy.Deployments {
				w.stream.say(&control.FromWorker{Deployed: &control.Deployed{Deployment: d.Number}})
			}
		})
	})
	w.stream = newBenchStream(handler[control.FromWorker]{c.m, n.receive, n.lost})
	c.workers = append(c.workers, w)
	w.stream.say(&control.FromWorker{Hello: &control.Hello{Name: name, Address: "192.168.100.100:40000"}})
}

// deploy submits a job and brings it to RUNNING.
func (c *benchCluster) deploy() {
	s := control.Submission{ID: fmt.Sprintf("%032x", 1), Name: "job", Graph: c.graph}
	c.m.submit(context.Background(), s, func(err error) {
		if err != nil {
			c.b.Fatal(err)
		}
	})
	c.run()
	if state := c.m.jobs[s.ID].job.State(); state != schedule.Running {
		c.b.Fatalf("the job is %v", state)
	}
}

// sample has all workers report.
func (c *benchCluster) sample(i int) {
	n := int64(i) * 1_000_000_007
	for _, w := range c.workers {
		s := &control.Samples{}
		for _, place := range w.places {
			s.Tasks = append(s.Tasks, control.Sample{
				Place: place, Attempt: 1, RecordsIn: n, RecordsOut: n, BytesIn: n, BytesOut: n, Busy: n, Idle: n,
				Backpressured: n, Watermark: n,
			})
		}
		w.stream.say(&control.FromWorker{Samples: s})
	}
	c.run()
}

// BenchmarkHeartbeats is the CPU that both sides of the connections with so many TaskManagers, and as many
// workers, take when nothing is said on them: over sockets, with the heartbeats of production. An iteration
// is a round of heartbeats.
func BenchmarkHeartbeats(b *testing.B) {
	for _, n := range []int{10, 100, 1000} {
		b.Run(fmt.Sprintf("managers=%d", n), func(b *testing.B) {
			m := New(Options{Log: slog.New(slog.DiscardHandler), Wire: wire.Options{Name: "jobmanager"}})
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				b.Fatal(err)
			}
			go func() { _ = m.Serve(l) }()
			defer m.Close()
			defer l.Close()
			for i := range 2 * n {
				nc, err := net.Dial("tcp", l.Addr().String())
				if err != nil {
					b.Skip(err) // not so many files may be open
				}
				role := []control.Role{control.TaskManager, control.Worker}[i%2]
				c, err := wire.Client(nc, wire.Options{Name: fmt.Sprint("process-", i), Hello: []byte(role)})
				if err != nil {
					b.Fatal(err)
				}
				defer c.Abort(errors.New("the benchmark ends"))
			}
			const period = 2 * time.Second
			rounds := 0
			began := cpuTime()
			for b.Loop() {
				time.Sleep(period) // it is the CPU that is measured
				rounds++
			}
			b.ReportMetric(100*(cpuTime()-began).Seconds()/(float64(rounds)*period.Seconds()), "%core")
		})
	}
}
