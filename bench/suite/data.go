package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/flott-dev/flott/internal/valuetext"
)

// A table is a file of the suite. Row i is a function of i alone, except for tables of changes, so that the files are the same
// wherever they are written.
type table struct {
	file string
	rows func(scale int64) int64
	// write returns a function that appends row i.
	write func(scale int64) func(b []byte, i int64) []byte
}

// tables are the files by the names that tables have in sql/tables.sql.
var tables = map[string]table{
	"impressions": {"impressions.json", whole, func(scale int64) func([]byte, int64) []byte { return impressionOf(scale) }},
	"clicks":      {"clicks.json", part(1, 5), func(int64) func([]byte, int64) []byte { return appendClick }},
	"ratings":     {"ratings.csv", whole, func(scale int64) func([]byte, int64) []byte { return ratingOf(scale) }},
	"movies":      {"movies.csv", part(1, 50), func(int64) func([]byte, int64) []byte { return appendMovie }},
	"sparse":      {"sparse.csv", whole, func(int64) func([]byte, int64) []byte { return appendSparse }},
	"ledger":      {"ledger.csv", whole, func(int64) func([]byte, int64) []byte { return appendLedger }},
	"logs":        {"logs.json", part(1, 2), func(int64) func([]byte, int64) []byte { return appendLog }},
	"orders":      {"orders.csv", whole, func(scale int64) func([]byte, int64) []byte { return orderOf(scale) }},
	"shipments":   {"shipments.csv", part(4, 5), func(int64) func([]byte, int64) []byte { return appendShipment }},
	"customers":   {"customers.csv", part(1, 10), func(int64) func([]byte, int64) []byte { return appendCustomer }},
	"rates":       {"rates.csv", part(1, 100), func(int64) func([]byte, int64) []byte { return appendRate }},
	"users":       {"users.debezium.json", whole, userChanges},
}

func whole(scale int64) int64 { return scale }

func part(n, of int64) func(int64) int64 {
	return func(scale int64) int64 { return max(1, scale*n/of) }
}

// generate writes the files of all tables that are not there yet.
func generate(ctx context.Context, dir string, scale int64) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, t := range tables {
		path := filepath.Join(dir, t.file)
		if _, err := os.Stat(path); err == nil {
			continue
		}
		if err := t.generate(ctx, path+".part", scale); err != nil {
			os.Remove(path + ".part")
			return fmt.Errorf("write %s: %w", path, err)
		}
		if err := os.Rename(path+".part", path); err != nil {
			return err
		}
	}
	return nil
}

func (t table) generate(ctx context.Context, path string, scale int64) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() {
		if e := f.Close(); err == nil {
			err = e
		}
	}()
	w, line, write := bufio.NewWriterSize(f, 1<<20), []byte(nil), t.write(scale)
	for i := range t.rows(scale) {
		if i%65536 == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		line = append(write(line[:0], i), '\n')
		if _, err := w.Write(line); err != nil {
			return err
		}
	}
	return w.Flush()
}

// dice gives numbers that depend on the table, the row and how many were asked for: splitmix64.
type dice uint64

func roll(table, i int64) dice {
	d := dice(uint64(table)<<56 ^ uint64(i)*0xd1342543de82ef95)
	d.next()
	return d
}

func (d *dice) next() uint64 {
	*d += 0x9e3779b97f4a7c15
	z := uint64(*d)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// below is uniform.
func (d *dice) below(n int64) int64 { return int64(d.next()>>1) % n }

// oneIn says yes once in n times.
func (d *dice) oneIn(n int64) bool { return d.below(n) == 0 }

// skewed is below n, and k about as often as 1/k, as in Zipf's law: it has a random number of bits.
func (d *dice) skewed(n int64) int64 {
	for {
		k := int64(1) << d.below(40)
		if k > n {
			continue
		}
		if k += d.below(k) - 1; k < n {
			return k
		}
	}
}

func (d *dice) of(words []string) string { return words[d.below(int64(len(words)))] }

// The first row is of 2024-01-01, in microseconds.
const (
	start  = 1704067200_000_000
	milli  = 1000
	second = 1000 * milli
)

// at is the time of row i of a table that has a row each step, out of order by up to four seconds.
func at(d *dice, i, step int64) int64 { return start + i*step + d.below(4000)*milli }

func appendTime(b []byte, t int64) []byte { return valuetext.AppendTimestamp(b, t, 0, ' ') }

func appendInt(b []byte, name string, v int64) []byte {
	return strconv.AppendInt(append(b, name...), v, 10)
}

// appendFixed appends a number with a fixed number of digits behind the point.
func appendFixed(b []byte, v, digits int64) []byte {
	scale := int64(1)
	for range digits {
		scale *= 10
	}
	b = append(strconv.AppendInt(b, v/scale, 10), '.')
	for scale /= 10; scale > 0; scale /= 10 {
		b = append(b, byte('0'+v/scale%10))
	}
	return b
}

// appendDigits appends a number of n digits.
func appendDigits(b []byte, d *dice, n int64) []byte {
	b = append(b, byte('1'+d.below(9)))
	for ; n > 9; n -= 9 {
		v := d.below(1_000_000_000)
		for scale := int64(100_000_000); scale > 0; scale /= 10 {
			b = append(b, byte('0'+v/scale%10))
		}
	}
	for ; n > 1; n-- {
		b = append(b, byte('0'+d.below(10)))
	}
	return b
}

var (
	systems   = []string{"android", "ios", "windows", "macos", "linux", "tv"}
	languages = []string{"en", "de", "fr", "es", "it", "pl", "zh", "ja", "ar", "pt"}
	topics    = []string{"sport", "news", "music", "film", "travel", "food", "games", "money", "health", "tech", "art", "kids"}
	genres    = []string{"Action", "Adventure", "Animation", "Comedy", "Crime", "Drama", "Fantasy", "Horror", "Musical", "Mystery", "Romance", "War", "Western"}
	levels    = []string{"DEBUG", "INFO", "INFO", "INFO", "INFO", "WARN", "ERROR"}
	words     = []string{
		"connection", "request", "opened", "closed", "retry", "socket", "cache", "miss", "hit", "payment", "order", "übertragen", "queue",
		"worker", "started", "finished", "the", "of", "and", "with", "after", "before", "timeout", "naïve", "index", "page", "batch", "reading", "writing",
	}
	cities     = []string{"Berlin", "Paris", "Madrid", "Roma", "Wien", "København", "Zürich", "Praha", "Łódź", "London", "Dublin", "Oslo"}
	currencies = []string{"EUR", "USD", "GBP", "JPY", "CHF", "SEK", "NOK", "DKK", "PLN", "CZK", "HUF", "CAD", "AUD", "NZD", "CNY", "INR"}
	carriers   = []string{"post", "ups", "dhl", "bike", "drone"}
	segments   = []string{"gold", "silver", "silver", "bronze", "bronze", "bronze"}
)

// Advertisements: an impression every 50 ms, and a click on each fifth within half a minute.

const impressionStep = 50 * milli

func impressionTime(i int64) int64 {
	d := roll(1, i)
	return at(&d, i, impressionStep)
}

func impressionOf(scale int64) func([]byte, int64) []byte {
	return func(b []byte, i int64) []byte { return appendImpression(b, i, scale) }
}

func appendImpression(b []byte, i, scale int64) []byte {
	d := roll(1, i)
	b = append(appendTime(append(appendInt(b, `{"id": `, i), `, "ts": "`...), at(&d, i, impressionStep)), '"')
	if d.oneIn(20) {
		b = append(b, `, "user_id": null`...)
	} else {
		b = appendInt(b, `, "user_id": `, d.skewed(scale/10))
	}
	b = appendInt(b, `, "campaign": `, d.skewed(1000))
	b = append(appendInt(b, `, "site": "site-`, d.skewed(5000)), `.example"`...)
	if d.oneIn(30) {
		b = append(b, `, "device": null`...)
	} else {
		b = append(append(append(b, `, "device": {"os": "`...), d.of(systems)...), '"')
		b = append(appendInt(b, `, "model": "m-`, d.skewed(300)), '"')
		b = append(appendInt(appendInt(b, `, "version": {"major": `, d.below(20)), `, "minor": `, d.below(100)), `}}`...)
	}
	b = append(b, `, "tags": [`...)
	for k := range d.below(5) {
		if k > 0 {
			b = append(b, ", "...)
		}
		b = append(append(append(b, '"'), d.of(topics)...), '"')
	}
	b = append(append(append(b, `], "props": {"lang": "`...), d.of(languages)...), '"')
	if d.oneIn(3) {
		b = append(appendInt(b, `, "slot": "s`, d.below(8)), '"')
	}
	b = append(b, `}, "items": [`...)
	for k := range 1 + d.below(3) {
		if k > 0 {
			b = append(b, ", "...)
		}
		b = append(appendInt(b, `{"sku": "sku-`, d.below(20_000)), `", "price": `...)
		b = append(appendInt(appendFixed(b, d.below(100_000), 2), `, "qty": `, 1+d.below(9)), '}')
	}
	return append(appendFixed(append(b, `], "cost": `...), d.below(50_000), 4), '}')
}

func appendClick(b []byte, i int64) []byte {
	d := roll(2, i)
	impression := 5*i + d.below(5)
	b = appendTime(append(appendInt(b, `{"impression": `, impression), `, "ts": "`...), impressionTime(impression)+d.below(30_000)*milli)
	return append(appendInt(b, `", "position": `, d.skewed(50)), '}')
}

// Ratings of films, with the popularity of films and the diligence of users skewed.

func ratingOf(scale int64) func([]byte, int64) []byte {
	return func(b []byte, i int64) []byte {
		d := roll(3, i)
		b = appendInt(b, "", d.skewed(max(1, scale/20)))
		b = append(appendInt(b, ",", d.skewed(max(1, scale/50))), ',')
		return appendTime(append(appendFixed(b, 5*(1+d.below(10)), 1), ','), at(&d, i, 200*milli))
	}
}

func appendMovie(b []byte, i int64) []byte {
	d := roll(4, i)
	b = append(appendInt(b, "", i), ',')
	for k := range 2 + d.below(4) {
		if k > 0 {
			b = append(b, ' ')
		}
		b = append(b, d.of(words)...)
	}
	b = append(appendInt(b, ",", 1930+d.below(95)), ',')
	for k := range 1 + d.below(4) {
		if k > 0 {
			b = append(b, '|')
		}
		b = append(b, d.of(genres)...)
	}
	return b
}

// Rows most of whose columns may be NULL, which is an empty value.
func appendSparse(b []byte, i int64) []byte {
	d := roll(5, i)
	b = append(appendInt(b, "", i), ',')
	if !d.oneIn(3) {
		b = appendInt(b, "", d.skewed(100_000))
	}
	b = append(b, ',')
	if !d.oneIn(2) {
		b = strconv.AppendBool(b, d.oneIn(2))
	}
	b = append(b, ',')
	if !d.oneIn(2) {
		b = appendInt(b, "", d.below(2001)-1000)
	}
	b = append(b, ',')
	if !d.oneIn(4) {
		b = appendInt(b, "", int64(d.next()>>8)-1<<54)
	}
	b = append(b, ',')
	if !d.oneIn(3) {
		b = append(appendInt(append(b, d.of(cities)...), "-", d.below(100)), d.of(words)...)
	}
	b = append(b, ',')
	if !d.oneIn(2) {
		b = appendFixed(b, d.below(1_000_000_000), 6)
	}
	b = append(b, ',')
	if !d.oneIn(3) {
		b = valuetext.AppendDate(b, 10_000+d.below(12_000))
	}
	b = append(b, ',')
	if !d.oneIn(2) {
		b = appendTime(b, at(&d, i, 100*milli))
	}
	return b
}

// Entries of accounts with decimals of all lengths.
func appendLedger(b []byte, i int64) []byte {
	d := roll(6, i)
	b = append(appendInt(appendInt(b, "", i), ",", d.skewed(50_000)), ',')
	if d.oneIn(3) {
		b = append(b, '-')
	}
	b = append(appendDigits(b, &d, 1+d.skewed(22)), '.')
	b = append(appendDigits(b, &d, 10), ',')
	b = append(appendInt(b, "", d.below(10)), '.')
	b = append(appendDigits(b, &d, 18), ',')
	b = append(append(appendFixed(b, d.below(10_000_000), 4), ','), d.of(currencies)...)
	return b
}

// Lines of a log: long texts, an address, and JSON inside of a text.
func appendLog(b []byte, i int64) []byte {
	d := roll(7, i)
	b = append(appendTime(append(b, `{"ts": "`...), at(&d, i, 100*milli)), `", "level": "`...)
	b = append(appendInt(append(b, d.of(levels)...), `", "host": "host-`, d.skewed(500)), '"')
	b = append(append(append(b, `, "url": "https://www.`...), d.of(topics)...), `.example/`...)
	for range 1 + d.below(4) {
		b = append(append(b, d.of(topics)...), '/')
	}
	b = append(appendInt(appendInt(b, `page.html?user=`, d.skewed(100_000)), `&session=`, d.below(1<<40)), `#top"`...)
	b = append(appendInt(appendInt(b, `, "agent": "Mozilla/5.0 (X11; Linux x86_64; rv:`, 90+d.below(40)), `.0) Gecko/20100101 Firefox/`, 90+d.below(40)), `.0"`...)
	b = appendInt(b, `, "message": "`, d.below(1000))
	for range 20 + d.skewed(150) {
		b = append(append(b, ' '), d.of(words)...)
	}
	b = append(appendInt(appendInt(b, ` user=`, d.skewed(100_000)), ` took `, d.skewed(30_000)), ` ms"`...)
	b = append(appendInt(b, `, "payload": "{\"user\": {\"id\": `, d.skewed(100_000)), `, \"city\": \"`...)
	b = append(append(b, d.of(cities)...), `\"}, \"items\": [`...)
	for k := range d.below(6) {
		if k > 0 {
			b = append(b, ", "...)
		}
		b = appendInt(b, "", d.below(1000))
	}
	b = strconv.AppendBool(append(b, `], \"ok\": `...), !d.oneIn(10))
	if d.oneIn(4) {
		b = append(appendInt(b, `, \"error\": {\"code\": `, 400+d.below(120)), `, \"text\": \"bad\"}`...)
	}
	return append(b, `}"}`...)
}

// Orders, an order every 50 ms; four of five are shipped within an hour; and rates that change.

const orderStep = 50 * milli

func orderTime(i int64) int64 {
	d := roll(8, i)
	return at(&d, i, orderStep)
}

func orderOf(scale int64) func([]byte, int64) []byte {
	return func(b []byte, i int64) []byte {
		d := roll(8, i)
		t := at(&d, i, orderStep)
		b = appendInt(b, "", i)
		b = appendInt(b, ",", d.skewed(max(1, scale/8))) // some of no customer that there is
		b = append(append(append(appendInt(b, ",product-", d.below(1000)), ','), d.of(currencies)...), ',')
		b = appendInt(appendFixed(b, d.below(1<<d.below(34)+1), 4), ",", 1+d.below(20))
		return appendTime(append(b, ','), t)
	}
}

func appendShipment(b []byte, i int64) []byte {
	d := roll(9, i)
	order := i/4*5 + i%4 // without each fifth
	b = append(append(append(appendInt(b, "", order), ','), d.of(carriers)...), ',')
	return appendTime(b, orderTime(order)+d.below(3600)*second)
}

func appendCustomer(b []byte, i int64) []byte {
	d := roll(10, i)
	b = append(append(append(appendInt(b, "", i), ','), d.of(segments)...), ',')
	if !d.oneIn(10) {
		b = append(b, d.of(cities)...)
	}
	return appendInt(b, ",customer ", i)
}

func appendRate(b []byte, i int64) []byte {
	d := roll(11, i)
	b = append(append(b, currencies[i%int64(len(currencies))]...), ',')
	b = append(appendFixed(b, 1+d.below(100_000_000_000), 10), ',')
	return appendTime(b, start+i*100*orderStep)
}

// userChanges writes what a database says about its table of users: rows that are created, changed and deleted.
func userChanges(scale int64) func([]byte, int64) []byte {
	versions := make([]int64, max(1, scale/4)) // the version that a user has; 0 is none
	last := make([]int64, len(versions))       // the greatest version that a user has had
	return func(b []byte, i int64) []byte {
		d := roll(12, i)
		id := d.below(int64(len(versions)))
		if d.oneIn(3) {
			id = d.skewed(int64(len(versions)))
		}
		old := versions[id]
		now, op := last[id]+1, byte('u')
		switch {
		case old == 0:
			op = 'c'
		case d.oneIn(10):
			now, op = 0, 'd'
		}
		b = appendUser(append(b, `{"before": `...), id, old)
		b = appendUser(append(b, `, "after": `...), id, now)
		b = append(append(append(b, `, "op": "`...), op), '"')
		versions[id], last[id] = now, max(last[id], now)
		b = appendInt(b, `, "source": {"db": "shop", "table": "users", "pos": `, 1000+i)
		return append(appendInt(b, `}, "ts_ms": `, (start+i*milli)/milli), '}')
	}
}

func appendUser(b []byte, id, version int64) []byte {
	if version == 0 {
		return append(b, "null"...)
	}
	d := roll(13, id)
	b = append(appendInt(appendInt(b, `{"id": `, id), `, "name": "user `, id), `", "city": `...)
	v := roll(14, id<<20|version)
	if v.oneIn(10) {
		b = append(b, "null"...)
	} else {
		b = append(append(append(b, '"'), v.of(cities)...), '"')
	}
	b = append(appendFixed(append(b, `, "balance": `...), v.below(1<<v.below(40)+1), 4), `, "level": `...)
	b = append(appendInt(b, "", v.skewed(100)), `, "since": "`...)
	return append(appendTime(b, start-d.below(100_000_000)*second), `"}`...)
}
