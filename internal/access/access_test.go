package access_test

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/flott-dev/flott/internal/access"
	"github.com/flott-dev/flott/internal/clock"
)

// write puts a file in the place of another one, at once.
func write(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path+".new", mode); err != nil { // whatever the umask
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

func find(t *testing.T, tokens *access.Tokens, token string) string {
	t.Helper()
	who, found, err := tokens.Find(access.HashOf(token))
	if err != nil {
		return "error"
	}
	if !found {
		return "nobody"
	}
	return fmt.Sprintf("%s %s", who.Name, who.Role)
}

// TestTokens: the file counts as it is now, and lets nobody in while it cannot be read or others can.
func TestTokens(t *testing.T) {
	path := filepath.Join(t.TempDir(), "credentials")
	hash := access.HashOf("the token of the shift")
	text := "# who may come\n\nviewer grafana 0123456789abcdef\n  Operator shift sha256:" + hex.EncodeToString(hash[:]) + "\r\nadmin root the-token-of-root\n"
	write(t, path, text, 0o600)
	tokens, err := access.OpenTokens(path)
	if err != nil {
		t.Fatal(err)
	}
	for token, want := range map[string]string{
		"0123456789abcdef": "grafana viewer", "the token of the shift": "shift operator", "the-token-of-root": "root admin",
		"": "nobody", "0123456789abcde": "nobody", "sha256:" + hex.EncodeToString(hash[:]): "nobody", hex.EncodeToString(hash[:]): "nobody", "grafana": "nobody",
	} {
		if got := find(t, tokens, token); got != want {
			t.Errorf("%q is the token of %s, want %s", token, got, want)
		}
	}
	for _, c := range []struct {
		text string
		mode os.FileMode
		want string
	}{
		{"operator grafana 0123456789abcdef\n", 0o400, "grafana operator"},
		{"admin other the-token-of-others\n", 0o600, "nobody"},
		{"operator grafana 0123456789abcdef\n", 0o604, "error"},
		{"operator grafana 0123456789abcdef\n", 0o620, "error"},
		{"operator grafana 0123456789abcdef\nnonsense\n", 0o600, "error"},
		{"", 0o600, "nobody"},
		{text, 0o600, "grafana viewer"},
	} {
		write(t, path, c.text, c.mode)
		if got := find(t, tokens, "0123456789abcdef"); got != c.want {
			t.Errorf("with %q, mode %o: %s, want %s", c.text, c.mode, got, c.want)
		}
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if got := find(t, tokens, "0123456789abcdef"); got != "error" {
		t.Errorf("without a file: %s", got)
	}
	write(t, path, text, 0o600)
	if got := find(t, tokens, "0123456789abcdef"); got != "grafana viewer" {
		t.Errorf("with the file again: %s", got)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if got := find(t, tokens, "0123456789abcdef"); got != "error" {
		t.Errorf("with the same file, open to all: %s", got)
	}
}

// TestWrongTokens: all mistakes are named, by their lines, and no token.
func TestWrongTokens(t *testing.T) {
	path := filepath.Join(t.TempDir(), "credentials")
	const secret = "planted-secret-token"
	write(t, path, strings.Join([]string{
		secret, "viewer " + secret, secret + " viewer name", "viewer a short", "viewer a sha256:" + secret, "viewer a " + secret, "admin b " + secret,
		"none c " + secret + "2", "viewer a b " + secret,
	}, "\n"), 0o600)
	_, err := access.OpenTokens(path)
	if err == nil || strings.Contains(err.Error(), secret) {
		t.Fatalf("the error is %v", err)
	}
	for _, want := range []string{
		path, "line 1: it has 1 words", "line 2: it has 2 words", "line 3: its first word is no role", "line 4: the token has less than 16", "line 5: after sha256:",
		"line 7: the token is that of line 6", "line 8: its first word is no role", "line 9: it has 4 words",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("it does not say %q: %v", want, err)
		}
	}
	for _, at := range []string{filepath.Join(path, "below"), filepath.Dir(path), path + "none"} {
		if _, err := access.OpenTokens(at); err == nil {
			t.Errorf("%s can be read", at)
		}
	}
}

// TestSessions: a session is known by its id until it ends.
func TestSessions(t *testing.T) {
	c := clock.NewManual(time.Unix(1000, 0))
	sessions := access.NewSessions(c, time.Hour)
	token := access.HashOf("token")
	a, first := sessions.Begin(token)
	b, second := sessions.Begin(token)
	if a == b || first.CSRF == second.CSRF || len(a) < 43 || len(first.CSRF) < 43 {
		t.Fatalf("ids %q, %q, CSRF tokens %q, %q", a, b, first.CSRF, second.CSRF)
	}
	if got, ok := sessions.Find(a); !ok || got != first || got.Token != token || !got.Ends.Equal(c.Now().Add(time.Hour)) {
		t.Errorf("%+v, %v", got, ok)
	}
	if first.Shows(second.CSRF) || first.Shows("") || !first.Shows(first.CSRF) {
		t.Error("a session takes another one's CSRF token, or not its own")
	}
	if _, ok := sessions.Find(first.CSRF); ok {
		t.Error("the CSRF token finds a session")
	}
	sessions.End(a)
	if _, ok := sessions.Find(a); ok {
		t.Error("a session that was ended goes on")
	}
	c.Advance(time.Hour - 1)
	if _, ok := sessions.Find(b); !ok {
		t.Error("the other one has ended too early")
	}
	c.Advance(1)
	if _, ok := sessions.Find(b); ok {
		t.Error("it goes on for ever")
	}
}

// TestManySessions: what ends first makes room.
func TestManySessions(t *testing.T) {
	c := clock.NewManual(time.Unix(1000, 0))
	sessions := access.NewSessions(c, time.Hour)
	var ids []string
	for range 1002 {
		id, _ := sessions.Begin(access.Hash{})
		ids = append(ids, id)
		c.Advance(time.Microsecond)
	}
	for i, id := range ids {
		if _, ok := sessions.Find(id); ok != (i >= 2) {
			t.Fatalf("session %d is there: %v", i, ok)
		}
	}
}

// TestGuesses: who guesses wrong must wait, and nobody else.
func TestGuesses(t *testing.T) {
	c := clock.NewManual(time.Unix(1000, 0))
	g := access.NewGuesses(c)
	bad := netip.MustParseAddr("10.0.0.1")
	for i := range 20 {
		if w := g.Wait(bad); w != 0 {
			t.Fatalf("after %d guesses it must wait %v", i, w)
		}
		if last := g.Wrong(bad); last != (i == 19) {
			t.Errorf("guess %d is the last one: %v", i, last)
		}
	}
	if w := g.Wait(bad); w != time.Second {
		t.Errorf("after 20 guesses it must wait %v", w)
	}
	if w := g.Wait(netip.MustParseAddr("::ffff:10.0.0.1")); w != time.Second {
		t.Errorf("by IPv6 it must wait %v", w)
	}
	if w := g.Wait(netip.MustParseAddr("10.0.0.2")); w != 0 {
		t.Errorf("its neighbour must wait %v", w)
	}
	c.Advance(time.Second)
	if w := g.Wait(bad); w != 0 {
		t.Errorf("a second later it must wait %v", w)
	}
	g.Wrong(bad)
	if w := g.Wait(bad); w != time.Second {
		t.Errorf("after another guess it must wait %v", w)
	}
	c.Advance(time.Hour)
	g.Wrong(bad)
	if w := g.Wait(bad); w != 0 {
		t.Errorf("an hour later it must wait %v", w)
	}
	for range 30 {
		g.Wrong(netip.MustParseAddr("2001:db8::1"))
	}
	if w := g.Wait(netip.MustParseAddr("2001:db8::2%eth0")); w == 0 {
		t.Error("the same network of IPv6 need not wait")
	}
	if w := g.Wait(netip.MustParseAddr("2001:db8:0:1::1")); w != 0 {
		t.Errorf("another network must wait %v", w)
	}
	for i := range 20_000 { // more than are remembered
		g.Wrong(netip.AddrFrom4([4]byte{11, 0, byte(i >> 8), byte(i)}))
	}
	if w := g.Wait(netip.MustParseAddr("2001:db8::1")); w == 0 {
		t.Error("who has guessed much is forgotten before those who have guessed once")
	}
}
