package config

// High availability of a cluster's JobManager.
var (
	HighAvailability = define(Enum(Doc{
		Key: "high-availability.type", Aliases: []string{"high-availability"}, Default: "NONE",
		Text: "What elects the JobManager that leads, and keeps what must survive it. `directory` is for JobManagers on one machine, or on a file " +
			"system that they share and that has locks; `etcd` for several machines. With NONE a JobManager takes what it knows with it.",
	}, map[string]string{"filesystem": "directory"}, "NONE", "directory", "etcd"))
	HighAvailabilityDir = define(Text(Doc{
		Key: "high-availability.storageDir",
		Text: "Where what must survive a JobManager lies: with `directory` a path or `file:///path`, all of it; with `etcd` also `s3://bucket/prefix`, " +
			"values that are too large for etcd. Programs of jobs are there, and the checkpoints of jobs that name no directory.",
	}))
	HighAvailabilityCluster = define(Text(Doc{
		Key: "high-availability.cluster-id", Default: "/default",
		Text: "The name of the cluster: JobManagers with the same one contend with each other. A path of letters, digits, `-`, `_` and `.`.",
	}))
	EtcdEndpoints = define(Text(Doc{
		Key:  "high-availability.etcd.endpoints",
		Text: "The members of etcd, separated by commas: `host:2379`, or URLs. With `https://` connections use TLS.",
	}))
	EtcdUsername = define(Text(Doc{
		Key: "high-availability.etcd.username", Text: "A user of etcd who may read and write keys that begin with `/flott/` and the cluster's name.",
	}))
	EtcdPassword = define(Text(Doc{
		Key: "high-availability.etcd.password", Text: "The password of that user.",
	}))
	EtcdCAFile = define(Text(Doc{
		Key:  "high-availability.etcd.ca-file",
		Text: "Certificates, in PEM, of whoever vouches for the members of etcd; connections use TLS. By default the system's.",
	}))
	EtcdCertFile = define(Text(Doc{
		Key: "high-availability.etcd.cert-file", Text: "The certificate, in PEM, that the JobManager shows to etcd.",
	}))
	EtcdKeyFile = define(Text(Doc{
		Key: "high-availability.etcd.key-file", Text: "The key of that certificate.",
	}))
	EtcdLeaseTimeout = define(Duration(Doc{
		Key: "high-availability.etcd.lease-timeout", Default: "15 s",
		Text: "How long standbys wait for a leader that etcd has not heard of, in whole seconds. A leader that does not reach etcd gives up after three quarters of it.",
	}))
)
