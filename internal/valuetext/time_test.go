package valuetext

import (
	"math/rand/v2"
	"testing"
	"time"
)

// TestTimestampQuickAndSlow changes single bytes of timestamps and compares the reading of eight bytes
// at a time with that of single ones.
func TestTimestampQuickAndSlow(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 200_000 {
		at := time.Unix(r.Int64N(8e9)-3e9, 0).UTC()
		b := []byte(at.Format("2006-01-02 15:04:05"))
		if r.IntN(3) > 0 {
			b[r.IntN(len(b))] = byte(r.IntN(256))
		}
		year, month, day, seconds, ok := plainTimestamp(b, ' ')
		days := Days(year, month, day)
		slowDays, n := date(b, true)
		slow, slowOK := int64(0), false
		if n == 10 && b[10] == ' ' {
			slow, slowOK = clock(b[11:], SQL)
		}
		if _, _, want := Timestamp(b, ' ', SQL); IsTimestamp(b, ' ', SQL) != want {
			t.Fatalf("%q: it is a timestamp, or not: %v", b, !want)
		}
		if ok && (!slowOK || days != slowDays || seconds*1_000_000_000 != slow) {
			t.Fatalf("%q: %d %d, want %d %d %v", b, days, seconds, slowDays, slow, slowOK)
		}
		if !ok && slowOK && at.Day() <= 28 && string(b) == at.Format("2006-01-02 15:04:05") {
			t.Fatalf("%q is not read quickly", b)
		}
	}
}

func TestDatesThereAndBack(t *testing.T) {
	for days := int64(-800_000); days < 3_000_000; days += 97 {
		text := AppendDate(nil, days)
		got, ok := Date(text)
		if !ok || int64(got) != days {
			t.Fatalf("day %d is %s, which is day %d", days, text, got)
		}
		if sql, ok := SQLDate(text); len(text) == 10 && text[0] != '-' && (!ok || int64(sql) != days) {
			t.Fatalf("%s is day %d, want %d", text, sql, days)
		}
	}
}

func TestTimestamps(t *testing.T) {
	for _, c := range []struct {
		text   string
		clock  Clock
		micros int64
		nanos  int32
		ok     bool
	}{
		{"1970-01-01 00:00:00", SQL, 0, 0, true},
		{"1969-12-31 23:59:59.9999999", SQL, -1, 900, true},
		{"1970-01-01 24:00:00", SQL, 86_400_000_000, 0, true},
		{"1970-01-01 24:00:00", ISO, 0, 0, false},
		{"1970-01-01 24:00:01", SQL, 0, 0, false},
		{"1970-02-31 00:00:00", SQL, 58 * 86_400_000_000, 0, true},
		{"1970-02-31 00:00:00", ISO, 0, 0, false},
		{"1970-01-01 00:00", ISO, 0, 0, true},
		{"1970-01-01 00:00", SQL, 0, 0, false},
		{"1970-01-01 00:00:00.", SQL, 0, 0, true},
		{"1970-01-01 00:00:00.1234567891", SQL, 0, 0, false},
		{"1970-01-01 00:00:60", SQL, 0, 0, false},
		{"+10000-01-01 00:00:00", SQL, 253402300800000000, 0, true},
	} {
		micros, nanos, ok := Timestamp([]byte(c.text), ' ', c.clock)
		if ok != c.ok || ok && (micros != c.micros || nanos != c.nanos) {
			t.Errorf("%s: %d %d %v, want %d %d %v", c.text, micros, nanos, ok, c.micros, c.nanos, c.ok)
		}
	}
	if m, n := Cut(-1, 999, 3); m != -1000 || n != 0 {
		t.Errorf("cut to milliseconds: %d %d", m, n)
	}
	if m, n := Cut(5, 999, 7); m != 5 || n != 900 {
		t.Errorf("cut to tenths of microseconds: %d %d", m, n)
	}
	if got := string(AppendTimestamp(nil, -1, 900, 'T')); got != "1969-12-31T23:59:59.9999999" {
		t.Errorf("it is written %s", got)
	}
}
