package main

import (
	"bufio"
	"context"
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
