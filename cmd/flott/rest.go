package main

import (
	"fmt"
	"os"

	"github.com/flott-dev/flott/config"
	"github.com/flott-dev/flott/internal/access"
	"github.com/flott-dev/flott/internal/certificate"
	"github.com/flott-dev/flott/internal/rest"
	"github.com/flott-dev/flott/internal/restapi"
)

// restServer is the REST interface of a JobManager that does not lead yet.
// What depends on the process's own options is in o.
func restServer(programs rest.Artifacts, c *config.Configuration, o rest.Options) *rest.Server {
	o.Artifacts, o.Version = programs, version
	o.Config = func() (all []restapi.KeyValue) {
		for _, e := range c.Entries() {
			all = append(all, restapi.KeyValue{Key: e.Key, Value: e.Value})
		}
		return all
	}
	return rest.New(nil, o)
}

// restAccess takes from the environment and the options who may use the REST interface. What is wrong with that now is an error.
func restAccess(c *config.Configuration) (o rest.Options, err error) {
	o.Token, o.SessionLife = os.Getenv("FLOTT_TOKEN"), config.RestSessionLife.Get(c)
	o.PlainLabels, o.Version = !config.MetricsFilterLabels.Get(c), version
	if o.TLS, err = certificate.RestServer(c); err != nil {
		return o, err
	}
	if path, ok := config.RestCredentials.Lookup(c); ok {
		if o.Tokens, err = access.OpenTokens(path); err != nil {
			return o, fmt.Errorf("%s: %w", config.RestCredentials.Key, err)
		}
	}
	roles, ok := config.RestCertificateRoles.Lookup(c)
	if !ok {
		return o, nil
	}
	if !certificate.Authenticates(o.TLS) {
		return o, fmt.Errorf("%s is set, but clients are not asked for certificates: %s does that", config.RestCertificateRoles.Key, config.RestAuthentication.Key)
	}
	o.CertificateRoles = map[string]access.Role{}
	for name, role := range roles {
		if o.CertificateRoles[name], err = access.ParseRole(role); err != nil {
			return o, fmt.Errorf("%s: %s: %w", config.RestCertificateRoles.Key, name, err)
		}
	}
	return o, nil
}
