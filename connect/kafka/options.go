package kafka

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"strings"
	"time"
)

// SourceOptions say what is read. Brokers, and Topics or TopicPattern, are needed.
type SourceOptions struct {
	// Brokers are those to begin with, as host:port. The others are learnt from them.
	Brokers []string
	// Topics are the topics; or TopicPattern is an expression that the names of topics match as a whole.
	Topics       []string
	TopicPattern string
	// Group is the consumer group whose offsets are written when a checkpoint is complete, and from which Committed begins. "" has
	// none. No other consumer may be in it.
	Group string
	// Start says where partitions begin: Earliest by default.
	Start Offsets
	// Stop, if it is not nil, makes the source bounded: each partition ends before the offset that it has there, which is found out when the
	// job starts.
	Stop *Offsets
	// Discover is how often new partitions are looked for. Zero means each five minutes, a negative time never. A bounded source looks once.
	Discover time.Duration
	// OnBad is what is done with records that cannot be decoded: Fail by default.
	OnBad Policy
	// Properties are those of Kafka's Java client, as security.protocol or fetch.min.bytes. docs/connectors/kafka.md has those that are
	// known.
	Properties map[string]string
}

const defaultDiscover = 5 * time.Minute

// config is checked options.
type config struct {
	SourceOptions
	*settings
	pattern *regexp.Regexp
}

// config checks the options. prefix is what properties begin with in messages.
func (o SourceOptions) config(prefix string) (*config, error) {
	properties := withBrokers(o.Properties, o.Brokers)
	if o.Group != "" {
		properties["group.id"] = o.Group
	}
	s, err := parseProperties(properties, prefix)
	errs := []error{err}
	c := &config{SourceOptions: o, settings: s}
	if c.Discover == 0 {
		c.Discover = defaultDiscover
	}
	if c.OnBad.handle == nil && !c.OnBad.skip {
		c.OnBad = Fail
	}
	switch {
	case len(o.Topics) > 0 && o.TopicPattern != "":
		errs = append(errs, errors.New("there are topics and a pattern of topics: one of them says what is read"))
	case len(o.Topics) == 0 && o.TopicPattern == "":
		errs = append(errs, errors.New("no topic is named"))
	case o.TopicPattern != "":
		if c.pattern, err = regexp.Compile("^(?:" + o.TopicPattern + ")$"); err != nil {
			errs = append(errs, fmt.Errorf("the pattern of topics: %w", err))
		}
	}
	for _, offsets := range []*Offsets{&o.Start, o.Stop} {
		if offsets != nil && offsets.kind == committed && s.group == "" {
			errs = append(errs, fmt.Errorf("%sgroup.id is missing: the offsets of that group are wanted", prefix))
			break
		}
	}
	return c, errors.Join(errs...)
}

// withBrokers are properties with the brokers of the options.
func withBrokers(properties map[string]string, brokers []string) map[string]string {
	all := map[string]string{}
	maps.Copy(all, properties)
	if len(brokers) > 0 {
		all["bootstrap.servers"] = strings.Join(brokers, ",")
	}
	return all
}
