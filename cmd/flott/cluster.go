package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/flott-dev/flott/config"
	"github.com/flott-dev/flott/internal/clock"
	"github.com/flott-dev/flott/internal/ha/configured"
	"github.com/flott-dev/flott/internal/process"
)

type clusterCmd struct {
	Start  clusterStartCmd  `cmd:"" help:"Start a JobManager and TaskManagers on this machine."`
	Stop   clusterStopCmd   `cmd:"" help:"Stop them."`
	Status clusterStatusCmd `cmd:"" help:"Show what runs."`

	Certificates clusterCertificatesCmd `cmd:"" help:"Make certificates for TLS between the processes of a cluster, and with clients."`
}

// inherited are the variables of the environment that the processes of a cluster get.
var inherited = []string{"PATH", "HOME", "TMPDIR", "TZ", "LANG", "FLOTT_CONF", "FLOTT_PROPERTIES", "FLOTT_TOKEN"}

// passed are the variables of the environment that workers of flott's own jobs get.
var passed []string

// clusterName is the option by which a local cluster is known.
type clusterName struct {
	Name string `default:"default" help:"The name of the local cluster, of which there may be several."`
}

func (n clusterName) dir() (string, error) { return process.StateDir(n.Name) }

type clusterStartCmd struct {
	clusterName
	configFlags
	JobManagers  int  `default:"1" name:"jobmanagers" help:"How many JobManagers, of which one leads; more than one need high-availability.type."`
	TaskManagers int  `default:"1" name:"taskmanagers" help:"How many TaskManagers."`
	Foreground   bool `help:"Stay, and stop the cluster on Ctrl-C."`
	Insecure     bool `help:"Listen where other machines can reach it although no credentials are configured."`

	LogLevel  string `placeholder:"LEVEL" help:"What the processes log, at least: debug, info, warn or error. It is env.log.level."`
	LogFormat string `placeholder:"FORMAT" help:"How: text or json. It is env.log.format."`
}

// Run starts the cluster.
func (s *clusterStartCmd) Run(ctx context.Context) error {
	began := time.Now()
	dir, err := s.dir()
	if err != nil {
		return err
	}
	cluster, err := process.OpenCluster(dir, clock.System{})
	if err != nil {
		return err
	}
	defer cluster.Close()
	if crashed, err := cluster.Begin(); err != nil {
		return err
	} else if len(crashed) > 0 {
		fmt.Printf("flott: a former cluster had crashed: %d processes are gone\n", len(crashed))
	}
	url, err := s.start(ctx, cluster)
	if err != nil {
		_, stopErr := cluster.Stop(10 * time.Second)
		return errors.Join(err, stopErr)
	}
	fmt.Printf("flott: the cluster is ready after %d ms: %s\n", time.Since(began).Milliseconds(), url)
	fmt.Printf("flott: its dashboard is at %s/\n", url)
	fmt.Printf("flott: its logs are in %s; run jobs with: flott run ./job\n", filepath.Join(dir, "log"))
	if !s.Foreground {
		return nil
	}
	interrupted, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	<-interrupted.Done()
	_, err = cluster.Stop(15 * time.Second)
	return err
}

// start starts the processes, and returns the URL of the REST interface.
func (s *clusterStartCmd) start(ctx context.Context, cluster *process.Cluster) (url string, err error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	c, err := s.effective()
	if err != nil {
		return "", err
	}
	if s.JobManagers > 1 && !configured.Survives(c) {
		return "", fmt.Errorf("%d JobManagers need a store that elects the one that leads: set %s, for example to directory, and %s",
			s.JobManagers, config.HighAvailability.Key, config.HighAvailabilityDir.Key)
	}
	jm, err := s.daemon(ctx, cluster, "jobmanager", "jobmanager")
	if err != nil {
		return "", err
	}
	for i := 2; i <= s.JobManagers; i++ {
		_, err := s.daemon(ctx, cluster, "jobmanager", "jobmanager-"+strconv.Itoa(i), "-D", "jobmanager.rpc.port=0", "-D", "rest.port=0")
		if err != nil {
			return "", err
		}
	}
	host, port, ok := strings.Cut(jm.Addresses["rpc"], ":")
	if !ok {
		return "", fmt.Errorf("the JobManager gives no address: %v", jm.Addresses)
	}
	for i := range s.TaskManagers {
		_, err := s.daemon(ctx, cluster, "taskmanager", "taskmanager-"+strconv.Itoa(i+1),
			"-D", "jobmanager.rpc.address="+host, "-D", "jobmanager.rpc.port="+port,
			"--artifacts", filepath.Join(cluster.Dir(), "jobmanager", "artifacts"))
		if err != nil {
			return "", err
		}
	}
	return jm.Addresses["rest"], nil
}

func (s *clusterStartCmd) daemon(ctx context.Context, cluster *process.Cluster, role, name string, args ...string) (process.Daemon, error) {
	self, err := os.Executable()
	if err != nil {
		return process.Daemon{}, err
	}
	all := []string{role, "--dir", filepath.Join(cluster.Dir(), name)}
	if s.Conf != "" {
		path, err := filepath.Abs(s.Conf)
		if err != nil {
			return process.Daemon{}, err
		}
		all = append(all, "--conf", path)
	}
	for _, kv := range s.Set {
		all = append(all, "-D", kv)
	}
	if s.Insecure {
		all = append(all, "--insecure")
	}
	if s.LogLevel != "" {
		all = append(all, "--log-level", s.LogLevel)
	}
	if s.LogFormat != "" {
		all = append(all, "--log-format", s.LogFormat)
	}
	return cluster.Start(ctx, role, process.Command{
		Name: name, Path: self, Args: append(all, args...),
		Inherit: inherited,
		Log:     process.Log{Path: filepath.Join(cluster.Dir(), "log", name+".log")},
	})
}

type clusterStopCmd struct{ clusterName }

// Run stops the cluster.
func (s *clusterStopCmd) Run() error {
	dir, err := s.dir()
	if err != nil {
		return err
	}
	cluster, err := process.OpenCluster(dir, clock.System{})
	if err != nil {
		return err
	}
	defer cluster.Close()
	n := len(cluster.Daemons())
	if n == 0 {
		return fmt.Errorf("no cluster %q is running; start one with: flott cluster start", s.Name)
	}
	killed, err := cluster.Stop(15 * time.Second)
	if err != nil {
		return err
	}
	fmt.Printf("flott: stopped %d processes", n)
	if len(killed) > 0 {
		fmt.Printf(", %d of them by force", len(killed))
	}
	fmt.Println()
	return nil
}

type clusterStatusCmd struct{ clusterName }

// Run shows the processes.
func (s *clusterStatusCmd) Run() error {
	dir, err := s.dir()
	if err != nil {
		return err
	}
	all, err := process.ClusterStatus(dir, time.Now())
	if err != nil {
		return err
	}
	if len(all) == 0 {
		return fmt.Errorf("no cluster %q is running; start one with: flott cluster start", s.Name)
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "PROCESS\tPID\tSTATE\tUPTIME\tMEMORY\tCPU\tADDRESS\tLOG")
	for _, d := range all {
		state := "running"
		if !d.Alive {
			state = "gone"
		}
		address := d.Addresses["rest"]
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%d MB\t%s\t%s\t%s\n", d.Name, d.Identity.PID, state, d.Uptime.Round(time.Second),
			d.Usage.RSS>>20, d.Usage.CPU.Round(10*time.Millisecond), address, d.Log)
	}
	return w.Flush()
}

// restURL is the URL of the JobManager that the configuration names.
func restURL(c *config.Configuration) string {
	return scheme(c) + config.RestAddress.Get(c) + ":" + config.RestPort.Get(c)
}

// scheme is how URLs of a JobManager begin.
func scheme(c *config.Configuration) string {
	if config.RestTLS.Get(c) {
		return "https://"
	}
	return "http://"
}
