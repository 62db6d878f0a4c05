package redact_test

import (
	"strings"
	"testing"

	"github.com/flott-dev/flott/internal/redact"
)

func TestIsSecret(t *testing.T) {
	for key, want := range map[string]bool{
		"password": true, "properties.sasl.jaas.config": true, "db.Password": true, "fs.s3a.secret.key": true, "parallelism.default": false,
		"security.rest.credentials-file": false, "username": false, "": false,
	} {
		if got := redact.IsSecret(key); got != want {
			t.Errorf("%q: %v", key, got)
		}
	}
}

func TestURL(t *testing.T) {
	for text, want := range map[string]string{
		"https://host:1/path": "https://host:1/path", "http://u:p@host/x?api_key=s#f": "http://host/x?…", "nats://token@host:4222": "nats://host:4222",
		"http://u:p@host:port/x": "…", "host:4222": "…", "u:p@host": "…", "": "", "127.0.0.1:4222": "…",
	} {
		if got := redact.URL(text); got != want {
			t.Errorf("%q is shown as %q, want %q", text, got, want)
		}
	}
	if got := redact.URLs([]string{"nats://u:p@a:1", "nats://b:2"}); got != "nats://a:1, nats://b:2" {
		t.Errorf("several are shown as %q", got)
	}
}

func TestStatement(t *testing.T) {
	for text, want := range map[string]string{
		"SELECT 'password', 1":                                 "SELECT 'password', 1",
		"WITH ('password' = 's''t', 'url' = 'x')":              "WITH ('password' = '****', 'url' = 'x')",
		"WITH ('connector'='jdbc','password'\n=\n'p\nq')":      "WITH ('connector'='jdbc','password'\n=\n'***')",
		"WITH ('password' 'secret')":                           "WITH ('password' '******')",
		"WITH ('url' = 'nats://u:p@host:1', 'headers'='X: y')": "WITH ('url' = 'nats://***@host:1', 'headers'='****')",
	} {
		got := redact.Statement(text)
		if got != want || len(got) != len(text) {
			t.Errorf("%q is shown as %q, want %q", text, got, want)
		}
	}
	if got := redact.Statement(strings.Repeat("'", 1001)); len(got) != 1001 {
		t.Errorf("quotes become %d bytes", len(got))
	}
}
