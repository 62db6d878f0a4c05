package config_test

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/flott-dev/flott/config"
)

func mustParse(t *testing.T, text string) *config.Configuration {
	t.Helper()
	c, err := config.Parse("config.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// value sets an option to a text and returns what it is.
func value[T any](o *config.Option[T], text string) any {
	var c config.Configuration
	if err := c.Set(o.Key, text); err != nil {
		return err
	}
	return o.Get(&c)
}

func TestValues(t *testing.T) {
	for _, c := range []struct {
		got, want any
	}{
		{value(config.CheckpointInterval, "10 s"), 10 * time.Second},
		{value(config.CheckpointInterval, "10s"), 10 * time.Second},
		{value(config.CheckpointInterval, "1min"), time.Minute},
		{value(config.CheckpointInterval, "2 Hours"), 2 * time.Hour},
		{value(config.CheckpointInterval, "1 d"), 24 * time.Hour},
		{value(config.CheckpointInterval, "250"), 250 * time.Millisecond},
		{value(config.CheckpointInterval, "5 µs"), 5 * time.Microsecond},
		{value(config.CheckpointInterval, "7 nanoseconds"), 7 * time.Nanosecond},
		{value(config.StateMemory, "64mb"), int64(64 << 20)},
		{value(config.StateMemory, "1 g"), int64(1 << 30)},
		{value(config.StateMemory, "100"), int64(100)},
		{value(config.StateMemory, "3 kibibytes"), int64(3 << 10)},
		{value(config.Parallelism, "8"), 8},
		{value(config.ExponentialMultiplier, "2.5"), 2.5},
		{value(config.Unaligned, "TRUE"), true},
		{value(config.StateBackend, "rocksdb"), "pebble"},
		{value(config.RestartStrategy, "Off"), "none"},
		{value(config.RestartStrategy, "exponentialdelay"), "exponential-delay"},
		{value(config.CheckpointMode, "at-least-once"), "AT_LEAST_ONCE"},
		{value(config.Params, "a:1, b:x:y;c:"), map[string]string{"a": "1", "b": "x:y", "c": ""}},
		{value(config.CheckpointDir, "s3://a/b"), "s3://a/b"},
	} {
		if !reflect.DeepEqual(c.got, c.want) {
			t.Errorf("got %v, want %v", c.got, c.want)
		}
	}
}

func TestWrongValues(t *testing.T) {
	for _, c := range []struct {
		got  any
		want string
	}{
		{value(config.CheckpointInterval, "PT10S"), `execution.checkpointing.interval: "PT10S" is not a duration`},
		{value(config.CheckpointInterval, "1.5 s"), "such as 10 s"},
		{value(config.CheckpointInterval, "-1 s"), "a duration"},
		{value(config.CheckpointInterval, "10 ss"), "a duration"},
		{value(config.CheckpointInterval, "9999999 d"), "a duration"},
		{value(config.StateMemory, "64 mbit"), `"64 mbit" is not a size of memory`},
		{value(config.StateMemory, "0"), "at least one byte"},
		{value(config.Parallelism, "0"), `parallelism.default: "0" is not a whole number of at least 1`},
		{value(config.MaxParallelism, "40000"), "from 1 to 32768"},
		{value(config.ExponentialJitter, "NaN"), "a number from 0 to 1"},
		{value(config.Unaligned, "yes"), "true or false"},
		{value(config.StateBackend, "forst"), `state.backend.type: "forst" is not one of hashmap, pebble`},
		{value(config.CheckpointDir, ""), "a text that is not empty"},
		{value(config.Params, "a"), "a list of name:value"},
	} {
		if err, ok := c.got.(error); !ok || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want %s", c.got, c.want)
		}
	}
}

func TestKeys(t *testing.T) {
	for key, want := range map[string]string{
		"execution.checkpointing.intervall": `did you mean "execution.checkpointing.interval"?`,
		"checkpointing.timeout":             `did you mean "execution.checkpointing.timeout"?`,
		"state.checkpoint.dir":              `did you mean "state.checkpoints.dir"?`,
		"security.ssl.internal.keystore":    "PEM files here, no keystores of Java",
		"historyserver.web.port":            "docs/configuration.md has those that there are",
		"":                                  `there is no option ""`,
	} {
		var c config.Configuration
		if err := c.Set(key, "1"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", key, err, want)
		}
	}
	for _, d := range config.All() {
		for _, alias := range d.Aliases {
			var c, canonical config.Configuration
			text := d.Default
			if text == "" {
				text = map[string]string{"memory size": "1 mb", "text": "/x", "number": "7"}[d.Type]
			}
			if text == "" {
				text = strings.Split(d.Type, ", ")[0]
			}
			if err := c.Set(alias, text); err != nil {
				t.Errorf("%s: %v", alias, err)
			}
			if err := canonical.Set(d.Key, text); err != nil {
				t.Errorf("%s: %v", d.Key, err)
			}
		}
	}
}

// TestDefaultsAreValues: the defaults of the table are what the options would take.
func TestDefaultsAreValues(t *testing.T) {
	for _, d := range config.All() {
		var c config.Configuration
		if err := c.Set(d.Key, d.Default); d.Default != "" && err != nil {
			t.Error(err)
		}
		if d.Text == "" || !strings.HasSuffix(d.Text, ".") {
			t.Errorf("%s: the text %q is no sentence", d.Key, d.Text)
		}
	}
	if config.CheckpointTimeout.Get(nil) != 10*time.Minute || config.CheckpointInterval.Get(nil) != 0 {
		t.Error("a nil Configuration has other values than defaults")
	}
}

// TestForms: flat and nested YAML, and lines, are the same.
func TestForms(t *testing.T) {
	for name, text := range map[string]string{
		"flat": `
# comment
execution.checkpointing.interval: 10 s
execution.checkpointing.dir: "file:///tmp/a b"   # another
parallelism.default: 4
pipeline.global-job-parameters: [a:1, b:2]
`,
		"nested": `
execution:
  checkpointing:
    interval: 10s
    dir: file:///tmp/a b
parallelism.default: 4
pipeline:
  global-job-parameters: {a: 1, b: 2}
`,
		"anchors": `
execution.checkpointing: &c
  interval: &time 10 s
  dir: file:///tmp/a b
parallelism: {default: 4}
pipeline.global-job-parameters: "a:1,b:2"
`,
		"lines": `
# of Flink 1.x
execution.checkpointing.interval: 10 s
execution.checkpointing.dir: file:///tmp/a b # comment
parallelism.default: 4

pipeline.global-job-parameters: a: 1, b: 2
`,
	} {
		c := mustParse(t, text)
		if v := config.CheckpointInterval.Get(c); v != 10*time.Second {
			t.Errorf("%s: the interval is %v", name, v)
		}
		if v := config.CheckpointDir.Get(c); v != "file:///tmp/a b" {
			t.Errorf("%s: the directory is %q", name, v)
		}
		if v := config.Parallelism.Get(c); v != 4 {
			t.Errorf("%s: the parallelism is %v", name, v)
		}
		if v := config.Params.Get(c); !reflect.DeepEqual(v, map[string]string{"a": "1", "b": "2"}) {
			t.Errorf("%s: the parameters are %v", name, v)
		}
		if _, ok := config.MaxParallelism.Lookup(c); ok {
			t.Errorf("%s: something is set that was not", name)
		}
	}
	if c := mustParse(t, "# nothing\n"); config.Parallelism.Get(c) != 1 {
		t.Error("an empty file is not empty")
	}
}

func TestWrongFiles(t *testing.T) {
	for text, want := range map[string]string{
		"a:\n  b: 1\nparallelism.default: x\n":                     "config.yaml:2: there is no option \"a.b\"|config.yaml:3: parallelism.default: \"x\" is not",
		"state.backend: hashmap\nstate:\n  backend.type: pebble\n": "config.yaml:3: state.backend.type is set already, as state.backend at config.yaml:1",
		"parallelism.default: 1\nparallelism.default: 1\n":         "parallelism.default is set already",
		"parallelism.default:\n":                                   "parallelism.default has no value",
		"- a\n- b\n":                                               "not a mapping of keys to values",
		"a: [1,\n  2: {\n":                                         "config.yaml: yaml:",
		"a: &x {b: *x}\n":                                          "more than 20 levels",
		"pipeline.global-job-parameters: {a: [1]}\n":               "a of pipeline.global-job-parameters is not a value",
		"execution.checkpointing.dir: b: c\nx: y\n":                `config.yaml:2: there is no option "x"`,
	} {
		_, err := config.Parse("config.yaml", []byte(text))
		for part := range strings.SplitSeq(want, "|") {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("%q: %v, want %s", text, err, part)
			}
		}
	}
}

func TestPrecedence(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(path, []byte("parallelism.default: 2\nstate.backend: pebble\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.SetPairs("parallelism.default=3", "execution.checkpointing.dir = /a=b", "parallelism.default=4"); err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprint(config.Parallelism.Get(c), config.CheckpointDir.Get(c), config.StateBackend.Get(c))
	if got != "4/a=bpebble" {
		t.Errorf("got %s", got)
	}
	var over config.Configuration
	if err := over.Set("state.backend.type", "hashmap"); err != nil {
		t.Fatal(err)
	}
	c.Over(&over)
	c.Over(nil)
	if config.StateBackend.Get(c) != "hashmap" || config.Parallelism.Get(c) != 4 {
		t.Error("what is set over it does not stand before the file")
	}
	err = c.SetPairs("a", "b=1", "parallelism.default=x")
	for _, part := range []string{`"a" is not of the form key=value`, `no option "b"`, `"x" is not`} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%v, want %s", err, part)
		}
	}
	if _, err := config.Load(path + "x"); err == nil || !strings.Contains(err.Error(), path+"x") {
		t.Errorf("got %v", err)
	}
}

// FuzzParse reads files of any kind.
func FuzzParse(f *testing.F) {
	f.Add("a: b\nc:\n  d: [1, 2]\n")
	f.Add("parallelism.default: 2\nexecution.checkpointing.dir: b: c\n")
	f.Fuzz(func(_ *testing.T, text string) {
		_, _ = config.Parse("x", []byte(text))
	})
}

// TestText: what Text gives is read back the same.
func TestText(t *testing.T) {
	var c config.Configuration
	if err := c.SetPairs("parallelism.default=3", "execution.checkpointing.dir=/a b: \"c\"", "high-availability.etcd.password=p:#'\\"); err != nil {
		t.Fatal(err)
	}
	again, err := config.Parse("text", []byte(c.Text()))
	if err != nil {
		t.Fatal(err)
	}
	if got := again.Text(); got != c.Text() {
		t.Errorf("got\n%s\nwant\n%s", got, c.Text())
	}
}
