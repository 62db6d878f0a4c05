package jobmanager

import (
	"time"
)

// simConn is a connection between the Manager and a process. What one side says arrives in order, at some
// time. When it is cut, some of what is on the way is lost, and each side hears of it by itself.
type simConn struct {
	w        *simWorld
	of       *simLeader
	up       []func()        // messages for the Manager
	down     []func()        // messages for the process
	cut      bool            // nothing more gets through
	lostUp   func(err error) // of the Manager; nil when it has been told
	lostDown func()          // of the process; nil when it has been told, or is not there any more
	err      error           // why it was cut
	later    bool            // the process does not hear of it yet
}

func (c *simConn) connected() bool { return c != nil && !c.cut }

// over reports whether nothing more comes of it.
func (c *simConn) over() bool {
	return c.cut && len(c.up) == 0 && len(c.down) == 0 && c.lostUp == nil && c.lostDown == nil
}

// due is how many things may happen to it.
func (c *simConn) due() (n int) {
	if c.dueUp() {
		n++
	}
	if c.dueDown() {
		n++
	}
	return n
}

func (c *simConn) dueUp() bool {
	return !c.of.paused && (len(c.up) > 0 || c.cut && c.lostUp != nil)
}

func (c *simConn) dueDown() bool { return len(c.down) > 0 || c.cut && c.lostDown != nil && !c.later }

func (c *simConn) do(i int) {
	if i == 0 && c.dueUp() {
		if len(c.up) > 0 {
			take(&c.up, 0)
			return
		}
		lost := c.lostUp
		c.lostUp = nil
		lost(c.err)
		return
	}
	if len(c.down) > 0 {
		take(&c.down, 0)
		return
	}
	lost := c.lostDown
	c.lostDown = nil
	lost()
}

// sever cuts the connection.
func (c *simConn) sever(err error) {
	if c.cut {
		return
	}
	c.cut, c.err = true, err
	c.up = c.up[:c.w.rng.IntN(len(c.up)+1)]
	c.down = c.down[:c.w.rng.IntN(len(c.down)+1)]
	if c.lostDown != nil && c.w.rng.IntN(3) == 0 { // a partition
		c.later = true
		c.w.clock.AfterFunc(time.Duration(c.w.rng.IntN(5000))*time.Millisecond, func() { c.later = false })
	}
}

// vanish cuts the connection because its process is gone.
func (c *simConn) vanish(err error) {
	c.lostDown = nil
	c.sever(err)
	c.down, c.lostDown = nil, nil
}

// toProcess is the Manager's end of a simConn.
type toProcess[Out any] struct {
	*simConn
	sent    func(*Out) // nil for nothing
	receive func(*Out)
	aborted func() // nil for nothing
}

func (l *toProcess[Out]) Send(m *Out) {
	if l.sent != nil {
		l.sent(m)
	}
	if !l.cut {
		l.down = append(l.down, func() { l.receive(m) })
	}
}

func (l *toProcess[Out]) Abort(err error) {
	if l.aborted != nil {
		l.aborted()
	}
	l.sever(err)
}

func (l *toProcess[Out]) Heard() time.Time { return l.w.clock.Now() }
