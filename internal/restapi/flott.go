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
