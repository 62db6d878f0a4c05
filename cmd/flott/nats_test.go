package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// TestNATS: flott nats runs a server whose streams SQL can write and read, ends by SIGTERM without an error, and has what it had when
// it is started again.
func TestNATS(t *testing.T) {
	f := flott{t, t.TempDir()}
	dir := t.TempDir()
	for range 2 {
		cmd := f.command(flottVariable, "1", "nats", "--dir", dir, "--port", "0", "--stream", "ORDERS")
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewReader(out)
		line, err := lines.ReadString('\n')
		url := strings.TrimSpace(line)
		if err != nil || !strings.HasPrefix(url, "nats://127.0.0.1:") {
			t.Fatalf("it says %q, %v", line, err)
		}
		var said strings.Builder // the table that it shows
		for !strings.Contains(said.String(), ");") {
			line, err := lines.ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			said.WriteString(line)
		}
		_, create, _ := strings.Cut(said.String(), "CREATE TABLE")
		f.run("sql", "--execute", "CREATE TABLE"+create+" INSERT INTO orders VALUES (1, 'eu')")
		nc, err := nats.Connect(url)
		if err != nil {
			t.Fatal(err)
		}
		js, err := jetstream.New(nc)
		if err != nil {
			t.Fatal(err)
		}
		m, err := js.Stream(t.Context(), "ORDERS")
		if err != nil {
			t.Fatal(err)
		}
		first, err := m.GetMsg(t.Context(), 1)
		if err != nil || first.Subject != "ORDERS.eu" || string(first.Data) != `{"id":1,"region":"eu"}` {
			t.Fatalf("%+v, %v", first, err)
		}
		nc.Close()
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	}
}

func TestNATSErrors(t *testing.T) {
	for want, c := range map[string]natsCmd{
		"--addr 0.0.0.0 can be reached from other machines: give --token": {Addr: "0.0.0.0"},
		"--addr example.org can be reached":                               {Addr: "example.org"},
	} {
		c.Dir = t.TempDir()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		if err := c.Run(ctx); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
		cancel()
	}
}

// TestNATSToken: who has no token, or another one, is a stranger to flott nats --token.
func TestNATSToken(t *testing.T) {
	f := flott{t, t.TempDir()}
	cmd := f.command(flottVariable, "1", "nats", "--dir", t.TempDir(), "--port", "0", "--stream", "ORDERS")
	cmd.Env = append(cmd.Env, "FLOTT_NATS_TOKEN=the-token-of-the-server")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	}()
	lines := bufio.NewReader(out)
	line, err := lines.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = io.Copy(io.Discard, lines) }()
	url := strings.TrimSpace(line)
	if strings.Contains(url, "the-token") {
		t.Errorf("it shows its token: %s", url)
	}
	for name, options := range map[string][]nats.Option{"nobody": nil, "another one": {nats.Token("the-token-of-another")}} {
		if nc, err := nats.Connect(url, options...); !errors.Is(err, nats.ErrAuthorization) {
			t.Errorf("%s is let in: %v, %v", name, nc, err)
		}
	}
	nc, err := nats.Connect(url, nats.Token("the-token-of-the-server"))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.Stream(t.Context(), "ORDERS"); err != nil {
		t.Error(err)
	}
}
