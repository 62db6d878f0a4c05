package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/flott-dev/flott/internal/natsserver"
)

type natsCmd struct {
	Dir    string        `default:"flott-nats" help:"Directory of the streams."`
	Addr   string        `default:"127.0.0.1" help:"Address to listen at. Others than those of this machine need --token, or --open."`
	Port   int           `default:"4222" help:"Port to listen at; 0 is any that is free."`
	Stream []string      `help:"Streams to make if they are not there; a stream S has the subjects S.>."`
	Token  string        `env:"FLOTT_NATS_TOKEN" help:"What clients must know."`
	Open   bool          `help:"Let anybody in from other machines."`
	Sync   time.Duration `default:"1s" help:"How often files are written through to the disk: what a power cut may lose. 0 is at each message."`
}

// Run runs a server of NATS until it is told to end.
func (c *natsCmd) Run(ctx context.Context) error {
	if ip := net.ParseIP(c.Addr); c.Token == "" && !c.Open && c.Addr != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return fmt.Errorf("--addr %s can be reached from other machines: give --token, or --open to let anybody in", c.Addr)
	}
	dir, err := filepath.Abs(c.Dir)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	s, err := natsserver.Start(natsserver.Options{
		Dir: dir, Address: net.JoinHostPort(c.Addr, strconv.Itoa(c.Port)), Sync: c.Sync, Token: c.Token,
	})
	if err != nil {
		return err
	}
	defer s.Stop()
	name := "ORDERS"
	for _, name = range c.Stream {
		if err := makeStream(ctx, s.URL(), c.Token, name); err != nil {
			return fmt.Errorf("stream %s: %w", name, err)
		}
	}
	fmt.Printf("%s\n\nStreams of this server are in %s. In SQL:\n\n%s\n", s.URL(), dir, natsTable(s.URL(), name, c.Token != ""))
	if len(c.Stream) == 0 {
		fmt.Printf("A stream is made by --stream %s, or by any client of NATS.\n", name)
	}
	select {
	case <-ctx.Done():
		return nil
	case <-s.Done():
		return errors.New("the server has ended")
	}
}

// natsTable is how a stream becomes a table.
func natsTable(url, stream string, token bool) string {
	login := ""
	if token {
		login = " 'token' = '…',"
	}
	return fmt.Sprintf(`  CREATE TABLE orders (id BIGINT, region STRING) WITH (
    'connector' = 'nats', 'servers' = '%s',%s 'stream' = '%s', 'subject' = '%s.{region}', 'format' = 'json');
`, url, login, stream, stream)
}

// makeStream makes a stream unless it is there.
func makeStream(ctx context.Context, url, token, name string) error {
	nc, err := nats.Connect(url, nats.Token(token))
	if err != nil {
		return err
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	if _, err = js.Stream(ctx, name); errors.Is(err, jetstream.ErrStreamNotFound) {
		_, err = js.CreateStream(ctx, jetstream.StreamConfig{Name: name, Subjects: []string{name + ".>"}})
	}
	return err
}
