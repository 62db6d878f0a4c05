package restapi

// Version is a program's version.
type Version struct {
	Version  string `json:"version"`
	Commit   string `json:"commit,omitempty"`
	Protocol int    `json:"protocol"`
	// Platform is what the JobManager runs on, such as linux/amd64.
	Platform string `json:"platform"`
	// Epoch is the term of the JobManager among those that have led the cluster.
	Epoch int64 `json:"epoch"`
}

// Submitted answers the submission of a job.
type Submitted struct {
	JobURL string `json:"jobUrl"`
}

// ArtifactBytesMax is how large an artifact may be, unless the JobManager says otherwise.
const ArtifactBytesMax = 2 << 30

// SessionRequest begins a session.
type SessionRequest struct {
	Token string `json:"token"`
}

// Session is who a client is, and its session if it has one.
type Session struct {
	Name string `json:"name"`
	Role string `json:"role"` // viewer, operator or admin
	// CSRF is what the header CSRFHeader must have in requests of the session that change something.
	CSRF string `json:"csrf,omitempty"`
	// Ends is when the session ends by itself, in milliseconds since 1970.
	Ends int64 `json:"ends,omitempty"`
}
