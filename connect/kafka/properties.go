package kafka

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	saslplain "github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/flott-dev/flott/internal/certificate"
	"github.com/flott-dev/flott/internal/suggest"
)

// settings are properties of Kafka's Java client, as far as they mean something here.
type settings struct {
	opts    []kgo.Opt // of all clients
	consume []kgo.Opt
	produce []kgo.Opt

	brokers            []string
	group              string
	reset              *Offsets // auto.offset.reset; nil for none
	timeout            time.Duration
	requestTimeout     time.Duration
	readCommitted      bool
	commitOffsets      bool
	transactionTimeout time.Duration
	unsafe             bool // records may be lost although the broker has taken them

	protocol, mechanism, user, password string
	trustType, keyType                  string
	secure                              certificate.Stores
}

// property is one that has an effect.
type property func(s *settings, value string) error

// properties are those that have an effect.
var properties = map[string]property{
	"bootstrap.servers": func(s *settings, v string) error {
		for b := range strings.SplitSeq(v, ",") {
			if b = strings.TrimSpace(b); b != "" {
				s.brokers = append(s.brokers, b)
			}
		}
		return nil
	},
	"client.id":   word(all, kgo.ClientID),
	"client.rack": word(consume, kgo.Rack),
	"group.id":    text(func(s *settings) *string { return &s.group }),

	"security.protocol": oneOf(func(s *settings) *string { return &s.protocol }, "PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"),
	"sasl.mechanism":    oneOf(func(s *settings) *string { return &s.mechanism }, "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"),
	"sasl.username":     text(func(s *settings) *string { return &s.user }),
	"sasl.password":     text(func(s *settings) *string { return &s.password }),
	"sasl.jaas.config":  (*settings).jaas,

	"ssl.truststore.type":                   oneOf(func(s *settings) *string { return &s.trustType }, "PEM"),
	"ssl.truststore.location":               text(func(s *settings) *string { return &s.secure.TrustFile }),
	"ssl.truststore.certificates":           text(func(s *settings) *string { return &s.secure.Trust }),
	"ssl.keystore.type":                     oneOf(func(s *settings) *string { return &s.keyType }, "PEM"),
	"ssl.keystore.location":                 text(func(s *settings) *string { return &s.secure.KeyFile }),
	"ssl.keystore.certificate.chain":        text(func(s *settings) *string { return &s.secure.Chain }),
	"ssl.keystore.key":                      text(func(s *settings) *string { return &s.secure.Key }),
	"ssl.endpoint.identification.algorithm": (*settings).identification,

	"request.timeout.ms":                 duration(func(s *settings) *time.Duration { return &s.requestTimeout }),
	"default.api.timeout.ms":             duration(func(s *settings) *time.Duration { return &s.timeout }),
	"socket.connection.setup.timeout.ms": millis(all, kgo.DialTimeout),
	"metadata.max.age.ms":                millis(all, kgo.MetadataMaxAge),
	"connections.max.idle.ms":            millis(all, kgo.ConnIdleTimeout),

	"isolation.level": func(s *settings, v string) error {
		switch v {
		case "read_committed":
			s.readCommitted = true
		case "read_uncommitted":
			s.readCommitted = false
		default:
			return errors.New("it is read_committed or read_uncommitted")
		}
		return nil
	},
	"auto.offset.reset": func(s *settings, v string) error {
		switch v {
		case "earliest":
			s.reset = new(Earliest())
		case "latest":
			s.reset = new(Latest())
		case "none":
			s.reset = nil
		default:
			return errors.New("it is earliest, latest or none")
		}
		return nil
	},
	"commit.offsets.on.checkpoint": func(s *settings, v string) (err error) {
		s.commitOffsets, err = strconv.ParseBool(v)
		return err
	},
	"fetch.min.bytes":           number(consume, kgo.FetchMinBytes),
	"fetch.max.bytes":           number(consume, kgo.FetchMaxBytes),
	"max.partition.fetch.bytes": number(consume, kgo.FetchMaxPartitionBytes),
	"fetch.max.wait.ms":         millis(consume, kgo.FetchMaxWait),
	"check.crcs": func(s *settings, v string) error {
		on, err := strconv.ParseBool(v)
		if err == nil && !on {
			s.consume = append(s.consume, kgo.DisableFetchCRCValidation())
		}
		return err
	},

	"acks": func(s *settings, v string) error {
		switch v {
		case "all", "-1":
			s.produce = append(s.produce, kgo.RequiredAcks(kgo.AllISRAcks()))
		case "1":
			s.produce, s.unsafe = append(s.produce, kgo.RequiredAcks(kgo.LeaderAck()), kgo.DisableIdempotentWrite()), true
		case "0":
			s.produce, s.unsafe = append(s.produce, kgo.RequiredAcks(kgo.NoAck()), kgo.DisableIdempotentWrite()), true
		default:
			return errors.New("it is all, 1 or 0")
		}
		return nil
	},
	"linger.ms":           millis(produce, kgo.ProducerLinger),
	"max.request.size":    number(produce, kgo.ProducerBatchMaxBytes),
	"delivery.timeout.ms": millis(produce, kgo.RecordDeliveryTimeout),
	"buffer.memory": func(s *settings, v string) error {
		n, err := strconv.Atoi(v)
		s.produce = append(s.produce, kgo.MaxBufferedBytes(n))
		return err
	},
	"compression.type": func(s *settings, v string) error {
		codecs := map[string]kgo.CompressionCodec{
			"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(),
			"lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
		}
		c, ok := codecs[v]
		if !ok {
			return errors.New("it is none, gzip, snappy, lz4 or zstd")
		}
		s.produce = append(s.produce, kgo.ProducerBatchCompression(c))
		return nil
	},
	"transaction.timeout.ms": duration(func(s *settings) *time.Duration { return &s.transactionTimeout }),
}

// withoutEffect are properties that users bring along: of what does not exist here, or is done in another way.
var withoutEffect = []string{
	"key.deserializer", "value.deserializer", "key.serializer", "value.serializer",
	"enable.auto.commit", "auto.commit.interval.ms", "client.id.prefix", "register.consumer.metrics", "allow.auto.create.topics",
	"max.poll.records", "max.poll.interval.ms", "session.timeout.ms", "heartbeat.interval.ms", "partition.assignment.strategy",
	"receive.buffer.bytes", "send.buffer.bytes", "reconnect.backoff.ms", "reconnect.backoff.max.ms", "retry.backoff.ms",
	"retry.backoff.max.ms", "retries", "batch.size", "max.block.ms", "enable.idempotence", "max.in.flight.requests.per.connection",
	"client.dns.lookup", "ssl.protocol", "ssl.enabled.protocols", "group.protocol", "group.instance.id",
}

const (
	defaultTimeout        = time.Minute
	defaultRequestTimeout = 30 * time.Second
	// defaultTransactionTimeout is the longest one that brokers allow if they are not told otherwise.
	defaultTransactionTimeout = 15 * time.Minute
)

// parseProperties reads properties. All mistakes are reported together; prefix is what their names begin with there.
func parseProperties(all map[string]string, prefix string) (*settings, error) {
	s := &settings{
		timeout: defaultTimeout, requestTimeout: defaultRequestTimeout, commitOffsets: true,
		transactionTimeout: defaultTransactionTimeout, mechanism: "PLAIN",
	}
	var errs []error
	for _, key := range slices.Sorted(maps.Keys(all)) {
		set, ok := properties[key]
		switch {
		case ok:
			if err := set(s, strings.TrimSpace(all[key])); err != nil {
				value := strconv.Quote(all[key])
				if secret(key) {
					value = "the value"
				}
				errs = append(errs, fmt.Errorf("%s%s: %s does not do: %w", prefix, key, value, err))
			}
		case !slices.Contains(withoutEffect, key):
			known := slices.Concat(slices.Collect(maps.Keys(properties)), withoutEffect)
			slices.Sort(known)
			text := fmt.Sprintf("%s%s is not a property that is known", prefix, key)
			if best := suggest.Nearest(key, known, max(2, len(key)/3)); best != "" {
				text += fmt.Sprintf("; did you mean %s%s?", prefix, best)
			}
			errs = append(errs, errors.New(text))
		}
	}
	if len(s.brokers) == 0 {
		errs = append(errs, fmt.Errorf("%sbootstrap.servers is missing: the brokers to begin with, as host:port", prefix))
	}
	errs = append(errs, s.connection(prefix))
	return s, errors.Join(errs...)
}

func secret(key string) bool {
	return strings.Contains(key, "password") || strings.Contains(key, "jaas") || strings.HasSuffix(key, ".key")
}

// connection puts together how brokers are spoken to.
func (s *settings) connection(prefix string) error {
	s.opts = append(s.opts, kgo.SeedBrokers(s.brokers...), kgo.RequestTimeoutOverhead(s.requestTimeout))
	if strings.HasSuffix(s.protocol, "SSL") {
		c, err := s.secure.Config(prefix)
		if err != nil {
			return err
		}
		s.opts = append(s.opts, kgo.DialTLSConfig(c))
	}
	if !strings.HasPrefix(s.protocol, "SASL") {
		if s.user != "" {
			return fmt.Errorf("%ssecurity.protocol is missing: a user is given, so it is SASL_SSL or SASL_PLAINTEXT", prefix)
		}
		return nil
	}
	if s.user == "" {
		return fmt.Errorf("%ssasl.jaas.config is missing: it names the user and the password (or sasl.username and sasl.password do)", prefix)
	}
	var m sasl.Mechanism
	switch s.mechanism {
	case "PLAIN":
		m = saslplain.Auth{User: s.user, Pass: s.password}.AsMechanism()
	case "SCRAM-SHA-256":
		m = scram.Auth{User: s.user, Pass: s.password}.AsSha256Mechanism()
	case "SCRAM-SHA-512":
		m = scram.Auth{User: s.user, Pass: s.password}.AsSha512Mechanism()
	}
	s.opts = append(s.opts, kgo.SASL(m))
	return nil
}

// jaasOption is name=value, name="value" or name='value'.
var jaasOption = regexp.MustCompile(`(\w+)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s;]+))`)

// jaas takes user and password out of a login module's options.
func (s *settings) jaas(v string) error {
	for _, m := range jaasOption.FindAllStringSubmatch(v, -1) {
		switch value := m[2] + m[3] + m[4]; m[1] {
		case "username":
			s.user = value
		case "password":
			s.password = value
		}
	}
	if s.user == "" {
		return errors.New("it has no username; the login modules of PLAIN and SCRAM take username=\"…\" password=\"…\"")
	}
	return nil
}

func (s *settings) identification(v string) error {
	switch v {
	case "":
		s.secure.AnyHost = true
	case "https":
		s.secure.AnyHost = false
	default:
		return errors.New("it is https, or empty to take any host")
	}
	return nil
}

// The lists of options.
func all(s *settings) *[]kgo.Opt     { return &s.opts }
func consume(s *settings) *[]kgo.Opt { return &s.consume }
func produce(s *settings) *[]kgo.Opt { return &s.produce }

func word[O kgo.Opt](list func(*settings) *[]kgo.Opt, opt func(string) O) property {
	return func(s *settings, v string) error {
		*list(s) = append(*list(s), opt(v))
		return nil
	}
}

func number[O kgo.Opt](list func(*settings) *[]kgo.Opt, opt func(int32) O) property {
	return func(s *settings, v string) error {
		n, err := strconv.ParseInt(v, 10, 32)
		if err != nil || n < 0 {
			return errors.New("it is a number")
		}
		*list(s) = append(*list(s), opt(int32(n)))
		return nil
	}
}

func parseMillis(v string) (time.Duration, error) {
	n, err := strconv.ParseInt(v, 10, 32)
	if err != nil || n < 0 {
		return 0, errors.New("it is a number of milliseconds")
	}
	return time.Duration(n) * time.Millisecond, nil
}

func millis[O kgo.Opt](list func(*settings) *[]kgo.Opt, opt func(time.Duration) O) property {
	return func(s *settings, v string) error {
		d, err := parseMillis(v)
		*list(s) = append(*list(s), opt(d))
		return err
	}
}

func duration(to func(*settings) *time.Duration) property {
	return func(s *settings, v string) (err error) {
		*to(s), err = parseMillis(v)
		return err
	}
}

func text(to func(*settings) *string) property {
	return func(s *settings, v string) error {
		*to(s) = v
		return nil
	}
}

func oneOf(to func(*settings) *string, values ...string) property {
	return func(s *settings, v string) error {
		if !slices.Contains(values, v) {
			return fmt.Errorf("what is known is %s", strings.Join(values, ", "))
		}
		*to(s) = v
		return nil
	}
}
