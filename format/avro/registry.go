package avro

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/twmb/avro"
	"github.com/twmb/franz-go/pkg/sr"

	"github.com/flott-dev/flott/config"
	"github.com/flott-dev/flott/internal/certificate"
)

const confluentPrefix = "avro-confluent."

var (
	urlOption = config.Text(config.Doc{
		Key: "url", Aliases: []string{"schema-registry.url"}, Required: true,
		Text: "The URL of the schema registry, or several with commas between them.",
	})
	subjectOption = config.Text(config.Doc{
		Key: "subject", Aliases: []string{"schema-registry.subject"},
		Text: "The subject under which the schema of written records is registered. With Kafka the default is the topic with -value or -key.",
	})
	schemaOption = config.Text(config.Doc{
		Key: "schema", Aliases: []string{"schema-registry.schema"},
		Text: "The schema of written records, in JSON. By default it is derived from the columns.",
	})
	trustOption = config.Text(config.Doc{
		Key: "ssl.truststore.location", Text: "A file of certificates in PEM that the registry's must be signed by. By default those of the system.",
	})
	keyOption = config.Text(config.Doc{
		Key: "ssl.keystore.location", Text: "A file with a certificate and its key in PEM, by which the registry knows the client.",
	})
	basicSourceOption = config.Enum(config.Doc{
		Key: "basic-auth.credentials-source", Text: "Where user and password are: in `url`, or in `basic-auth.user-info`.",
	}, nil, "URL", "USER_INFO")
	basicOption = config.Text(config.Doc{
		Key: "basic-auth.user-info", Text: "User and password with a colon between them.",
	})
	bearerSourceOption = config.Enum(config.Doc{
		Key: "bearer-auth.credentials-source", Text: "Where the token is: in `bearer-auth.token`.",
	}, nil, "STATIC_TOKEN")
	bearerOption = config.Text(config.Doc{
		Key: "bearer-auth.token", Text: "A token by which the registry knows the client.",
	})
	registerOption = config.Bool(config.Doc{
		Key: "properties.auto.register.schemas", Default: "true", Text: "Whether a schema that the registry does not have is registered; otherwise it is an error.",
	})
	retriesOption = config.Int(config.Doc{
		Key: "properties.max.retries", Default: "3", Text: "How often a registry that does not answer is asked again.",
	}, 0, 1000)
	waitOption = config.Int(config.Doc{
		Key: "properties.retries.wait.ms", Default: "1000", Text: "How long is waited before that, in milliseconds; each time twice as long.",
	}, 0, 1<<30)
	waitMostOption = config.Int(config.Doc{
		Key: "properties.retries.max.wait.ms", Default: "20000", Text: "How long at most.",
	}, 0, 1<<30)
	timeoutOption = config.Int(config.Doc{
		Key: "properties.http.read.timeout.ms", Default: "60000", Text: "How long an answer is waited for, in milliseconds.",
	}, 1, 1<<30)
)

var confluentOptions = config.Set{
	urlOption, subjectOption, schemaOption, legacyTimestamps, trustOption, keyOption, basicSourceOption, basicOption, bearerSourceOption,
	bearerOption, registerOption, retriesOption, waitOption, waitMostOption, timeoutOption,
}

// registry is a schema registry, with what it has said. Several goroutines use it.
type registry struct {
	client         *sr.Client
	url            string
	register       bool // schemas that are not known
	retries        int
	wait, waitMost time.Duration

	mu struct {
		sync.Mutex
		byID map[int]*avro.SchemaNode
	}
}

func newRegistry(c *config.Configuration) (*registry, error) {
	millis := func(o *config.Option[int]) time.Duration { return time.Duration(o.Get(c)) * time.Millisecond }
	r := &registry{
		url: urlOption.Get(c), register: registerOption.Get(c), retries: retriesOption.Get(c), wait: millis(waitOption), waitMost: millis(waitMostOption),
	}
	r.mu.byID = map[int]*avro.SchemaNode{}
	httpClient := &http.Client{ // it is asked once for each schema
		Timeout: millis(timeoutOption), Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true},
	}
	opts := []sr.ClientOpt{sr.HTTPClient(httpClient), sr.UserAgent("flott")}
	stores := certificate.Stores{TrustFile: trustOption.Get(c), KeyFile: keyOption.Get(c)}
	if stores != (certificate.Stores{}) {
		tls, err := stores.Config(confluentPrefix)
		if err != nil {
			return nil, err
		}
		opts = append(opts, sr.DialTLSConfig(tls))
	}
	login, err := r.login(c)
	if err != nil {
		return nil, err
	}
	opts = append(opts, login...)
	if r.client, err = sr.NewClient(opts...); err != nil {
		return nil, fmt.Errorf("%surl: %w", confluentPrefix, err)
	}
	return r, nil
}

// login is what the registry knows the client by.
func (r *registry) login(c *config.Configuration) (opts []sr.ClientOpt, err error) {
	var urls []string
	var user *url.Userinfo
	for text := range strings.SplitSeq(r.url, ",") {
		u, err := url.Parse(strings.TrimSpace(text))
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			return nil, fmt.Errorf("%surl: a URL is not like http://host:8081", confluentPrefix)
		}
		if u.User != nil {
			user, u.User = u.User, nil
		}
		urls = append(urls, u.String())
	}
	r.url = strings.Join(urls, ",") // errors show it, and no password
	opts = append(opts, sr.URLs(urls...))
	info, hasInfo := basicOption.Lookup(c)
	token, hasToken := bearerOption.Lookup(c)
	source := basicSourceOption.Get(c)
	switch {
	case hasInfo && source != "USER_INFO":
		return nil, fmt.Errorf("%sbasic-auth.user-info has an effect with %sbasic-auth.credentials-source = USER_INFO only", confluentPrefix, confluentPrefix)
	case hasToken && bearerSourceOption.Get(c) == "":
		return nil, fmt.Errorf("%sbearer-auth.token has an effect with %sbearer-auth.credentials-source = STATIC_TOKEN only", confluentPrefix, confluentPrefix)
	case hasToken && (hasInfo || user != nil):
		return nil, fmt.Errorf("%sbearer-auth.token and %sbasic-auth.user-info cannot both be given", confluentPrefix, confluentPrefix)
	case source == "USER_INFO":
		name, password, ok := strings.Cut(info, ":")
		if !ok {
			return nil, fmt.Errorf("%sbasic-auth.user-info is not like user:password", confluentPrefix)
		}
		opts = append(opts, sr.BasicAuth(name, password))
	case user != nil:
		password, _ := user.Password()
		opts = append(opts, sr.BasicAuth(user.Username(), password))
	case hasToken:
		opts = append(opts, sr.BearerToken(token))
	}
	return opts, nil
}

// do asks the registry, again if it does not answer.
func (r *registry) do(ctx context.Context, ask func(ctx context.Context) error) error {
	wait := r.wait
	for try := 0; ; try++ {
		err := ask(ctx)
		var answer *sr.ResponseError
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.As(err, &answer) && (answer.StatusCode == http.StatusUnauthorized || answer.StatusCode == http.StatusForbidden):
			return fmt.Errorf("the schema registry %s refuses the client: look at %sbasic-auth.user-info or %sbearer-auth.token: %w", r.url, confluentPrefix, confluentPrefix, err)
		case errors.As(err, &answer) && answer.StatusCode < 500 && answer.StatusCode != http.StatusTooManyRequests && answer.StatusCode != http.StatusRequestTimeout:
			return fmt.Errorf("the schema registry %s: %w", r.url, err)
		case try == r.retries:
			return fmt.Errorf("the schema registry %s does not answer (%surl), asked %d times (%sproperties.max.retries): %w", r.url, confluentPrefix, try+1, confluentPrefix, err)
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		case <-timer.C:
		}
		wait = min(2*wait, r.waitMost)
	}
}

// errUnknown is that of a schema that the registry does not have.
var errUnknown = errors.New("the registry has no such schema")

// schema is the schema with an id.
func (r *registry) schema(ctx context.Context, id int) (*avro.SchemaNode, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n := r.mu.byID[id]; n != nil {
		return n, nil
	}
	var found sr.Schema
	err := r.do(ctx, func(ctx context.Context) (err error) {
		found, err = r.client.SchemaByID(ctx, id)
		return err
	})
	var answer *sr.ResponseError
	if errors.As(err, &answer) && answer.StatusCode == http.StatusNotFound {
		return nil, fmt.Errorf("%w: id %d at %s (%surl)", errUnknown, id, r.url, confluentPrefix)
	}
	if err != nil {
		return nil, err
	}
	if found.Type != sr.TypeAvro {
		return nil, fmt.Errorf("schema %d of %s is one of %v, and not of Avro", id, r.url, found.Type)
	}
	var cache avro.SchemaCache
	s, err := r.parse(ctx, &cache, found, 0)
	if err != nil {
		return nil, fmt.Errorf("schema %d of %s: %w", id, r.url, err)
	}
	n := s.Root()
	r.mu.byID[id] = n
	return n, nil
}

// referencesMax is how deep schemas may name others.
const referencesMax = 32

// parse parses a schema, and before it those that it names.
func (r *registry) parse(ctx context.Context, cache *avro.SchemaCache, s sr.Schema, depth int) (*avro.Schema, error) {
	if depth > referencesMax {
		return nil, errors.New("its references are nested too deeply")
	}
	for _, ref := range s.References {
		var found sr.SubjectSchema
		err := r.do(ctx, func(ctx context.Context) (err error) {
			found, err = r.client.SchemaByVersion(ctx, ref.Subject, ref.Version)
			return err
		})
		if err == nil {
			_, err = r.parse(ctx, cache, found.Schema, depth+1)
		}
		if err != nil {
			return nil, fmt.Errorf("its reference to version %d of %s: %w", ref.Version, ref.Subject, err)
		}
	}
	return cache.Parse(s.Schema, avro.WithLaxNames(nil))
}

// id is that of a schema under a subject, which has it registered unless it may not be.
func (r *registry) id(ctx context.Context, subject, text string) (id int, err error) {
	s := sr.Schema{Schema: text, Type: sr.TypeAvro}
	err = r.do(ctx, func(ctx context.Context) (err error) {
		if r.register {
			id, err = r.client.RegisterSchema(ctx, subject, s, -1, -1)
			return err
		}
		found, err := r.client.LookupSchema(ctx, subject, s)
		id = found.ID
		return err
	})
	var answer *sr.ResponseError
	switch {
	case errors.As(err, &answer) && answer.StatusCode == http.StatusConflict:
		return 0, fmt.Errorf("the schema of the table does not fit those of the subject %s, by its rule of compatibility: change the columns or %sschema, or the subject: %w", subject, confluentPrefix, err)
	case err != nil && !r.register && answer != nil && answer.StatusCode == http.StatusNotFound:
		return 0, fmt.Errorf("the subject %s has no such schema, and %sproperties.auto.register.schemas is false: %w", subject, confluentPrefix, err)
	case err != nil:
		return 0, fmt.Errorf("register the schema of subject %s: %w", subject, err)
	}
	return id, nil
}
