package config

import (
	"errors"
	"fmt"
	"maps"
	"strings"
)

// Configuration is the values of some options. The zero value has none; a nil one can be read. It must
// not be changed by several goroutines.
type Configuration struct {
	values map[string]value // by the option's key
}

type value struct {
	parsed any
	text   string
	key    string // under which it was set
	from   string // where: "config.yaml:3", "-D", or "" for code
}

// Set sets the option with a key, or an alias of one.
func (c *Configuration) Set(key, text string) error { return c.set(key, text, "") }

func (c *Configuration) set(key, text, from string) error {
	v, o, err := parse(key, text)
	if err != nil {
		return err
	}
	v.from = from
	c.put(o, v)
	return nil
}

// SetPairs sets options given as key=value, by the -D of a command line. Later ones stand before
// earlier ones. All mistakes are reported together.
func (c *Configuration) SetPairs(pairs ...string) error {
	var errs []error
	for _, p := range pairs {
		key, text, ok := strings.Cut(p, "=")
		if !ok {
			errs = append(errs, fmt.Errorf("%q is not of the form key=value", p))
			continue
		}
		errs = append(errs, c.set(strings.TrimSpace(key), strings.TrimSpace(text), "-D"))
	}
	return errors.Join(errs...)
}

// Over sets what over has, in place of what c has.
func (c *Configuration) Over(over *Configuration) {
	if over == nil {
		return
	}
	if c.values == nil {
		c.values = map[string]value{}
	}
	maps.Copy(c.values, over.values)
}

func (c *Configuration) put(o *definition, v value) {
	if c.values == nil {
		c.values = map[string]value{}
	}
	c.values[o.Key] = v
}

// parse finds the option of a key and parses its value.
func parse(key, text string) (value, *definition, error) {
	o := find(key)
	if o == nil {
		return value{}, nil, unknown(key)
	}
	parsed, err := o.parse(text)
	if err != nil {
		return value{}, nil, fmt.Errorf("%s: %q is not %s", key, text, o.accepts)
	}
	return value{parsed: parsed, text: text, key: key}, o, nil
}

// Known reports whether there is an option with a key, or an alias of one.
func Known(key string) bool { return find(key) != nil }
