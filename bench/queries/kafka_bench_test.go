package queries_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/flott-dev/flott/bench/queries"
	"github.com/flott-dev/flott/connect/nexmark"
	"github.com/flott-dev/flott/internal/cputime"
	"github.com/flott-dev/flott/internal/servertest"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/sql"
)

// eventColumns are those of the events as the generator makes them.
var eventColumns = strings.ReplaceAll(`event_type INT,
	person ROW<id BIGINT, name STRING, emailAddress STRING, creditCard STRING, city STRING, state STRING, dateTime TIMESTAMP(3), extra STRING>,
	auction ROW<id BIGINT, itemName STRING, description STRING, initialBid BIGINT, reserve BIGINT, dateTime TIMESTAMP(3), expires TIMESTAMP(3),
		seller BIGINT, category BIGINT, extra STRING>,
	bid ROW<auction BIGINT, bidder BIGINT, price BIGINT, channel STRING, url STRING, dateTime TIMESTAMP(3), extra STRING>`, "dateTime", "`dateTime`")

// topics is a broker, and makes topics of four partitions.
type topics struct {
	b       *testing.B
	address string
	admin   *kadm.Client
}

func newTopics(b *testing.B) *topics {
	address := servertest.NewKafka(b).Address
	client, err := kgo.NewClient(kgo.SeedBrokers(address))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(client.Close)
	return &topics{b, address, kadm.NewClient(client)}
}

// write makes a topic of events, with what more its options say, and returns the time of the processors and of the clock.
func (t *topics) write(topic string, events int64, options string) (cpu, took time.Duration) {
	t.b.Helper()
	if _, err := t.admin.CreateTopic(t.b.Context(), 4, 1, nil, topic); err != nil {
		t.b.Fatal(err)
	}
	script := fmt.Sprintf(`
		CREATE TABLE events (%[1]s) WITH ('connector' = 'nexmark', 'events.num' = '%[2]d', 'first-event.rate' = '100000');
		CREATE TABLE topic (%[1]s) WITH ('connector' = 'kafka', 'format' = 'json', 'properties.bootstrap.servers' = '%[3]s', 'topic' = '%[4]s'%[5]s);
		INSERT INTO topic SELECT event_type, person, auction, bid FROM events`, eventColumns, events, t.address, topic, options)
	s := queries.SQLSession(&queries.Probe{}, sql.On(launch.Executor()), sql.Set("execution.checkpointing.interval", "1 s"))
	began, used := time.Now(), cputime.Process()
	if err := s.Script(t.b.Context(), script, func(_ string, r *sql.Result) error { return r.Wait() }); err != nil {
		t.b.Fatal(err)
	}
	return cputime.Process() - used, time.Since(began)
}

// BenchmarkKafkaRead runs queries over events of a topic, with the events made before: track K.
func BenchmarkKafkaRead(b *testing.B) {
	t := newTopics(b)
	events := int64(b.N)
	t.write("events", events, "")
	for _, name := range []string{"q0", "q1", "q2", "q5"} {
		r, err := queries.RunSQL(b.Context(), name, queries.SQLOptions{
			Options: queries.Options{Config: nexmark.Config{Events: events}, Parallelism: 1}, Input: "kafka://" + t.address + "/events",
		})
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(r.EventsPerCPUSecond)/1e6, name+"-M/cpu-s")
	}
}

// BenchmarkKafkaWrite writes events with a checkpoint each second, at least and exactly once in turns.
func BenchmarkKafkaWrite(b *testing.B) {
	const turns = 3
	t := newTopics(b)
	var cpu, took [2]time.Duration
	for i := range 2 * turns {
		exact, options := (i+i/2)%2, ""
		if exact == 1 {
			options = fmt.Sprintf(", 'sink.delivery-guarantee' = 'exactly-once', 'sink.transactional-id-prefix' = 'bench-%d'", i)
		}
		c, w := t.write(fmt.Sprintf("events-%d", i), int64(b.N), options)
		cpu[exact] += c
		took[exact] += w
	}
	b.ReportMetric(float64(cpu[0].Nanoseconds())/float64(turns*b.N), "cpu-ns/op")
	b.ReportMetric(100*(float64(cpu[1])/float64(cpu[0])-1), "exactly-once-cpu-%")
	b.ReportMetric(100*(float64(took[1])/float64(took[0])-1), "exactly-once-time-%")
}
