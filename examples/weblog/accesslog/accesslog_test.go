package accesslog

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	at := time.Date(2000, 10, 10, 13, 55, 36, 0, time.FixedZone("", -7*3600))
	utc := time.Date(2024, 2, 29, 23, 59, 59, 0, time.UTC)
	for _, tc := range []struct {
		line string
		want Entry
	}{
		{
			`127.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] "GET /a.gif HTTP/1.0" 200 2326 ` +
				`"http://www.example.com/start.html" "Mozilla/4.08 [en] (Win98; I ;Nav)"`,
			Entry{
				"127.0.0.1", "", "frank", at, "GET", "/a.gif", "HTTP/1.0", 200, 2326,
				"http://www.example.com/start.html", "Mozilla/4.08 [en] (Win98; I ;Nav)",
			},
		},
		{
			`::1 id - [29/Feb/2024:23:59:59 +0000] "GET /a b HTTP/2" 304 -`,
			Entry{"::1", "id", "", utc, "GET", "/a b", "HTTP/2", 304, 0, "", ""},
		},
		{
			`h - - [29/Feb/2024:23:59:59 +0000] "-" 408 - "-" "-"`,
			Entry{"h", "", "", utc, "", "", "", 408, 0, "", ""},
		},
		{
			`h - - [29/Feb/2024:23:59:59 +0000] "\x16\x03 \"x\\" 400 12 "a\tb\q" "\x4"`,
			Entry{"h", "", "", utc, "", "\x16\x03 \"x\\", "", 400, 12, "a\tbq", "x4"},
		},
	} {
		got, err := Parse(tc.line)
		if err != nil || !got.Time.Equal(tc.want.Time) {
			t.Errorf("%s: %v, %v", tc.line, got.Time, err)
		}
		got.Time = tc.want.Time
		if got != tc.want {
			t.Errorf("%s:\n%+v, want\n%+v", tc.line, got, tc.want)
		}
	}
}

func TestParseErrors(t *testing.T) {
	const good = `h - - [29/Feb/2024:23:59:59 +0000] "GET / HTTP/1.1" 200 5 "-" "-"`
	for _, tc := range []struct{ old, new, want string }{
		{good, "", "column 1 of an access log line: want the client's host"},
		{"h - -", "h  -", "column 3 of an access log line: want an identity"},
		{"[29", "29", "column 7 of an access log line: want a time like [02/Jan"},
		{"29/Feb", "30/Feb", "column 7 "},
		{"Feb", "feb", "column 7 "},
		{"23:59:59", "24:59:59", "column 7 "},
		{"59:59", "5x:59", "column 7 "},
		{"+0000", "+9900", "column 7 "},
		{"] ", "]", "column 7 "},
		{`"GET`, `GET`, `column 36 of an access log line: want a request like "GET / HTTP/1.1"`},
		{`" 200 5 "-" "-"`, `\" 200`, "want a quote that ends a request"},
		{`1" 200`, `1"200`, `want a space, have "200`},
		{"200", "2x0", "want a status like 200, have \"2x0"},
		{"200", "2000", "want a status"},
		{" 5 ", " -5 ", "want the number of bytes or -"},
		{`5 "-"`, `5 -`, "want a referer in quotes"},
		{`"-" "-"`, `"-"`, "want a user agent in quotes"},
		{`"-" "-"`, `"-" "-" x`, "column 67 of an access log line: want the end of the line, have \"x\""},
	} {
		line := strings.Replace(good, tc.old, tc.new, 1)
		if _, err := Parse(line); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: the error is %v, want %q", line, err, tc.want)
		}
	}
}

func TestGeneratedLinesAreParsed(t *testing.T) {
	start := time.Date(2024, 5, 5, 0, 0, 0, 0, time.FixedZone("", 2*3600))
	for _, cfg := range []Config{{}, {Seed: 7, Start: start, PerSecond: 3, Late: 5 * time.Second}} {
		generate, err := Generate(cfg)
		if err != nil {
			t.Fatal(err)
		}
		c := cfg.withDefaults()
		for n := range int64(2000) {
			e := generate(n)
			got, err := Parse(e.String())
			if err != nil || !got.Time.Equal(e.Time) {
				t.Fatalf("entry %d: %v, %v", n, e.String(), err)
			}
			due := c.Start.Add(time.Duration(n) * time.Second / time.Duration(c.PerSecond))
			if behind := due.Sub(e.Time); behind < 0 || behind > cfg.Late+time.Second {
				t.Fatalf("entry %d is of %v, %v behind", n, e.Time, behind)
			}
			got.Time = e.Time
			if got != e || got != generate(n) {
				t.Fatalf("entry %d is %+v, read as %+v", n, e, got)
			}
		}
	}
}

func TestConfigIsValidated(t *testing.T) {
	_, err := Generate(Config{PerSecond: -1, Late: -2, Hosts: -3})
	for _, want := range []string{"PerSecond is -1", "Late is -2ns", "Hosts is -3"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in the error: %v", want, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	generate, err := Generate(Config{})
	if err != nil {
		f.Fatal(err)
	}
	for n := range int64(5) {
		e := generate(n)
		f.Add(e.String())
	}
	f.Add(`h - - [29/Feb/2024:23:59:59 +0000] "\x2d" 400 12 "\x2d" "-"`)
	f.Add(`h - - [29/Feb/2024:23:59:59 +0000] "\x16 \" " 400 12 "a\tb\q" "\x4"`)
	f.Fuzz(func(t *testing.T, line string) {
		e, err := Parse(line)
		if err != nil {
			_ = err.Error()
			return
		}
		again, err := Parse(e.String())
		if err != nil || !again.Time.Equal(e.Time) {
			t.Fatalf("%q is written as %q: %v", line, e.String(), err)
		}
		again.Time = e.Time
		if again != e {
			t.Errorf("%q: %+v, then %+v", line, e, again)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	generate, err := Generate(Config{})
	if err != nil {
		b.Fatal(err)
	}
	var lines [512]string
	total := 0
	for i := range lines {
		e := generate(int64(i))
		lines[i] = e.String()
		total += len(lines[i])
	}
	b.SetBytes(int64(total / len(lines)))
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if _, err := Parse(lines[i&511]); err != nil {
			b.Fatal(err)
		}
		i++
	}
}

func ExampleParse() {
	e, err := Parse(`192.0.2.7 - ann [29/Feb/2024:08:00:00 +0000] "GET /cart HTTP/1.1" 200 512 "-" "-"`)
	fmt.Println(e.User, e.Path, e.Status, e.Bytes, err)
	_, err = Parse(`192.0.2.7 - ann 29/Feb/2024 "GET /cart HTTP/1.1" 200 512`)
	fmt.Println(err)
	// Output:
	// ann /cart 200 512 <nil>
	// column 17 of an access log line: want a time like [02/Jan/2006:15:04:05 -0700], have "29/Feb/2024 \"GET /cart HTTP/1.1\" 200 512"
}

func ExampleGenerate() {
	generate, err := Generate(Config{PerSecond: 1})
	if err != nil {
		fmt.Println(err)
	}
	for n := range int64(2) {
		e := generate(n)
		fmt.Println(e.Time.Format(time.TimeOnly), e.Method, e.Status)
	}
	// Output:
	// 00:00:00 GET 302
	// 00:00:01 GET 500
}
