package nexmark

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
	"unsafe"

	vectors "github.com/flott-dev/flott/column"
	conf "github.com/flott-dev/flott/config"
	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/connect/datagen"
	"github.com/flott-dev/flott/row"
)

// The options of tables of events.
var (
	eventsOption = conf.Int(conf.Doc{
		Key: "events.num", Default: "0", Text: "How many events are made; 0 makes them without end.",
	}, 0, math.MaxInt)
	rateOption = conf.Int(conf.Doc{
		Key: "first-event.rate", Aliases: []string{"next-event.rate"}, Default: "100000", Text: "How many events are in a second of event time.",
	}, 1, math.MaxInt)
	pacedOption = conf.Bool(conf.Doc{
		Key: "paced", Default: "false", Text: "Makes each event appear when it is due, in processing time. By default they come as fast as they are taken.",
	})
	seedOption    = conf.Int(conf.Doc{Key: "seed", Default: "1", Text: "Selects the random numbers."}, 1, math.MaxInt)
	variantOption = conf.Int(conf.Doc{Key: "variant", Default: "0", Text: "0 is the benchmark's definition; others change the distributions."}, 0, math.MaxInt)
	timeOption    = conf.Int(conf.Doc{
		Key: "base-time", Default: "1704067200000", Text: "The time of the first event, in milliseconds since 1970.",
	}, 1, math.MaxInt)
)

var base = connect.TableFactory{
	Name:    "nexmark",
	Options: conf.Set{eventsOption, rateOption, pacedOption, seedOption, variantOption, timeOption, datagen.ScanParallelism},
}

// Table is the connector 'nexmark' of SQL: the events of this package in the columns event_type INT,
// person, auction and bid, which are ROWs of the fields of Person, Auction and Bid, or of some of them.
// A table may leave columns out. Only what it has, and a query reads, is made.
var Table = connect.TableFactory{
	Name: base.Name, Options: base.Options,
	NewSource: func(t *connect.TableSpec) (connect.TableSource, error) { return newTable(t) },
}

// leaf is a field of a part of events: its type, and where it is in an Event.
type leaf struct {
	name   string
	bit    Fields
	kind   row.Kind
	offset uintptr
}

func numberLeaf(name string, bit Fields, at func(e *Event) *int64) leaf {
	return leaf{name, bit, row.BigInt, offsetOf(at)}
}

func timeLeaf(name string, bit Fields, at func(e *Event) *int64) leaf {
	return leaf{name, bit, row.Timestamp, offsetOf(at)}
}

func textLeaf(name string, bit Fields, at func(e *Event) *string) leaf {
	return leaf{name, bit, row.Varchar, offsetOf(at)}
}

func offsetOf[T any](at func(e *Event) *T) uintptr {
	var e Event
	return uintptr(unsafe.Pointer(at(&e))) - uintptr(unsafe.Pointer(&e))
}

// fieldAt is the field of an event at an offset.
func fieldAt[T any](e *Event, offset uintptr) *T { return (*T)(unsafe.Add(unsafe.Pointer(e), offset)) }

// append appends the field of some events, whose parts are zero in events of other kinds.
//
//flott:hot
func (l *leaf) append(v *vectors.Vector, events []Event) {
	first := v.N
	switch l.kind {
	case row.BigInt:
		v.Extend(len(events))
		for i := range events {
			v.I64[first+i] = *fieldAt[int64](&events[i], l.offset)
		}
	case row.Timestamp:
		v.Extend(len(events))
		for i := range events {
			v.I64[first+i] = *fieldAt[int64](&events[i], l.offset) * 1000
		}
	default:
		data, off := v.Data, v.Off
		for i := range events {
			data = append(data, *fieldAt[string](&events[i], l.offset)...)
			off = append(off, uint32(len(data)))
		}
		v.Data, v.Off = data, off
		v.Extend(len(events))
	}
}

// parts has the columns other than event_type.
var parts = map[string]struct {
	kind   Kind
	leaves []leaf
}{
	"person": {KindPerson, []leaf{
		numberLeaf("id", PersonID, func(e *Event) *int64 { return &e.Person.ID }),
		textLeaf("name", PersonName, func(e *Event) *string { return &e.Person.Name }),
		textLeaf("emailAddress", PersonEmailAddress, func(e *Event) *string { return &e.Person.EmailAddress }),
		textLeaf("creditCard", PersonCreditCard, func(e *Event) *string { return &e.Person.CreditCard }),
		textLeaf("city", PersonCity, func(e *Event) *string { return &e.Person.City }),
		textLeaf("state", PersonState, func(e *Event) *string { return &e.Person.State }),
		timeLeaf("dateTime", PersonDateTime, func(e *Event) *int64 { return &e.Person.DateTime }),
		textLeaf("extra", PersonExtra, func(e *Event) *string { return &e.Person.Extra }),
	}},
	"auction": {KindAuction, []leaf{
		numberLeaf("id", AuctionID, func(e *Event) *int64 { return &e.Auction.ID }),
		textLeaf("itemName", AuctionItemName, func(e *Event) *string { return &e.Auction.ItemName }),
		textLeaf("description", AuctionDescription, func(e *Event) *string { return &e.Auction.Description }),
		numberLeaf("initialBid", AuctionInitialBid, func(e *Event) *int64 { return &e.Auction.InitialBid }),
		numberLeaf("reserve", AuctionReserve, func(e *Event) *int64 { return &e.Auction.Reserve }),
		timeLeaf("dateTime", AuctionDateTime, func(e *Event) *int64 { return &e.Auction.DateTime }),
		timeLeaf("expires", AuctionExpires, func(e *Event) *int64 { return &e.Auction.Expires }),
		numberLeaf("seller", AuctionSeller, func(e *Event) *int64 { return &e.Auction.Seller }),
		numberLeaf("category", AuctionCategory, func(e *Event) *int64 { return &e.Auction.Category }),
		textLeaf("extra", AuctionExtra, func(e *Event) *string { return &e.Auction.Extra }),
	}},
	"bid": {KindBid, []leaf{
		numberLeaf("auction", BidAuction, func(e *Event) *int64 { return &e.Bid.Auction }),
		numberLeaf("bidder", BidBidder, func(e *Event) *int64 { return &e.Bid.Bidder }),
		numberLeaf("price", BidPrice, func(e *Event) *int64 { return &e.Bid.Price }),
		textLeaf("channel", BidChannel, func(e *Event) *string { return &e.Bid.Channel }),
		textLeaf("url", BidURL, func(e *Event) *string { return &e.Bid.URL }),
		timeLeaf("dateTime", BidDateTime, func(e *Event) *int64 { return &e.Bid.DateTime }),
		textLeaf("extra", BidExtra, func(e *Event) *string { return &e.Bid.Extra }),
	}},
}

// part is a column of a table.
type part struct {
	row.Field
	kind   Kind
	leaves []leaf // nil for event_type
}

func (p *part) bits() (f Fields) {
	for _, l := range p.leaves {
		f |= l.bit
	}
	return f
}

type table struct {
	schema *row.Schema
	parts  []part
	cfg    Config
	paced  bool

	readers int // 0: the job's parallelism
}

// Readers implements connect.Parallel.
func (s *table) Readers(most int) (int, error) { return cmp.Or(s.readers, most), nil }

// Size implements connect.Sized.
func (s *table) Size() (rows int64, ok bool) { return s.cfg.Events, s.Bounded() }

func newTable(t *connect.TableSpec) (connect.TableSource, error) {
	o, err := base.Parse(t)
	if err != nil {
		return nil, err
	}
	c := o.Connector
	s := &table{schema: t.Schema, paced: pacedOption.Get(c), cfg: Config{
		Seed: int64(seedOption.Get(c)), BaseMillis: int64(timeOption.Get(c)), RatePerSecond: int64(rateOption.Get(c)),
		Variant: variantOption.Get(c), Events: int64(eventsOption.Get(c)),
	}}
	s.readers, _ = datagen.ScanParallelism.Lookup(c) // 0 where it is not set
	var errs []error
	for _, f := range t.Schema.Fields {
		p, err := newPart(f)
		s.parts, errs = append(s.parts, p), append(errs, err)
	}
	if err := errors.Join(append(errs, s.cfg.Validate())...); err != nil {
		return nil, fmt.Errorf("table %s, connector 'nexmark': %w", t.Name, err)
	}
	return s, nil
}

func newPart(f row.Field) (p part, err error) {
	p.Field = f
	if f.Name == "event_type" {
		if f.Type.Kind != row.Int {
			err = fmt.Errorf("column event_type is of type %s, want INT", f.Type)
		}
		return p, err
	}
	of, ok := parts[f.Name]
	if !ok {
		return p, fmt.Errorf("there is no column %s; there are event_type, person, auction and bid", f.Name)
	}
	if f.Type.Kind != row.Row {
		return p, fmt.Errorf("column %s is of type %s, want ROW", f.Name, f.Type)
	}
	p.kind = of.kind
	for _, field := range f.Type.Fields {
		i := slices.IndexFunc(of.leaves, func(l leaf) bool { return l.name == field.Name })
		if i < 0 {
			var names []string
			for _, l := range of.leaves {
				names = append(names, l.name)
			}
			return p, fmt.Errorf("column %s has no field %s; it has %s", f.Name, field.Name, strings.Join(names, ", "))
		}
		l := of.leaves[i]
		if field.Type.Kind != l.kind {
			return p, fmt.Errorf("field %s of column %s is of type %s, want %s", field.Name, f.Name, field.Type, l.kind)
		}
		p.leaves = append(p.leaves, l)
	}
	return p, nil
}

func (s *table) Bounded() bool          { return s.cfg.Events > 0 }
func (s *table) Kinds() row.ChangeKinds { return row.InsertOnly }
func (s *table) Nested() bool           { return true }

// eventsAtOnce are as many as fit into the first-level cache.
const eventsAtOnce = 64

// Scan makes a source of some of the columns.
func (s *table) Scan(scan connect.Scan) (connect.ColumnSource, error) {
	columns := s.parts
	if scan.Project != nil {
		columns = nil
		for i := range scan.Project {
			p, err := newPart(scan.Field(s.schema, i))
			if err != nil {
				return nil, err
			}
			columns = append(columns, p)
		}
	}
	schema, fields := &row.Schema{}, NoFields
	for i := range columns {
		schema.Fields = append(schema.Fields, columns[i].Field)
		fields |= columns[i].bits()
	}
	gen := datagen.Options{Count: s.cfg.Events}
	if s.paced {
		gen.PerSecond, gen.Start = s.cfg.RatePerSecond, time.UnixMilli(s.cfg.BaseMillis)
	}
	tables := NewTables(s.cfg)
	return datagen.Columns(schema, func(connect.ReaderContext) (datagen.FillColumns, error) {
		g := tables.Generator()
		var some [eventsAtOnce]Event
		return func(first, step int64, n int, cols []*vectors.Vector) {
			for n > 0 {
				events := some[:min(n, len(some))]
				g.GenerateBatch(first, step, fields, events)
				for i, v := range cols {
					columns[i].append(v, events)
				}
				first += int64(len(events)) * step
				n -= len(events)
			}
		}, nil
	}, gen), nil
}

// append appends the column of some events. It is NULL for those of other kinds.
//
//flott:hot
func (p *part) append(v *vectors.Vector, events []Event) {
	first := v.N
	v.Extend(len(events))
	if p.leaves == nil {
		for i := range events {
			v.I32[first+i] = int32(events[i].Kind)
		}
		return
	}
	for k := range p.leaves {
		p.leaves[k].append(v.Children[k], events)
	}
	for i := range events {
		if events[i].Kind != p.kind {
			v.SetNull(first + i)
		}
	}
}
