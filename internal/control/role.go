package control

// Role is what a process that connects to the JobManager says in the handshake that it is.
type Role string

// The roles.
const (
	TaskManager Role = "taskmanager"
	Worker      Role = "worker"
)
