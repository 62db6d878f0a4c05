package result

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"

	"github.com/klauspost/compress/s2"
	"github.com/zeebo/xxh3"
)

// blockMax is the longest block that is believed: a batch is far shorter.
const blockMax = 1 << 30

// part is a part of a file that is read block by block.
type part struct {
	f    *os.File
	list []byte // of the blocks that are left
	at   int64  // the end of the last one
	most int64  // blocks end there at the latest
}

// openPart opens a part of a file.
func openPart(path string, number int) (*part, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	p := &part{f: f}
	if err := p.find(number); err != nil {
		f.Close()
		return nil, err
	}
	return p, nil
}

// find reads the list of the part.
func (p *part) find(number int) error {
	info, err := p.f.Stat()
	if err != nil {
		return err
	}
	size := info.Size()
	if size < footerBytes {
		return damaged("it is cut off")
	}
	var footer [footerBytes]byte
	if err := p.read(footer[:], size-footerBytes); err != nil {
		return err
	}
	const summed = footerBytes - sumBytes
	if string(footer[12:16]) != magic || binary.LittleEndian.Uint64(footer[summed:]) != xxh3.Hash(footer[:summed]) {
		return damaged("it has no footer")
	}
	table, parts := int64(binary.LittleEndian.Uint64(footer[:])), int(binary.LittleEndian.Uint32(footer[8:]))
	if table < 0 || table+int64(parts)*entryBytes+footerBytes != size {
		return damaged("it has another length")
	}
	if number < 0 || number >= parts {
		return fmt.Errorf("it has %d parts and none of number %d", parts, number)
	}
	var entry [entryBytes]byte
	if err := p.read(entry[:], table+int64(number)*entryBytes); err != nil {
		return err
	}
	at, length := int64(binary.LittleEndian.Uint64(entry[:])), int64(binary.LittleEndian.Uint64(entry[8:]))
	if at < 0 || length < 0 || at > table || length > table-at {
		return damaged("a list of blocks lies outside")
	}
	p.list, p.most = make([]byte, length), table
	if err := p.read(p.list, at); err != nil {
		return err
	}
	if listSum(p.list, number) != binary.LittleEndian.Uint64(entry[16:]) {
		return damaged("a list of blocks has another checksum")
	}
	return nil
}

func (p *part) read(b []byte, at int64) error {
	switch _, err := p.f.ReadAt(b, at); {
	case err == nil:
		return nil
	case errors.Is(err, io.EOF):
		return damaged("it is cut off")
	default:
		return damaged(err.Error())
	}
}

// next is the length of the next block, io.EOF behind the last one. The block is read by load.
func (p *part) next() (int, error) {
	if len(p.list) == 0 {
		return 0, io.EOF
	}
	skip, a := binary.Uvarint(p.list)
	length, b := binary.Uvarint(p.list[max(0, a):])
	if a <= 0 || b <= 0 || skip > math.MaxInt64/2 || length > blockMax || p.at+int64(skip+length) > p.most {
		return 0, damaged("a list of blocks")
	}
	p.list = p.list[a+b:]
	p.at += int64(skip + length)
	return int(length), nil
}

// load reads the block whose length next has returned.
func (p *part) load(b []byte) error { return p.read(b, p.at-int64(len(b))) }

func (p *part) close() { p.f.Close() }

// unpack checks a block and returns its pieces, in dst if there is room.
func unpack(dst, block []byte) ([]byte, error) {
	if len(block) < sumBytes || binary.LittleEndian.Uint64(block) != xxh3.Hash(block[sumBytes:]) {
		return nil, damaged("a block has another checksum")
	}
	if n, err := s2.DecodedLen(block[sumBytes:]); err != nil || n > blockMax {
		return nil, damaged("a block")
	}
	pieces, err := s2.Decode(dst[:cap(dst)], block[sumBytes:])
	if err != nil {
		return nil, damaged("a block: " + err.Error())
	}
	return pieces, nil
}

// Source gives the blocks of a part to its consumer. It is for one goroutine.
type Source interface {
	// Start begins to get it. wake is called when there is something new after ErrWait.
	Start(wake func())
	// Next returns the pieces of the next block, which are valid until the next call; io.EOF behind the last
	// one, ErrWait if none is here, else an *Error.
	Next() ([]byte, error)
	// Close gives up what is left.
	Close()
}

// ErrWait says that the next block has not come yet.
var ErrWait = errors.New("result: the next block has not come yet")

// local is a Source of a file of this machine.
type local struct {
	about  Error
	path   string
	number int
	part   *part
	block  []byte
	pieces []byte
}

// Local is the Source of a part of a file in the directory of a job. about is what errors say: all but
// Err and Lost.
func Local(dir string, about Error, number int) Source {
	return &local{about: about, path: (&Writer{dir: dir, about: about}).path(), number: number}
}

// Start does nothing: the file is opened by Next.
func (l *local) Start(func()) {}

// Next reads a block.
func (l *local) Next() ([]byte, error) {
	pieces, err := l.next()
	if err != nil && err != io.EOF {
		e := l.about
		e.Err, e.Lost = err, isLost(err)
		return nil, &e
	}
	return pieces, err
}

func (l *local) next() (_ []byte, err error) {
	if l.part == nil {
		if l.part, err = openPart(l.path, l.number); err != nil {
			return nil, err
		}
	}
	n, err := l.part.next()
	if err != nil {
		return nil, err
	}
	if cap(l.block) < n {
		l.block = make([]byte, n+n/4)
	}
	if err := l.part.load(l.block[:n]); err != nil {
		return nil, err
	}
	l.pieces, err = unpack(l.pieces, l.block[:n])
	return l.pieces, err
}

// Close closes the file.
func (l *local) Close() {
	if l.part != nil {
		l.part.close()
	}
}
