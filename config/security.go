package config

// Who may talk to a cluster, and who can listen.
var (
	InternalTLS = define(Bool(Doc{
		Key: "security.ssl.internal.enabled", Default: "false",
		Text: "Has JobManager, TaskManagers and workers talk to each other by mutual TLS only. Whoever has a certificate of `security.ssl.internal.ca-file` is one of them, whatever its host.",
	}))
	InternalCertFile = define(Text(Doc{
		Key:  "security.ssl.internal.cert-file",
		Text: "The certificate of a process of the cluster, in PEM, with those between it and the authority's. All may have the same one. Files of `security.…` are read anew for each connection, so that certificates can be renewed while the cluster runs.",
	}))
	InternalKeyFile = define(Text(Doc{
		Key: "security.ssl.internal.key-file", Text: "The key of that certificate, in PEM and not encrypted. By default it is in the same file.",
	}))
	InternalCAFile = define(Text(Doc{
		Key:  "security.ssl.internal.ca-file",
		Text: "Certificates, in PEM, of who vouches for processes of the cluster, and for nobody else: never one of a public authority.",
	}))
	RestTLS = define(Bool(Doc{
		Key: "security.ssl.rest.enabled", Default: "false",
		Text: "Has the JobManager serve its REST interface by TLS only, and clients look for it at `https://`.",
	}))
	RestAuthentication = define(Bool(Doc{
		Key: "security.ssl.rest.authentication-enabled", Default: "false",
		Text: "Lets clients in only with a certificate of `security.ssl.rest.ca-file`.",
	}))
	RestCertFile = define(Text(Doc{
		Key:  "security.ssl.rest.cert-file",
		Text: "The certificate, in PEM, of the REST interface, with the names of its host; for clients, and for TaskManagers, which fetch programs there, the one that they show if they are asked.",
	}))
	RestKeyFile = define(Text(Doc{
		Key: "security.ssl.rest.key-file", Text: "The key of that certificate, in PEM and not encrypted. By default it is in the same file.",
	}))
	RestCAFile = define(Text(Doc{
		Key:  "security.ssl.rest.ca-file",
		Text: "Certificates, in PEM, of who vouches for the REST interface, and for its clients if they are asked. By default clients trust the system's.",
	}))
	RestCredentials = define(Text(Doc{
		Key: "security.rest.credentials-file",
		Text: "A file with who may use the REST interface, one a line: a role (viewer, operator or admin), a name, and a token or `sha256:` with the hexadecimal digits of its hash. Only its owner may be able to read it, " +
			"or root and a group. It is read anew when it has changed. The token of `FLOTT_TOKEN` is an admin's besides.",
	}))
	RestCertificateRoles = define(Pairs(Doc{
		Key: "security.rest.certificate-roles",
		Text: "The roles of clients by the common names of their certificates, such as `Grafana:viewer,Flott JobManager:admin`; TaskManagers fetch programs with theirs, as admins. Others have none. By default whoever has a certificate is an admin, " +
			"or, where there are tokens, shows one besides.",
	}))
	RestSessionLife = define(Duration(Doc{
		Key: "security.rest.session.lifetime", Default: "8 h",
		Text: "How long a browser may go on after a token was shown in it.",
	}))
)
