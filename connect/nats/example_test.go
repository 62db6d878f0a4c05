package nats_test

import (
	"context"
	"encoding/json"
	"fmt"
	stdlog "log"
	"os"
	"time"

	client "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/flott-dev/flott/connect/nats"
	"github.com/flott-dev/flott/connect/slice"
	"github.com/flott-dev/flott/internal/natsserver"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/stream"
)

type bid struct {
	Auction int64 `json:"auction"`
	Price   int64 `json:"price"`
}

// Bids are written to a stream, each once, and read from there.
func Example() {
	at, stop := server("BIDS")
	defer stop()
	there := nats.Connection{Servers: []string{at}}

	env := stream.NewEnv(stream.Checkpoint(time.Second))
	stream.From(env, slice.Of(bid{1, 20}, bid{2, 30}, bid{1, 40})).To(nats.Sink(nats.SinkOptions{
		Connection: there, Stream: "BIDS", Guarantee: nats.ExactlyOnce,
	}, func(m *nats.Message, b bid) (err error) {
		m.Subject = fmt.Sprint("BIDS.", b.Auction)
		m.Data, err = json.Marshal(b)
		return err
	}))
	if err := launch.Run(context.Background(), env, "write"); err != nil {
		stdlog.Fatal(err)
	}

	env = stream.NewEnv(stream.Parallelism(1))
	bids := stream.From(env, nats.Source(nats.SourceOptions{
		Connection: there, Streams: []string{"BIDS"}, Stop: new(nats.Latest()),
	}, func(m *nats.Message) (b bid, err error) {
		return b, json.Unmarshal(m.Data, &b)
	}))
	stream.Map(bids, func(b bid) bid {
		fmt.Println(b)
		return b
	})
	if err := launch.Run(context.Background(), env, "read"); err != nil {
		stdlog.Fatal(err)
	}
	// Output:
	// {1 20}
	// {2 30}
	// {1 40}
}

// server starts a server, as flott nats does, and makes a stream.
func server(name string) (at string, stop func()) {
	dir, err := os.MkdirTemp("", "flott-nats-*")
	if err != nil {
		stdlog.Fatal(err)
	}
	s, err := natsserver.Start(natsserver.Options{Dir: dir, Address: "127.0.0.1:0"})
	if err != nil {
		stdlog.Fatal(err)
	}
	nc, err := client.Connect(s.URL())
	if err != nil {
		stdlog.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err == nil {
		_, err = js.CreateStream(context.Background(), jetstream.StreamConfig{Name: name, Subjects: []string{name + ".>"}})
	}
	if err != nil {
		stdlog.Fatal(err)
	}
	return s.URL(), func() {
		s.Stop()
		os.RemoveAll(dir)
	}
}
