package ha

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/zeebo/xxh3"

	"github.com/flott-dev/flott/internal/blob"
)

// InlineMaxDefault is the length up to which Large leaves a value in the store, in bytes.
const InlineMaxDefault = 16 << 10

// Large is a Store for values of any size over one that takes small ones, such as etcd: what is
// longer than InlineMax bytes is an object in Blobs, of which the store has the name, the length and
// the checksum.
//
//	value, as the store has it:   'v' value
//	                              'b' length (uvarint) xxh3 (8 bytes) name
//	object:                       <key>-<epoch>-<number>
type Large struct {
	Store
	Blobs     blob.Store
	InlineMax int // the default is InlineMaxDefault
}

// Get reads the record, and its object if it has one.
func (s *Large) Get(ctx context.Context, key string) (Record, error) {
	return largeReader{s.Store, s.Blobs}.Get(ctx, key)
}

// Campaign returns a leadership that keeps large values in objects.
func (s *Large) Campaign(ctx context.Context, c Contender) (Leadership, error) {
	l, err := s.Store.Campaign(ctx, c)
	if err != nil {
		return nil, err
	}
	inline := s.InlineMax
	if inline == 0 {
		inline = InlineMaxDefault
	}
	return &largeTerm{Leadership: l, read: largeReader{l, s.Blobs}, inline: inline}, nil
}

const (
	inlineValue = 'v'
	objectValue = 'b'
)

type object struct {
	name   string
	length int
	sum    uint64
}

func (o object) encode() []byte {
	out := binary.AppendUvarint([]byte{objectValue}, uint64(o.length))
	return append(binary.LittleEndian.AppendUint64(out, o.sum), o.name...)
}

var errLarge = errors.New("it is damaged: it is neither a value nor the name of one")

// decodeLarge returns the value, or the object that has it.
func decodeLarge(stored []byte) (value []byte, o object, err error) {
	if len(stored) > 0 && stored[0] == inlineValue {
		return stored[1:], o, nil
	}
	if len(stored) == 0 || stored[0] != objectValue {
		return nil, o, errLarge
	}
	length, n := binary.Uvarint(stored[1:])
	if n <= 0 || len(stored) < 1+n+8+1 || length > 1<<40 {
		return nil, o, errLarge
	}
	rest := stored[1+n:]
	return nil, object{string(rest[8:]), int(length), binary.LittleEndian.Uint64(rest)}, nil
}

type largeReader struct {
	records Reader
	blobs   blob.Store
}

// Get reads anew if the object is gone because the record has another value by now.
func (r largeReader) Get(ctx context.Context, key string) (Record, error) {
	for last := Version(""); ; {
		record, err := r.records.Get(ctx, key)
		if err != nil {
			return Record{}, err
		}
		value, o, err := decodeLarge(record.Value)
		if err == nil && o.name != "" {
			value, err = r.load(ctx, o)
		}
		if err == nil {
			return Record{value, record.Version}, nil
		}
		if errors.Is(err, blob.ErrNotFound) && record.Version == last {
			// The error must not be ErrNotFound: the record is there.
			err = fmt.Errorf("object %s is missing", blob.Join(r.blobs.URI(), o.name))
		}
		if !errors.Is(err, blob.ErrNotFound) {
			return Record{}, fmt.Errorf("high availability: value of %s: %w", key, err)
		}
		last = record.Version
	}
}

func (r largeReader) load(ctx context.Context, o object) ([]byte, error) {
	value, err := r.blobs.Get(ctx, o.name)
	if err == nil && (len(value) != o.length || xxh3.Hash(value) != o.sum) {
		err = fmt.Errorf("object %s is damaged: its checksum is wrong", blob.Join(r.blobs.URI(), o.name))
	}
	return value, err
}

type largeTerm struct {
	Leadership
	read    largeReader
	inline  int
	objects atomic.Int64
}

// Get reads the record, and its object if it has one.
func (t *largeTerm) Get(ctx context.Context, key string) (Record, error) { return t.read.Get(ctx, key) }

// store returns what the store keeps for a value, and the name of the object with it, if any.
func (t *largeTerm) store(ctx context.Context, key string, value []byte) (stored []byte, name string, err error) {
	if err := CheckKey(key); err != nil {
		return nil, "", &Error{Op: "write", What: key, Where: t.read.blobs.URI(), Err: err}
	}
	if len(value) <= t.inline {
		return append([]byte{inlineValue}, value...), "", nil
	}
	name = fmt.Sprintf("%s-%d-%d", key, t.Leader().Epoch, t.objects.Add(1))
	if err := blob.Put(ctx, t.read.blobs, name, value); err != nil {
		return nil, "", fmt.Errorf("high availability: value of %s: %w", key, err)
	}
	return object{name, len(value), xxh3.Hash(value)}.encode(), name, nil
}

// drop deletes an object that no record names. If that fails, or the process dies before, Sweep of a
// later leader does it.
func (t *largeTerm) drop(ctx context.Context, name string) {
	if name != "" {
		_ = t.read.blobs.Delete(context.WithoutCancel(ctx), name)
	}
}

// Put stores the value before the record that names it.
func (t *largeTerm) Put(ctx context.Context, key string, value []byte) (Version, error) {
	stored, name, err := t.store(ctx, key, value)
	if err != nil {
		return "", err
	}
	v, err := t.Leadership.Put(ctx, key, stored)
	t.settle(ctx, err, name, "")
	return v, err
}

// settle drops an object that is not needed after a write: the new one if it had no effect, the old
// one if it had.
func (t *largeTerm) settle(ctx context.Context, err error, next, old string) {
	switch {
	case err == nil:
		t.drop(ctx, old)
	case !errors.Is(err, ErrUncertain):
		t.drop(ctx, next)
	}
}

// Swap stores the value before the record that names it.
func (t *largeTerm) Swap(ctx context.Context, key string, was Version, value []byte) (Version, error) {
	old, err := t.objectOf(ctx, key, was)
	if err != nil {
		return "", err
	}
	stored, name, err := t.store(ctx, key, value)
	if err != nil {
		return "", err
	}
	v, err := t.Leadership.Swap(ctx, key, was, stored)
	t.settle(ctx, err, name, old)
	return v, err
}

// Delete removes the record before its value.
func (t *largeTerm) Delete(ctx context.Context, key string, was Version) error {
	old, err := t.objectOf(ctx, key, was)
	if err != nil {
		return err
	}
	err = t.Leadership.Delete(ctx, key, was)
	t.settle(ctx, err, "", old)
	return err
}

// objectOf returns the name of the object with the value of a record, "" if it has none. A record
// with another version is left to the store to refuse.
func (t *largeTerm) objectOf(ctx context.Context, key string, version Version) (string, error) {
	record, err := t.Leadership.Get(ctx, key)
	if errors.Is(err, ErrNotFound) {
		return "", nil
	}
	if err != nil || record.Version != version {
		return "", err
	}
	_, o, err := decodeLarge(record.Value)
	if err != nil {
		return "", nil // a damaged record can be replaced
	}
	return o.name, nil
}

// Sweep deletes objects of earlier epochs that no record names.
func (t *largeTerm) Sweep(ctx context.Context) error {
	if s, ok := t.Leadership.(Sweeper); ok {
		if err := s.Sweep(ctx); err != nil {
			return err
		}
	}
	// Records are read after the objects are listed: no leader of an earlier epoch can write one that
	// names an object any more, and this one writes names of its own epoch.
	objects, err := t.read.blobs.List(ctx, "")
	if err != nil {
		return err
	}
	var errs []error
	for _, o := range objects {
		key, epoch, ok := parseObject(o.Name)
		if !ok || epoch >= t.Leader().Epoch {
			continue
		}
		named, err := t.names(ctx, key, o.Name)
		if err == nil && !named {
			err = t.read.blobs.Delete(ctx, o.Name)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func (t *largeTerm) names(ctx context.Context, key, object string) (bool, error) {
	record, err := t.Leadership.Get(ctx, key)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	_, o, err := decodeLarge(record.Value)
	return o.name == object, err
}

func parseObject(name string) (key string, epoch int64, ok bool) {
	i := strings.LastIndexByte(name, '-')
	if i < 0 {
		return "", 0, false
	}
	j := strings.LastIndexByte(name[:i], '-')
	if j < 0 {
		return "", 0, false
	}
	epoch, err := strconv.ParseInt(name[j+1:i], 10, 64)
	return name[:j], epoch, err == nil
}
