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

// kafkaProperties are those of one node that is broker and controller, with as few partitions of its own as can be. It keeps
// records for ever: tests give them times of 1970.
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
log.retention.ms=-1
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
	// SASL and TLS are those of NewSecureKafka.
	SASL, TLS string

	libs, dir string
	secure    *Secure
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
		shared.broker, shared.err = newBroker(nil)
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
func NewKafka(t testing.TB) *Broker { return newKafka(t, nil) }

// Secure is what a broker needs that is not open to anybody: its certificate with its key, and that of the authority
// by which it knows clients, in files of PEM.
type Secure struct{ Certificate, Authority string }

// The user of NewSecureKafka.
const (
	KafkaUser     = "flott"
	KafkaPassword = "secret"
)

// NewSecureKafka is a broker of the test's own that has, besides Address, an address for users who log in over TLS, by PLAIN or
// SCRAM-SHA-256, and one for clients with a certificate.
func NewSecureKafka(t testing.TB, s Secure) *Broker { return newKafka(t, &s) }

func newKafka(t testing.TB, s *Secure) *Broker {
	t.Helper()
	b, err := newBroker(s)
	if err != nil {
		missing(t, "there is no Kafka: %v", err)
	}
	t.Cleanup(b.remove)
	return b
}

func newBroker(s *Secure) (*Broker, error) {
	if err := installed("java", "mvn"); err != nil {
		return nil, err
	}
	libs, err := cache("kafka-"+kafkaVersion, func(dir string) error { return maven(dir, kafkaPom) })
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "flott-kafka-*")
	if err != nil {
		return nil, err
	}
	b := &Broker{libs: libs, dir: dir, secure: s}
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
	format := []string{"kafka.tools.StorageTool", "format", "-t", "MkU3OEVBNTcwNTJENDM2Qg", "-c", b.properties()}
	if b.secure != nil {
		more, err := b.secureProperties(controller)
		if err != nil {
			return err
		}
		text += more
		format = append(format, "--add-scram", "SCRAM-SHA-256=[name="+KafkaUser+",password="+KafkaPassword+"]")
	}
	if err := os.WriteFile(b.properties(), []byte(text), 0o644); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(b.dir, "log4j2.properties"), []byte(log4jProperties), 0o644); err != nil {
		return err
	}
	if err := run(b.java(format...)); err != nil {
		return fmt.Errorf("format: %w", err)
	}
	return nil
}

// secureProperties are more of a broker that is not open to anybody. Of equal ones the last counts.
func (b *Broker) secureProperties(controller int) (string, error) {
	sasl, err := port()
	if err != nil {
		return "", err
	}
	tls, err := port()
	if err != nil {
		return "", err
	}
	b.SASL, b.TLS = fmt.Sprintf("127.0.0.1:%d", sasl), fmt.Sprintf("127.0.0.1:%d", tls)
	outside := fmt.Sprintf("PLAINTEXT://%s,SASL_SSL://%s,SSL://%s", b.Address, b.SASL, b.TLS)
	return fmt.Sprintf(`listeners=%s,CONTROLLER://127.0.0.1:%d
advertised.listeners=%[1]s
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_SSL:SASL_SSL,SSL:SSL
ssl.keystore.type=PEM
ssl.keystore.location=%[3]s
ssl.truststore.type=PEM
ssl.truststore.location=%[4]s
listener.name.ssl.ssl.client.auth=required
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256
listener.name.sasl_ssl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_%[5]s="%[6]s";
listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
`, outside, controller, b.secure.Certificate, b.secure.Authority, KafkaUser, KafkaPassword), nil
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
