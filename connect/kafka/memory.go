package kafka

import (
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"
)

// memory keeps the memory of records that were read for those that are fetched next: without it, a good part of what fetching costs is
// allocation and collection.
type memory struct{ bytes, records sync.Pool }

// GetDecompressBytes is memory for the records of a batch; where there is none, or too little, the client makes some.
func (m *memory) GetDecompressBytes([]byte, kgo.CompressionCodecType) []byte {
	if b, _ := m.bytes.Get().(*[]byte); b != nil {
		return *b
	}
	return nil
}

// PutDecompressBytes takes it back.
func (m *memory) PutDecompressBytes(b []byte) { m.bytes.Put(&b) }

// GetRecords is memory for n records.
func (m *memory) GetRecords(n int) []kgo.Record {
	if r, _ := m.records.Get().(*[]kgo.Record); r != nil && cap(*r) >= n {
		return (*r)[:n]
	}
	return make([]kgo.Record, n)
}

// PutRecords takes it back.
func (m *memory) PutRecords(r []kgo.Record) { m.records.Put(&r) }
