package kafka

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/connect/connecttest"
	"github.com/flott-dev/flott/internal/certificate"
	"github.com/flott-dev/flott/internal/servertest"
)

// TestSecureBroker writes to and reads from a broker over TLS, with a user and with a certificate, and is told what to change where it
// is refused.
func TestSecureBroker(t *testing.T) {
	dir := t.TempDir()
	if err := certificate.Make(dir, []string{"127.0.0.1"}, time.Hour); err != nil {
		t.Fatal(err)
	}
	pem := func(name string) string { return filepath.Join(dir, name) }
	b := servertest.NewSecureKafka(t, servertest.Secure{Certificate: pem("rest.pem"), Authority: pem("rest-ca.pem")})
	c := &cluster{[]string{b.Address}, t, nil}
	c.client = c.newClient()
	if r, err := kadm.NewClient(c.client).CreateTopics(t.Context(), 1, 1, nil, "a"); err != nil || r.Error() != nil {
		t.Fatal(err, r.Error())
	}
	login := fmt.Sprintf(`org.apache.kafka.common.security.plain.PlainLoginModule required username="%s" password="%s";`, servertest.KafkaUser, servertest.KafkaPassword)
	trust := map[string]string{"ssl.truststore.type": "PEM", "ssl.truststore.location": pem("rest-ca.pem")}
	with := func(properties ...string) map[string]string {
		all := maps.Clone(trust)
		all["default.api.timeout.ms"] = "30000"
		for _, p := range properties {
			key, value, _ := strings.Cut(p, "=")
			all[key] = value
		}
		return all
	}
	for i, x := range []struct {
		broker     string
		properties map[string]string
		want       string // of the error, "" for none
	}{
		{b.SASL, with("security.protocol=SASL_SSL", "sasl.mechanism=PLAIN", "sasl.jaas.config="+login), ""},
		{b.SASL, with("security.protocol=SASL_SSL", "sasl.mechanism=SCRAM-SHA-256", "sasl.jaas.config="+login), ""},
		{b.TLS, with("security.protocol=SSL", "ssl.keystore.type=PEM", "ssl.keystore.location="+pem("client.pem")), ""},
		{b.SASL, with("security.protocol=SASL_SSL", "sasl.mechanism=PLAIN", "sasl.username=flott", "sasl.password=wrong"), "look at sasl.jaas.config and sasl.mechanism"},
		{b.SASL, with("security.protocol=SASL_SSL", "sasl.mechanism=SCRAM-SHA-256", "sasl.username=nobody", "sasl.password=secret"), "look at sasl.jaas.config and sasl.mechanism"},
		{b.SASL, with("security.protocol=SASL_SSL", "sasl.mechanism=SCRAM-SHA-512", "sasl.jaas.config="+login), "look at sasl.mechanism and security.protocol"},
		{b.SASL, with("security.protocol=SSL"), "look at security.protocol and sasl.mechanism"},
		{b.SASL, with("security.protocol=SASL_PLAINTEXT", "sasl.mechanism=PLAIN", "sasl.jaas.config="+login), "want TLS: look at security.protocol"},
		{b.SASL, with("security.protocol=SASL_SSL", "sasl.mechanism=PLAIN", "sasl.jaas.config="+login, "ssl.truststore.location="+pem("internal-ca.pem")), "ssl.truststore"},
		{b.TLS, with("security.protocol=SSL"), "ssl.keystore"},
	} {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			brokers := []string{x.broker}
			write := func() error {
				w, err := Sink(SinkOptions{Brokers: brokers, Topic: "a", Properties: x.properties}, encoded).Writer(connect.WriterContext{Context: t.Context(), Parallelism: 1}, nil)
				if err != nil {
					return err
				}
				defer w.Close()
				if err := w.Write([]string{fmt.Sprint(i)}, []int64{noTime}); err != nil {
					return err
				}
				return w.Flush(false)
			}
			got, err := read(t, SourceOptions{Brokers: brokers, Topics: []string{"a"}, Properties: x.properties}, placed)
			if x.want != "" {
				for what, err := range map[string]error{"read": err, "write": write()} {
					if err == nil || !strings.Contains(err.Error(), x.want) {
						t.Errorf("%s: %v; want %s", what, err, x.want)
					}
				}
				return
			}
			if err != nil || len(got) != i {
				t.Errorf("it reads %v, %v", got, err)
			}
			if err := write(); err != nil {
				t.Error(err)
			}
		})
	}
	t.Run("password", func(t *testing.T) {
		changePassword(t, c, b, with("security.protocol=SASL_SSL", "sasl.mechanism=SCRAM-SHA-256", "sasl.jaas.config="+login, "default.api.timeout.ms=3000"))
	})
}

// changePassword has the password of a user be another one while jobs read and write: they fail when they were refused for long enough.
func changePassword(t *testing.T, c *cluster, b *servertest.Broker, properties map[string]string) {
	jobs := map[string]func() error{}
	brokers := []string{b.SASL}
	for _, o := range []SinkOptions{{Guarantee: AtLeastOnce}, {Guarantee: ExactlyOnce, TransactionPrefix: "password"}} {
		o.Brokers, o.Topic, o.Properties = brokers, "a", properties
		w, err := Sink(o, encoded).Writer(connect.WriterContext{Context: t.Context(), Parallelism: 1}, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		write := func() error { return errors.Join(w.Write([]string{"x"}, []int64{noTime}), w.Flush(false)) }
		if err := write(); err != nil {
			t.Fatal(err)
		}
		jobs[fmt.Sprint("the sink with the guarantee ", o.Guarantee)] = write
	}
	d := connecttest.NewDriver(t, Source(SourceOptions{Brokers: brokers, Topics: []string{"a"}, Properties: properties}, placed), 1, nil)
	read := func() error {
		_, err := d.Read(1)
		return err
	}
	if err := read(); err != nil {
		t.Fatal(err)
	}
	jobs["the source"] = func() (err error) {
		for err == nil {
			err = read()
		}
		return err
	}
	// A job that reads nothing yet, but looks for topics.
	none := connecttest.NewDriver(t, Source(SourceOptions{Brokers: brokers, TopicPattern: "none.*", Discover: time.Second, Properties: properties}, placed), 1, nil)
	for {
		if _, err := none.Poll(0); err != nil {
			t.Fatal(err)
		}
		if s := none.Snapshot(); len(s.Enumerator) > 1 && s.Enumerator[1] == 1 { // it has looked
			break
		}
	}
	jobs["the source without partitions"] = func() error {
		_, err := none.Read(1)
		return err
	}
	admin := kadm.NewClient(c.client)
	r, err := admin.AlterUserSCRAMs(t.Context(), nil, []kadm.UpsertSCRAM{{
		User: servertest.KafkaUser, Mechanism: kadm.ScramSha256, Iterations: 4096, Password: "another",
	}})
	if err != nil || r.Error() != nil {
		t.Fatal(err, r.Error())
	}
	b.Kill()
	b.Start(t)
	for what, job := range jobs {
		if err := job(); err == nil || !strings.Contains(err.Error(), "look at sasl.jaas.config") {
			t.Errorf("%s: %v", what, err)
		}
	}
}
