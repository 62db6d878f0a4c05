package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/flott-dev/flott/config"
	"github.com/flott-dev/flott/launch"
)

// configFlags are the options of a command line.
type configFlags struct {
	Conf string   `placeholder:"FILE" help:"File of options: docs/configuration.md. Flags stand before it."`
	Set  []string `short:"D" sep:"none" placeholder:"KEY=VALUE" help:"Set an option; stands before the file."`
}

// configuration is that of --conf, and over it what -D sets.
func (f *configFlags) configuration() (c *config.Configuration, err error) {
	c = &config.Configuration{}
	if f.Conf != "" {
		if c, err = config.Load(f.Conf); err != nil {
			return nil, err
		}
	}
	if err := c.SetPairs(f.Set...); err != nil {
		return nil, fmt.Errorf("-D: %w", err)
	}
	return c, nil
}

// effective is the configuration of the environment, and over it that of the flags.
func (f *configFlags) effective() (*config.Configuration, error) {
	c, err := launch.Environment()
	if err != nil {
		return nil, err
	}
	flags, err := f.configuration()
	if err != nil {
		return nil, err
	}
	c.Over(flags)
	return c, nil
}

type configCmd struct {
	Keys []string `arg:"" optional:"" help:"Parts of keys, such as checkpointing; all options by default."`
	configFlags
	Changed bool `help:"Only options that something sets."`
	JSON    bool `name:"json" help:"Print an object for each option."`
}

// Run prints the options.
func (c *configCmd) Run() error {
	conf, err := c.effective()
	if err != nil {
		return err
	}
	entries := slices.DeleteFunc(conf.Entries(), func(e config.Entry) bool {
		return c.Changed && e.From == "" || len(c.Keys) > 0 && !slices.ContainsFunc(c.Keys, e.Matches)
	})
	if len(entries) == 0 && len(c.Keys) > 0 && !c.Changed {
		return fmt.Errorf("no option has %s in its key; flott config without arguments prints all", strings.Join(c.Keys, " or "))
	}
	if c.JSON {
		return printJSON(os.Stdout, entries)
	}
	t := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	for _, e := range entries {
		value, from := e.Value, e.From
		if value == "" {
			value = "–"
		}
		if from == "" {
			from = "default"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\n", e.Key, value, from)
	}
	return t.Flush()
}

func printJSON(w io.Writer, entries []config.Entry) error {
	e := json.NewEncoder(w)
	for _, entry := range entries {
		if err := e.Encode(struct {
			Key   string `json:"key"`
			Value string `json:"value"`
			From  string `json:"from,omitempty"`
		}{entry.Key, entry.Value, entry.From}); err != nil {
			return err
		}
	}
	return nil
}
