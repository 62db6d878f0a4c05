package launch

import (
	"fmt"
	"os"

	"github.com/flott-dev/flott/config"
	"github.com/flott-dev/flott/internal/job"
	"github.com/flott-dev/flott/stream"
)

// ConfigurationVariable is the environment variable that names a file of options for every job that is
// launched: see config.Load.
const ConfigurationVariable = "FLOTT_CONF"

// PropertiesVariable is the environment variable with options for every job that is launched, as lines "key: value" or YAML. They stand
// before those of the file.
const PropertiesVariable = "FLOTT_PROPERTIES"

// Environment is the configuration that the environment gives every job, by FLOTT_CONF and FLOTT_PROPERTIES.
func Environment() (*config.Configuration, error) {
	c := &config.Configuration{}
	if path := os.Getenv(ConfigurationVariable); path != "" {
		var err error
		if c, err = config.Load(path); err != nil {
			return nil, fmt.Errorf("%s: %w", ConfigurationVariable, err)
		}
	}
	more, err := config.Parse(PropertiesVariable, []byte(os.Getenv(PropertiesVariable)))
	if err != nil {
		return nil, err
	}
	c.Over(more)
	return c, nil
}

// Configuration runs the job with the options of c, as far as code does not set them. What stands first
// is taken:
//
//  1. options in code: of stream.NewEnv, of operators, of launch
//  2. stream.Configuration, which has what SET has set in SQL
//  3. c, in which a key=value that was set later stands before a file
//  4. the options in FLOTT_PROPERTIES
//  5. the file that FLOTT_CONF names
//  6. defaults
func Configuration(c *config.Configuration) Option {
	return func(o *job.Options) { o.Configuration = c }
}

// configure gives env its configuration, which it returns: nil for none.
func configure(env *stream.Env, options []Option) (*config.Configuration, error) {
	var given job.Options
	for _, o := range options {
		o(&given)
	}
	c, err := Environment()
	if err != nil {
		return nil, err
	}
	c.Over(given.Configuration)
	c.Over(stream.ConfigurationOf(env))
	env.Configure(c)
	return c, nil
}

// configured is what c sets of the run itself, as options.
func configured(c *config.Configuration) (options []Option) {
	if path, ok := config.RestorePath.Lookup(c); ok {
		mode := NoClaim
		if config.RestoreMode.Get(c) == "CLAIM" {
			mode = Claim
		}
		options = append(options, RestoreFrom(path, mode))
	}
	if config.AllowNonRestored.Get(c) {
		options = append(options, AllowNonRestoredState())
	}
	if dir, ok := config.TempDir.Lookup(c); ok {
		options = append(options, TempDir(dir))
	}
	if d, ok := config.CancelTimeout.Lookup(c); ok {
		options = append(options, CancelTimeout(d))
	}
	return options
}
