package nats

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	options "github.com/flott-dev/flott/config"
	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/format"
)

// The options of tables.
var (
	serversOption = options.Text(options.Doc{
		Key: "servers", Required: true, Text: "The servers to begin with, as `nats://host:4222`, with commas between them.",
	})
	streamOption = options.Text(options.Doc{
		Key: "stream", Text: "The streams that are read, with semicolons between them, or the stream that is written.",
	})
	subjectOption = options.Text(options.Doc{
		Key: "subject", Text: "The subjects that are read, with semicolons between them, which may have wildcards; by default all of the stream. Or the subject " +
			"that is written, where `{column}` stands for the value of a column; read, it is `*`.",
	})
	splitOption = options.Enum(options.Doc{
		Key: "scan.split-by", Default: "filter", Text: "What subtasks share: `filter` is each of `subject`, `subject` is each subject that these match.",
	}, nil, "filter", "subject")
	discoverOption = options.Duration(options.Doc{
		Key: "scan.subject-discovery.interval", Default: "10 s", Text: "How often new subjects are looked for, with `scan.split-by` = `subject`.",
	})
	startOption = options.Enum(options.Doc{
		Key: "scan.startup.mode", Default: "earliest", Text: "Where reading begins.",
	}, nil, "earliest", "latest", "timestamp", "sequence")
	startTimeOption = options.Int(options.Doc{
		Key: "scan.startup.timestamp-millis", Text: "Where it begins with `timestamp`, in milliseconds since 1970.",
	}, 0, 1<<62)
	startSequenceOption = options.Int(options.Doc{
		Key: "scan.startup.sequence", Text: "The number of the message with which it begins with `sequence`.",
	}, 1, 1<<62)
	stopOption = options.Enum(options.Doc{
		Key: "scan.bounded.mode", Default: "unbounded", Text: "Where reading ends.",
	}, nil, "unbounded", "latest", "timestamp", "sequence")
	stopTimeOption = options.Int(options.Doc{
		Key: "scan.bounded.timestamp-millis", Text: "Before which time it ends with `timestamp`, in milliseconds since 1970.",
	}, 0, 1<<62)
	stopSequenceOption = options.Int(options.Doc{
		Key: "scan.bounded.sequence", Text: "The number of the message before which it ends with `sequence`.",
	}, 1, 1<<62)
	lostOption = options.Enum(options.Doc{
		Key: "scan.lost-messages", Default: "fail", Text: "What is done when messages that were to be read have been removed from the stream, as by its limits: " +
			"`ignore` goes on without them.",
	}, nil, "fail", "ignore")
	scanParallelismOption = options.Int(options.Doc{
		Key: "scan.parallelism", Text: "How many subtasks read. By default one for each split, up to the job's parallelism.",
	}, 1, 1<<15)
	guaranteeOption = options.Enum(options.Doc{
		Key: "sink.delivery-guarantee", Default: "at-least-once", Text: "What holds for messages when a job fails. With `exactly-once` they are published when the " +
			"checkpoint that has them is complete, each of them once.",
	}, nil, "none", "at-least-once", "exactly-once")
	acceptOption = options.Bool(options.Doc{
		Key: "sink.accept-duplicates", Default: "false", Text: "Publishes the messages of a checkpoint again where it cannot be found out whether they are in the stream, " +
			"of `exactly-once`. By default the job fails then.",
	})
	userOption        = options.Text(options.Doc{Key: "user", Text: "The user."})
	passwordOption    = options.Text(options.Doc{Key: "password", Text: "The user's password."})
	tokenOption       = options.Text(options.Doc{Key: "token", Text: "A token, instead of a user."})
	credentialsOption = options.Text(options.Doc{Key: "credentials", Text: "A file of credentials (.creds), instead of a user."})
	caOption          = options.Text(options.Doc{Key: "tls.ca", Text: "A file with the certificates that are trusted, in PEM: the connection is encrypted."})
	certOption        = options.Text(options.Doc{Key: "tls.cert", Text: "The file with the client's certificate, in PEM."})
	keyOption         = options.Text(options.Doc{Key: "tls.key", Text: "The file with its key."})
	timeoutOption     = options.Duration(options.Doc{Key: "connect.timeout", Default: "1 min", Text: "How long servers that are away are waited for at the start, and how long a job that runs tries again when they do not let it in any more."})
)

// base is Table without what makes sources and sinks, which parse their options by it.
var base = connect.TableFactory{
	Name: "nats", Formatted: true,
	Options: append(options.Set{
		serversOption, streamOption, subjectOption, splitOption, discoverOption, startOption, startTimeOption, startSequenceOption,
		stopOption, stopTimeOption, stopSequenceOption, lostOption, scanParallelismOption, guaranteeOption, acceptOption,
		userOption, passwordOption, tokenOption, credentialsOption, caOption, certOption, keyOption, timeoutOption,
	}, connect.BadRecordOptions...),
}

// Table is the connector 'nats' of SQL: messages of streams in a format.
var Table = connect.TableFactory{
	Name: base.Name, Options: base.Options, Formatted: base.Formatted,
	NewSource: newTableSource,
	NewSink:   newTableSink,
}

// table is what source and sink of a table have in common.
type table struct {
	spec       *connect.TableSpec
	values     *options.Configuration
	connection Connection
	format     *format.Factory
	rows       format.Table
}

func newTable(t *connect.TableSpec) (*table, error) {
	o, err := base.Parse(t)
	if err != nil {
		return nil, err
	}
	c := &table{
		spec: t, values: o.Connector, format: o.Format, rows: format.Table{Schema: t.Schema, Options: o.FormatOptions, Zone: t.Zone},
	}
	v := c.values
	c.connection = Connection{
		User: userOption.Get(v), Password: passwordOption.Get(v), Token: tokenOption.Get(v), Credentials: credentialsOption.Get(v),
		Timeout: timeoutOption.Get(v),
	}
	for s := range strings.SplitSeq(serversOption.Get(v), ",") {
		c.connection.Servers = append(c.connection.Servers, strings.TrimSpace(s))
	}
	c.connection.TLS, err = encryption(caOption.Get(v), certOption.Get(v), keyOption.Get(v))
	if len(t.Partitions) > 0 {
		err = errors.Join(err, errors.New("the connector 'nats' has no PARTITIONED BY: 'subject' says where a row goes"))
	}
	return c, err
}

// encryption is TLS with files, nil if there are none.
func encryption(ca, cert, key string) (*tls.Config, error) {
	if ca == "" && cert == "" && key == "" {
		return nil, nil
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if ca != "" {
		pem, err := os.ReadFile(ca)
		if err != nil {
			return nil, fmt.Errorf("'tls.ca': %w", err)
		}
		if c.RootCAs = x509.NewCertPool(); !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, errors.New("'tls.ca' has no certificate in PEM")
		}
	}
	if cert != "" || key != "" {
		pair, err := tls.LoadX509KeyPair(cert, key)
		if err != nil {
			return nil, fmt.Errorf("'tls.cert' and 'tls.key': %w", err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}

// list are the items of a text with semicolons between them.
func list(text string) (items []string) {
	for item := range strings.SplitSeq(text, ";") {
		if item = strings.TrimSpace(item); item != "" {
			items = append(items, item)
		}
	}
	return items
}

// sourceOptions are those of reading.
func (c *table) sourceOptions() (*SourceOptions, error) {
	o := &SourceOptions{
		Connection: c.connection, Streams: list(streamOption.Get(c.values)), EachSubject: splitOption.Get(c.values) == "subject",
		Discover: discoverOption.Get(c.values), IgnoreLost: lostOption.Get(c.values) == "ignore",
	}
	for _, s := range list(subjectOption.Get(c.values)) {
		filter, err := parseSubject(s, c.spec.Schema)
		if err != nil {
			return nil, err
		}
		o.Subjects = append(o.Subjects, filter.filter())
	}
	var errs [3]error
	o.Start, errs[0] = c.position(startOption.Get(c.values), "scan.startup.", startTimeOption, startSequenceOption)
	if mode := stopOption.Get(c.values); mode != "unbounded" {
		o.Stop = new(Position)
		*o.Stop, errs[1] = c.position(mode, "scan.bounded.", stopTimeOption, stopSequenceOption)
	}
	errs[2] = o.check()
	return o, errors.Join(errs[:]...)
}

// position is the one that a mode means. prefix is before the options that belong to it.
func (c *table) position(mode, prefix string, millis, sequence *options.Option[int]) (Position, error) {
	switch mode {
	case "latest":
		return Latest(), nil
	case "timestamp":
		t, ok := millis.Lookup(c.values)
		if !ok {
			return Position{}, fmt.Errorf("the option '%stimestamp-millis' is missing, to which 'timestamp' belongs", prefix)
		}
		return At(time.UnixMilli(int64(t))), nil
	case "sequence":
		n, ok := sequence.Lookup(c.values)
		if !ok {
			return Position{}, fmt.Errorf("the option '%ssequence' is missing, to which 'sequence' belongs", prefix)
		}
		return Sequence(uint64(n)), nil
	}
	return Earliest(), nil
}
