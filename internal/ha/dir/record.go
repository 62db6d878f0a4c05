package dir

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/zeebo/xxh3"

	"github.com/flott-dev/flott/internal/durable"
	"github.com/flott-dev/flott/internal/ha"
)

// A record's file:
//
//	0          8       16      24
//	┌──────────┬───────┬───────┬───────┬─────────────────────┐
//	│ FLOTTHA1 │ epoch │ write │ value │ xxh3 of all that, 8 │
//	└──────────┴───────┴───────┴───────┴─────────────────────┘
//
// Numbers have the least significant byte first.
const (
	magic      = "FLOTTHA1"
	headBytes  = len(magic) + 16
	checkBytes = 8
)

// version is the epoch of the leader that wrote a record, and which of its writes it was.
type version struct{ epoch, write int64 }

func (v version) text() ha.Version { return ha.Version(fmt.Sprintf("%d.%d", v.epoch, v.write)) }

func encode(v version, value []byte) []byte {
	out := make([]byte, 0, headBytes+len(value)+checkBytes)
	out = append(out, magic...)
	out = binary.LittleEndian.AppendUint64(out, uint64(v.epoch))
	out = binary.LittleEndian.AppendUint64(out, uint64(v.write))
	out = append(out, value...)
	return binary.LittleEndian.AppendUint64(out, xxh3.Hash(out))
}

var errDamaged = errors.New("is damaged")

func decodeHead(data []byte) (v version, err error) {
	if len(data) < headBytes || string(data[:len(magic)]) != magic {
		return v, errDamaged
	}
	return version{
		int64(binary.LittleEndian.Uint64(data[len(magic):])),
		int64(binary.LittleEndian.Uint64(data[len(magic)+8:])),
	}, nil
}

func decode(data []byte) (ha.Record, error) {
	v, err := decodeHead(data)
	end := len(data) - checkBytes
	if err != nil || end < headBytes || xxh3.Hash(data[:end]) != binary.LittleEndian.Uint64(data[end:]) {
		return ha.Record{}, errDamaged
	}
	return ha.Record{Value: data[headBytes:end:end], Version: v.text()}, nil
}

// slash stands for a slash in the name of a file. It is in no key.
const slash = "+"

func (s *Store) record(key string) string {
	return filepath.Join(s.dir, "records", strings.ReplaceAll(key, "/", slash))
}

// version returns the version of a record, or ErrNotFound.
func (s *Store) version(key string) (ha.Version, error) {
	f, err := os.Open(s.record(key))
	if errors.Is(err, fs.ErrNotExist) {
		return "", ha.ErrNotFound
	}
	if err != nil {
		return "", err
	}
	defer f.Close()
	head := make([]byte, headBytes)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return "", err
	}
	v, err := decodeHead(head[:n])
	if err != nil {
		return "", fmt.Errorf("%s %w", f.Name(), err)
	}
	return v.text(), nil
}

// Get reads the file.
func (s *Store) Get(ctx context.Context, key string) (r ha.Record, err error) {
	if err = ha.CheckKey(key); err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		return r, s.fail("read", key, err)
	}
	data, err := os.ReadFile(s.record(key))
	if errors.Is(err, fs.ErrNotExist) {
		err = ha.ErrNotFound
	}
	if err == nil {
		r, err = decode(data)
		if err != nil {
			err = fmt.Errorf("%s %w", s.record(key), err)
		}
	}
	return r, s.fail("read", key, err)
}

// List reads the names of the files, and their heads.
func (s *Store) List(ctx context.Context, prefix string) ([]ha.Entry, error) {
	entries, err := os.ReadDir(s.path("records"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var list []ha.Entry
	for _, e := range entries {
		key := strings.ReplaceAll(e.Name(), slash, "/")
		if _, temporary := durable.TempFor(e.Name()); temporary || !strings.HasPrefix(key, prefix) {
			continue
		}
		if err = context.Cause(ctx); err != nil {
			break
		}
		v, failed := s.version(key)
		if errors.Is(failed, ha.ErrNotFound) {
			continue // it was deleted meanwhile
		}
		if err = failed; err != nil {
			break
		}
		list = append(list, ha.Entry{Key: key, Version: v})
	}
	if err != nil {
		return nil, s.fail("list", prefix, err)
	}
	slices.SortFunc(list, func(a, b ha.Entry) int { return strings.Compare(a.Key, b.Key) })
	return list, nil
}
