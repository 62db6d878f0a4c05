package nexmark

import (
	"errors"
	"fmt"
)

// Config says which events are made. The zero value makes those of the benchmark.
type Config struct {
	// Seed selects the random numbers. Zero means 1.
	Seed int64

	// BaseMillis is the time of event 0 in milliseconds since 1970. Zero means 2024-01-01 00:00:00
	// UTC, 1704067200000.
	BaseMillis int64

	// RatePerSecond is the number of events in one second of event time. Zero means 100,000.
	RatePerSecond int64

	// Variant 0 is the benchmark's definition. Any other number changes hot ratios, alphabets,
	// names and seed, and shuffles the events so that none moves by more than three seconds of
	// event time.
	Variant int

	// Events is the length of the run. It matters to the shuffling of variants only: with it, the
	// first Events events are a permutation of themselves. Zero means without end.
	Events int64
}

// Validate reports every field that has no meaning, all at once.
func (c Config) Validate() error {
	var errs []error
	check := func(ok bool, field string, value int64) {
		if !ok {
			errs = append(errs, fmt.Errorf("nexmark: %s is %d, want 0 or more", field, value))
		}
	}
	check(c.RatePerSecond >= 0, "RatePerSecond", c.RatePerSecond)
	check(c.Variant >= 0, "Variant", int64(c.Variant))
	check(c.Events >= 0, "Events", c.Events)
	return errors.Join(errs...)
}

// withDefaults replaces zeros by what they stand for.
func (c Config) withDefaults() Config {
	if c.Seed == 0 {
		c.Seed = 1
	}
	if c.BaseMillis == 0 {
		c.BaseMillis = 1_704_067_200_000
	}
	if c.RatePerSecond == 0 {
		c.RatePerSecond = 100_000
	}
	return c
}
