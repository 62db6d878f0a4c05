package kafka_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/flott-dev/flott/connect/kafka"
	"github.com/flott-dev/flott/connect/slice"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/stream"
)

type bid struct {
	Auction int64 `json:"auction"`
	Price   int64 `json:"price"`
}

// Bids are written to a topic, in transactions, and read from there.
func Example() {
	cluster := kfake.MustCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "bids"))
	defer cluster.Close()
	brokers := cluster.ListenAddrs()

	env := stream.NewEnv(stream.Checkpoint(time.Second))
	stream.From(env, slice.Of(bid{1, 20}, bid{2, 30}, bid{1, 40})).To(kafka.Sink(kafka.SinkOptions{
		Brokers: brokers, Topic: "bids", Guarantee: kafka.ExactlyOnce, TransactionPrefix: "example",
	}, func(r *kafka.Record, b bid) (err error) {
		r.Key = fmt.Append(nil, b.Auction)
		r.Value, err = json.Marshal(b)
		return err
	}))
	if err := launch.Run(context.Background(), env, "write"); err != nil {
		log.Fatal(err)
	}

	env = stream.NewEnv(stream.Parallelism(1))
	bids := stream.From(env, kafka.Source(kafka.SourceOptions{
		Brokers: brokers, Topics: []string{"bids"}, Stop: new(kafka.Latest()), OnBad: kafka.Skip,
		Properties: map[string]string{"isolation.level": "read_committed"},
	}, func(r *kafka.Record) (b bid, err error) {
		return b, json.Unmarshal(r.Value, &b)
	}))
	stream.Map(bids, func(b bid) bid {
		fmt.Println(b)
		return b
	})
	if err := launch.Run(context.Background(), env, "read"); err != nil {
		log.Fatal(err)
	}
	// Output:
	// {1 20}
	// {2 30}
	// {1 40}
}

// Totals by auction are written to a topic in which the last record with a key counts, and read as changes of a table: a record without a value
// deletes its key. Of what is written within a second only the last record with each key is.
func ExampleSink_upserts() {
	cluster := kfake.MustCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "totals"))
	defer cluster.Close()
	brokers := cluster.ListenAddrs()

	env := stream.NewEnv(stream.Parallelism(1))
	stream.From(env, slice.Of(bid{1, 20}, bid{2, 30}, bid{1, 60}, bid{2, 0})).To(kafka.Sink(kafka.SinkOptions{
		Brokers: brokers, Topic: "totals", BufferRows: 1000, BufferInterval: time.Second,
	}, func(r *kafka.Record, total bid) (err error) {
		r.Key = fmt.Append(nil, total.Auction)
		if total.Price > 0 {
			r.Value, err = json.Marshal(total)
		}
		return err
	}))
	if err := launch.Run(context.Background(), env, "write"); err != nil {
		log.Fatal(err)
	}

	env = stream.NewEnv(stream.Parallelism(1))
	changes := stream.From(env, kafka.Source(kafka.SourceOptions{
		Brokers: brokers, Topics: []string{"totals"}, Stop: new(kafka.Latest()),
	}, func(r *kafka.Record) (string, error) {
		if r.Value == nil {
			return fmt.Sprintf("%s is gone", r.Key), nil
		}
		return fmt.Sprintf("%s is %s", r.Key, r.Value), nil
	}))
	stream.Map(changes, func(change string) string {
		fmt.Println(change)
		return change
	})
	if err := launch.Run(context.Background(), env, "read"); err != nil {
		log.Fatal(err)
	}
	// Output:
	// 1 is {"auction":1,"price":60}
	// 2 is gone
}
