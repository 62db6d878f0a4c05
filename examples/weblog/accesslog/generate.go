package accesslog

import (
	"errors"
	"fmt"
	"strconv"
	"time"
)

// Config says which entries are made. The zero value is useful.
type Config struct {
	// Seed selects the random numbers. Zero means 1.
	Seed int64
	// Start is the time of entry 0. Zero means 2024-01-01 00:00:00 UTC.
	Start time.Time
	// PerSecond is the number of entries in a second of the log. Zero means 100.
	PerSecond int64
	// Late is the longest time by which entries are out of order. Zero means in order.
	Late time.Duration
	// Hosts is the number of clients; a few of them send most requests. Zero means 1000.
	Hosts int64
}

// Validate reports every field that has no meaning, all at once.
func (c Config) Validate() error {
	var errs []error
	check := func(ok bool, field string, value any) {
		if !ok {
			errs = append(errs, fmt.Errorf("accesslog: %s is %v, want 0 or more", field, value))
		}
	}
	check(c.PerSecond >= 0, "PerSecond", c.PerSecond)
	check(c.Late >= 0, "Late", c.Late)
	check(c.Hosts >= 0, "Hosts", c.Hosts)
	return errors.Join(errs...)
}

func (c Config) withDefaults() Config {
	if c.Seed == 0 {
		c.Seed = 1
	}
	if c.Start.IsZero() {
		c.Start = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	if c.PerSecond == 0 {
		c.PerSecond = 100
	}
	if c.Hosts == 0 {
		c.Hosts = 1000
	}
	return c
}

// Generate returns the function that makes entry n of a log. It returns the same for the same n,
// and any goroutine may call it: it is what datagen.Source wants.
func Generate(cfg Config) (func(n int64) Entry, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	c := cfg.withDefaults()
	return func(n int64) Entry { return c.entry(n) }, nil
}

// draws is a stream of random numbers.
type draws uint64

func (d *draws) next() uint64 {
	*d += 0x9e3779b97f4a7c15
	z := uint64(*d)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// below is a number in [0, n).
func (d *draws) below(n int64) int64 { return int64(d.next() % uint64(n)) }

// skewed is a number in [0, n), small ones far more often than large ones.
func (d *draws) skewed(n int64) int64 { return d.below(d.below(d.below(n)+1) + 1) }

func pick[T any](d *draws, from []T) T { return from[d.below(int64(len(from)))] }

var (
	sections = []string{"", "shop", "news", "help", "img", "api/v1/items", "static"}
	endings  = []string{"", ".html", ".png", ".css", ".json"}
	methods  = []string{"GET", "GET", "GET", "GET", "GET", "GET", "POST", "HEAD"}
	statuses = []int{200, 200, 200, 200, 200, 200, 200, 200, 304, 302, 404, 404, 500}
	referers = []string{"", "", "https://www.example.com/", "https://search.example.org/?q=flott"}
	agents   = []string{
		"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X)", "curl/8.5.0", "Robot/1.0 (\"polite\")",
	}
)

func (c *Config) entry(n int64) Entry {
	d := draws(uint64(c.Seed)*0xd1342543de82ef95 ^ uint64(n)*0xaf251af3b0f025b5)
	at := c.Start.Add(time.Duration(n / c.PerSecond * int64(time.Second)))
	at = at.Add(time.Duration(n % c.PerSecond * int64(time.Second) / c.PerSecond))
	if c.Late > 0 {
		at = at.Add(-time.Duration(d.below(int64(c.Late) + 1)))
	}
	host := d.skewed(c.Hosts)
	e := Entry{
		Host: "10." + strconv.FormatInt(host>>16&255, 10) + "." + strconv.FormatInt(host>>8&255, 10) +
			"." + strconv.FormatInt(host&255, 10),
		Time: at.Truncate(time.Second), Method: pick(&d, methods), Protocol: "HTTP/1.1",
		Status: pick(&d, statuses), Referer: pick(&d, referers), Agent: pick(&d, agents),
	}
	if d.below(20) == 0 {
		e.User = "user" + strconv.FormatInt(host, 10)
	}
	e.Path = "/" + pick(&d, sections) + "/" + strconv.FormatInt(d.skewed(500), 10) + pick(&d, endings)
	if e.Status == 200 && e.Method != "HEAD" {
		e.Bytes = 100 + d.skewed(100_000)
	}
	return e
}
