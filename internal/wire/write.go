package wire

import (
	"encoding/binary"
	"net"
	"syscall"
	"time"
)

const (
	// packetBytes is how much is taken for one write: enough to make system calls cheap, little enough
	// to keep what is urgent from waiting.
	packetBytes = 256 << 10
	// copyBytesMax is how long a payload is at most that is copied behind its header.
	copyBytesMax = 4 << 10
)

// packet is what is written at once.
type packet struct {
	frames   []outgoing
	bytes    int
	number   uint64 // of the next frame
	vectored bool   // the net.Conn takes several slices in one system call
	buf      []byte // headers and what is copied
	credit   [8]byte
	slices   net.Buffers
	rest     net.Buffers // of slices, while they are written
}

func (p *packet) add(f outgoing) {
	p.frames = append(p.frames, f)
	p.bytes += headerBytes + f.length
}

// write runs the writing goroutine.
func (c *Conn) write() {
	_, vectored := c.nc.(syscall.Conn)
	p := &packet{vectored: vectored}
	for {
		err := c.gather(p)
		if err == nil {
			c.out.writes.Add(1)
			err = p.write(c.nc)
			c.out.writes.Add(1)
		}
		p.clear()
		switch {
		case err == errHalfClosed:
			c.halfClose()
			return
		case err != nil:
			c.breakOff(err)
			return
		}
	}
}

// gather waits until there is something to write and takes it.
func (c *Conn) gather(p *packet) error {
	o := &c.out
	o.Lock()
	defer o.Unlock()
	for {
		switch {
		case o.stopped:
			return c.err
		case o.byeSent && o.byeGot:
			return errHalfClosed
		}
		c.takeLocked(p)
		if len(p.frames) > 0 {
			return nil
		}
		o.work.Wait()
	}
}

// takeLocked takes what is to be written next: first what is urgent or about the connection, then
// messages of the channels in turn.
func (c *Conn) takeLocked(p *packet) {
	o := &c.out
	for o.urgent.len() > 0 {
		o.queued--
		p.add(o.urgent.pop())
	}
	for o.control.len() > 0 {
		p.add(o.control.pop())
	}
	for o.grants.len() > 0 {
		if f, ok := o.grants.pop().creditLocked(); ok {
			p.add(f)
		}
	}
	if o.beats {
		o.beats = false
		p.add(outgoing{header: header{kind: heartbeat}})
	}
	for o.ready.len() > 0 && p.bytes < packetBytes {
		o.ready.pop().takeTurnLocked(p)
	}
	if o.closing && !o.byeSent && o.queued == 0 {
		o.byeSent = true
		p.add(outgoing{header: header{kind: bye}})
	}
}

// write writes the frames.
func (p *packet) write(nc net.Conn) error {
	done := 0 // of buf
	for i := range p.frames {
		f := &p.frames[i]
		var payload []byte
		switch {
		case f.kind == credit:
			payload = p.credit[:]
			binary.LittleEndian.PutUint64(payload, uint64(f.amount))
			f.sum = payloadSum(payload)
		case f.body != nil:
			payload = f.body.B
		}
		p.buf = appendHeader(p.buf, f.header, p.number)
		p.number++
		if len(payload) <= copyBytesMax || !p.vectored {
			p.buf = append(p.buf, payload...)
			continue
		}
		p.slices = append(p.slices, p.buf[done:], payload)
		done = len(p.buf)
	}
	if done < len(p.buf) {
		p.slices = append(p.slices, p.buf[done:])
	}
	p.rest = p.slices
	_, err := p.rest.WriteTo(nc)
	return err
}

func (p *packet) clear() {
	for i := range p.frames {
		if b := p.frames[i].body; b != nil {
			b.Free()
		}
	}
	clear(p.frames)
	clear(p.slices)
	p.frames, p.slices, p.buf, p.bytes = p.frames[:0], p.slices[:0], p.buf[:0], 0
}

// halfClose tells the other side that nothing more will come, in the way of the net.Conn.
func (c *Conn) halfClose() {
	if w, ok := c.nc.(interface{ CloseWrite() error }); ok {
		w.CloseWrite()
		return
	}
	c.fail(c.closed())
}

// breakOff is called when a write has failed. The other side is gone, and what it has sent before can
// still be read: the reading goroutine also sees whether it has gone in good order.
func (c *Conn) breakOff(err error) {
	c.out.Lock()
	c.out.broken = err
	c.out.Unlock()
	c.nc.SetReadDeadline(time.Now().Add(c.o.Heartbeat))
}
