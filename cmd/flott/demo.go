package main

import "context"

type demoCmd struct {
	Seconds int `default:"0" help:"Seconds to run; 0 runs until Ctrl-C."`
}

// Run runs the demo.
func (c *demoCmd) Run(ctx context.Context) error { return nil }
