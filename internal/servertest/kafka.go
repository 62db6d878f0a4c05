package servertest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// kafkaPom names what Kafka is made of.
const kafkaPom = `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>flott</groupId><artifactId>kafka</artifactId><version>1</version><dependencies>
<dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>` + kafkaVersion + `</version></dependency>
<dependency><groupId>org.apache.logging.log4j</groupId><artifactId>log4j-slf4j-impl</artifactId><version>2.25.5</version></dependency>
</dependencies></project>`

const kafkaVersion = "4.4.0"

// kafkaProperties are those of one node that is broker and controller, with as few partitions of its own as can be.
const kafkaProperties = `process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:%[2]d
listeners=PLAINTEXT://127.0.0.1:%[1]d,CONTROLLER://127.0.0.1:%[2]d
advertised.listeners=PLAINTEXT://127.0.0.1:%[1]d
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
log.dirs=%[3]s
num.network.threads=2
num.io.threads=2
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=1
group.initial.rebalance.delay.ms=0
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
transaction.abort.timed.out.transaction.cleanup.interval.ms=200
log.cleaner.dedupe.buffer.size=4194304
`

const log4jProperties = `rootLogger.level=warn
rootLogger.appenderRef.c.ref=c
appender.c.type=Console
appender.c.name=c
appender.c.target=SYSTEM_ERR
appender.c.layout.type=PatternLayout
appender.c.layout.pattern=%d %p %m (%c)%n
`

// Broker is a Kafka of one node.
type Broker struct {
	// Address is host:port.
	Address string

	libs, dir string
	mu        sync.Mutex
	process   *process // nil while it does not run
}

var shared struct {
	sync.Mutex
	broker *Broker
	err    error
}

// Kafka is a broker for the tests of a package. Each test has topics, groups and ids of its own.
func Kafka(t testing.TB) *Broker {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.broker == nil && shared.err == nil {
		shared.broker, shared.err = newBroker()
		if shared.err == nil {
			atEnd(shared.broker.remove)
		}
	}
	if shared.err != nil {
		missing(t, "there is no Kafka: %v", shared.err)
	}
	return shared.broker
}

// NewKafka is a broker of the test's own, which it can kill.
func NewKafka(t testing.TB) *Broker {
	t.Helper()
	b, err := newBroker()
	if err != nil {
		missing(t, "there is no Kafka: %v", err)
	}
	t.Cleanup(b.remove)
	return b
}

func newBroker() (*Broker, error) {
	for _, program := range []string{"java", "mvn"} {
		if _, err := exec.LookPath(program); err != nil {
			return nil, err
		}
	}
	libs, err := cache("kafka-"+kafkaVersion, func(dir string) error {
		pom := filepath.Join(dir, "pom.xml")
		if err := os.WriteFile(pom, []byte(kafkaPom), 0o644); err != nil {
			return err
		}
		out, err := exec.Command("mvn", "-q", "-B", "-ntp", "-f", pom, "dependency:copy-dependencies", "-DincludeScope=runtime",
			"-DoutputDirectory="+dir).CombinedOutput()
		if err != nil {
			return fmt.Errorf("mvn: %w\n%s", err, out)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "flott-kafka-*")
	if err != nil {
		return nil, err
	}
	b := &Broker{libs: libs, dir: dir}
	if err := b.format(); err != nil {
		os.RemoveAll(dir)
		return nil, err
	}
	if err := b.start(); err != nil {
		os.RemoveAll(dir)
		return nil, err
	}
	return b, nil
}

func (b *Broker) java(args ...string) *exec.Cmd {
	return exec.Command("java", append([]string{
		"-Xmx512m", "-Xms256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto",
		"-Dlog4j2.configurationFile=" + filepath.Join(b.dir, "log4j2.properties"), "-cp", b.libs + "/*",
	}, args...)...)
}

func (b *Broker) properties() string { return filepath.Join(b.dir, "server.properties") }

// format makes the broker's directory.
func (b *Broker) format() error {
	clients, err := port()
	if err != nil {
		return err
	}
	controller, err := port()
	if err != nil {
		return err
	}
	b.Address = fmt.Sprintf("127.0.0.1:%d", clients)
	text := fmt.Sprintf(kafkaProperties, clients, controller, filepath.Join(b.dir, "data"))
	if err := os.WriteFile(b.properties(), []byte(text), 0o644); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(b.dir, "log4j2.properties"), []byte(log4jProperties), 0o644); err != nil {
		return err
	}
	out, err := b.java("kafka.tools.StorageTool", "format", "-t", "MkU3OEVBNTcwNTJENDM2Qg", "-c", b.properties()).CombinedOutput()
	if err != nil {
		return fmt.Errorf("format: %w\n%s", err, out)
	}
	return nil
}

// startTimeout is how long a broker may take until it answers.
const startTimeout = time.Minute

func (b *Broker) start() error {
	p, err := start(b.java("kafka.Kafka", b.properties()))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	go func() {
		select {
		case <-p.done:
			cancel()
		case <-ctx.Done():
		}
	}()
	client, err := kgo.NewClient(kgo.SeedBrokers(b.Address), kgo.RetryTimeout(startTimeout), kgo.RequestRetries(1<<20))
	if err != nil {
		return p.failure(err)
	}
	defer client.Close()
	for err = client.Ping(ctx); err != nil; err = client.Ping(ctx) {
		select {
		case <-ctx.Done():
			return p.failure(errors.Join(err, errors.New("it does not answer")))
		case <-time.After(10 * time.Millisecond):
		}
	}
	b.process = p
	return nil
}

// Kill ends the broker as a crash does.
func (b *Broker) Kill() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.process != nil {
		b.process.kill()
		b.process = nil
	}
}

// Start starts a broker that was killed, with what it had.
func (b *Broker) Start(t testing.TB) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.start(); err != nil {
		t.Fatal(err)
	}
}

func (b *Broker) remove() {
	b.Kill()
	os.RemoveAll(b.dir)
}
