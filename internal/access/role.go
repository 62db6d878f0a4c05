package access

import (
	"fmt"
	"strings"
)

// Role is what somebody may do. A higher one may do all that a lower one may.
type Role int

// The roles.
const (
	// None may do nothing that needs a role.
	None Role = iota
	// Viewer looks at the cluster and its jobs.
	Viewer
	// Operator also has jobs that run cancelled, stopped, rescaled and saved.
	Operator
	// Admin also submits jobs, which is running any code, and ends the cluster.
	Admin
)

var roleNames = [...]string{"none", "viewer", "operator", "admin"}

// String is the role's name.
func (r Role) String() string { return roleNames[r] }

// ParseRole reads the name of a role that may do something.
func ParseRole(text string) (Role, error) {
	for r := Viewer; r <= Admin; r++ {
		if strings.EqualFold(text, r.String()) {
			return r, nil
		}
	}
	return None, fmt.Errorf("%q is no role; viewer, operator and admin are", text)
}

// Identity is somebody who has shown a credential.
type Identity struct {
	// Name is for people and logs.
	Name string
	Role Role
}
