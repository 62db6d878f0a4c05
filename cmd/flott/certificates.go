package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/flott-dev/flott/internal/certificate"
)

type clusterCertificatesCmd struct {
	Dir   string   `arg:"" help:"Where they go. If there are some, they are renewed."`
	Hosts []string `placeholder:"NAME" help:"Names and addresses at which clients and TaskManagers find the JobManager, besides those of this machine."`
	Days  int      `default:"90" help:"How long they are valid."`
}

// Run makes the certificates.
func (c *clusterCertificatesCmd) Run() error {
	hosts := append([]string{"localhost", "127.0.0.1", "::1"}, c.Hosts...)
	if name, err := os.Hostname(); err == nil {
		hosts = append(hosts, name)
	}
	if err := certificate.Make(c.Dir, hosts, time.Duration(c.Days)*24*time.Hour); err != nil {
		return err
	}
	options := func(file string) string { return filepath.Join(c.Dir, file) }
	fmt.Printf("flott: certificates for %d days are in %s; start the cluster with them by: flott cluster start --conf %s\n",
		c.Days, c.Dir, options(certificate.ClusterOptions))
	fmt.Printf("flott: for clients: export FLOTT_CONF=%s\n", options(certificate.ClientOptions))
	return nil
}
