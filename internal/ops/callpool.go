package ops

import "sync"

// callsDone is where goroutines of the pool leave their results. Only the first of several sends
// mail.
type callsDone[T, R any] struct {
	mail func()
	mu   struct {
		sync.Mutex
		results []callResult[T, R]
	}
}

func (d *callsDone[T, R]) post(r callResult[T, R]) {
	d.mu.Lock()
	d.mu.results = append(d.mu.results, r)
	first := len(d.mu.results) == 1
	d.mu.Unlock()
	if first {
		d.mail()
	}
}

// take returns all results and keeps spare, which is empty of results, for the next ones.
func (d *callsDone[T, R]) take(spare []callResult[T, R]) []callResult[T, R] {
	d.mu.Lock()
	defer d.mu.Unlock()
	taken := d.mu.results
	d.mu.results = spare[:0]
	return taken
}

// callPool is the goroutines of one Calls: made when they are needed, kept until Close.
type callPool[T, R any] struct {
	work func(*call[T, R])
	// elsewhere runs the work in place of goroutines of the pool, if it is not nil.
	elsewhere func(func())
	max       int
	wg        sync.WaitGroup
	mu        struct {
		sync.Mutex
		ready   sync.Cond
		queue   []*call[T, R]
		workers int
		idle    int
		stopped bool
	}
}

func (p *callPool[T, R]) init(size int, work func(*call[T, R])) {
	p.work, p.max = work, size
	p.mu.ready.L = &p.mu.Mutex
}

func (p *callPool[T, R]) submit(item *call[T, R]) {
	p.mu.Lock()
	defer p.mu.Unlock()
	// Where calls do not heed their context, records that timed out may fill the queue.
	if len(p.mu.queue) > 2*p.max {
		kept := p.mu.queue[:0]
		for _, q := range p.mu.queue {
			if q.ctx.Err() == nil {
				kept = append(kept, q)
			}
		}
		clear(p.mu.queue[len(kept):])
		p.mu.queue = kept
	}
	if p.elsewhere != nil {
		p.elsewhere(func() { p.perform(item) })
		return
	}
	p.mu.queue = append(p.mu.queue, item)
	if len(p.mu.queue) > p.mu.idle && p.mu.workers < p.max {
		p.mu.workers++
		p.wg.Go(p.run)
		return
	}
	p.mu.ready.Signal()
}

// perform works on an item, unless the pool was stopped.
func (p *callPool[T, R]) perform(item *call[T, R]) {
	p.mu.Lock()
	stopped := p.mu.stopped
	p.mu.Unlock()
	if !stopped {
		p.work(item)
	}
}

func (p *callPool[T, R]) run() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		for len(p.mu.queue) == 0 && !p.mu.stopped {
			p.mu.idle++
			p.mu.ready.Wait()
			p.mu.idle--
		}
		if p.mu.stopped {
			return
		}
		item := p.mu.queue[0]
		p.mu.queue[0] = nil
		p.mu.queue = p.mu.queue[1:]
		p.mu.Unlock()
		p.work(item)
		p.mu.Lock()
	}
}

// stop ends all goroutines and waits for them.
func (p *callPool[T, R]) stop() {
	p.mu.Lock()
	p.mu.stopped = true
	p.mu.ready.Broadcast()
	p.mu.Unlock()
	p.wg.Wait()
}
