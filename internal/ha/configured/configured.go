// Package configured opens the store of high availability that the options name.
//
// It links all of them, among them the client of etcd, which programs of users should not: a JobManager
// within one gets a ha.Memory.
//
// Data flow: the commands that run a JobManager, or look for one, hand a ha.Store from here to it.
package configured

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/flott-dev/flott/config"
	"github.com/flott-dev/flott/internal/blob"
	"github.com/flott-dev/flott/internal/ha"
	"github.com/flott-dev/flott/internal/ha/dir"
	"github.com/flott-dev/flott/internal/ha/etcd"
)

// Survives reports whether what a JobManager knows survives it.
func Survives(c *config.Configuration) bool { return config.HighAvailability.Get(c) != "NONE" }

// clusterOf is the name of the cluster, as a path.
func clusterOf(c *config.Configuration) (string, error) {
	cluster := strings.Trim(config.HighAvailabilityCluster.Get(c), "/")
	if err := ha.CheckKey(cluster); err != nil {
		return "", fmt.Errorf("%s: %q is not a path of letters, digits, '-', '_' and '.'",
			config.HighAvailabilityCluster.Key, config.HighAvailabilityCluster.Get(c))
	}
	return cluster, nil
}

// Blobs is where the cluster keeps what is too large for records, such as programs of jobs; nil if nothing
// survives a JobManager.
func Blobs(ctx context.Context, c *config.Configuration) (blob.Store, error) {
	if !Survives(c) {
		return nil, nil
	}
	cluster, err := clusterOf(c)
	if err != nil {
		return nil, err
	}
	root, err := blob.Open(ctx, config.HighAvailabilityDir.Get(c))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", config.HighAvailabilityDir.Key, err)
	}
	return blob.Sub(root, cluster), nil
}

// FindLeader returns who leads, as soon as somebody does.
func FindLeader(ctx context.Context, s ha.Store) (ha.Leader, error) {
	found := ha.Leader{}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	err := s.Watch(ctx, func(l ha.Leader) {
		if l.Epoch != 0 && found.Epoch == 0 {
			found = l
			stop()
		}
	})
	if found.Epoch == 0 {
		return found, fmt.Errorf("no JobManager leads: %w", err)
	}
	return found, nil
}

// Open returns the store that the options high-availability.* name. It makes no request of etcd. log gets
// warnings of the store; the default is none.
func Open(ctx context.Context, c *config.Configuration, log *slog.Logger) (ha.Store, error) {
	cluster, err := clusterOf(c)
	if err != nil {
		return nil, err
	}
	kind := config.HighAvailability.Get(c)
	storage := config.HighAvailabilityDir.Get(c)
	if kind != "NONE" && storage == "" {
		return nil, fmt.Errorf("%s: %s needs %s: %w", config.HighAvailability.Key, kind, config.HighAvailabilityDir.Key, errMissing)
	}
	switch kind {
	case "directory":
		return openDir(ctx, storage, cluster)
	case "etcd":
		return openEtcd(ctx, c, storage, cluster, log)
	}
	return ha.NewMemory(), nil
}

var errMissing = errors.New("it is not set")

func openDir(ctx context.Context, storage, cluster string) (ha.Store, error) {
	root, err := blob.Open(ctx, storage)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", config.HighAvailabilityDir.Key, err)
	}
	files, ok := root.(*blob.Dir)
	if !ok {
		return nil, fmt.Errorf("%s: %s is not a directory; write a path or file:///path, or use %s: etcd",
			config.HighAvailabilityDir.Key, storage, config.HighAvailability.Key)
	}
	return dir.Open(dir.Options{Dir: files.Path(cluster)})
}

func openEtcd(ctx context.Context, c *config.Configuration, storage, cluster string, log *slog.Logger) (ha.Store, error) {
	endpoints := strings.FieldsFunc(config.EtcdEndpoints.Get(c), func(r rune) bool { return strings.ContainsRune(",; ", r) })
	if len(endpoints) == 0 {
		return nil, fmt.Errorf("%s: etcd needs %s: %w", config.HighAvailability.Key, config.EtcdEndpoints.Key, errMissing)
	}
	root, err := blob.Open(ctx, storage)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", config.HighAvailabilityDir.Key, err)
	}
	if _, memory := root.(*blob.Memory); memory {
		return nil, fmt.Errorf("%s: %s does not survive a JobManager", config.HighAvailabilityDir.Key, storage)
	}
	s, err := etcd.Open(etcd.Options{
		Endpoints: endpoints, ClusterID: cluster,
		Username: config.EtcdUsername.Get(c), Password: config.EtcdPassword.Get(c),
		CAFile: config.EtcdCAFile.Get(c), CertFile: config.EtcdCertFile.Get(c), KeyFile: config.EtcdKeyFile.Get(c),
		LeaseTimeout: config.EtcdLeaseTimeout.Get(c), Log: log,
	})
	if err != nil {
		return nil, err
	}
	return &ha.Large{Store: s, Blobs: blob.Sub(root, cluster+"/high-availability")}, nil
}
