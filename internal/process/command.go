package process

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/flott-dev/flott/internal/clock"
)

// Command says what Start starts.
type Command struct {
	// Name is how errors and logs call the process: "worker w-3 of job wordcount". Needed.
	Name string
	// Path is the executable, absolute or relative to the directory of the caller; PATH is not
	// searched. Needed.
	Path string
	// Args are the arguments without the name of the program.
	Args []string
	// Env has the environment, as name=value. Nothing else is in it but Inherit, GOMEMLIMIT if
	// there is a limit of memory and it is not set here, and two variables of this package.
	Env []string
	// Inherit names variables that are passed on as the caller has them; one that it does not have
	// is left out.
	Inherit []string
	// Dir is the working directory; empty: that of the caller.
	Dir string
	// Files are open in the child from descriptor FirstFile on. The caller keeps its own.
	Files []*os.File
	// Log is where standard output and standard error go. Needed.
	Log Log
	// Memory limits the child. The zero value does not.
	Memory Memory
	// Detached makes a daemon: a session of its own. It lives on when the caller ends, once
	// Process.Detach has been called.
	Detached bool
	// Clock times the grace of Stop and the watch of memory; nil: the machine's.
	Clock clock.Clock
}

// Descriptors of the child.
const (
	lifeFile  = 3
	readyFile = 4
	// FirstFile is the descriptor of the first of Command.Files.
	FirstFile = 5
)

// Variables of this package in the environment of a child.
const (
	// childVariable has the child's settings; Tether takes it out of the environment.
	childVariable = "FLOTT_PROCESS"
	// parentVariable has the parent's Identity; it stays, so that Sweep knows descendants by it.
	parentVariable = "FLOTT_PARENT"
)

// settings is what a child is told in childVariable.
type settings struct {
	Name     string `json:"name"`
	Parent   int    `json:"parent"` // pid
	Detached bool   `json:"detached,omitempty"`
	Log      Log    `json:"log"`
}

// withDefaults fills in what has defaults, and reports all that is wrong.
func (c Command) withDefaults() (Command, error) {
	var wrong []error
	if c.Name == "" {
		wrong = append(wrong, errors.New("no name"))
	}
	if c.Path == "" {
		wrong = append(wrong, errors.New("no executable"))
	}
	for _, e := range c.Env {
		if name, _, ok := strings.Cut(e, "="); !ok || name == "" {
			wrong = append(wrong, fmt.Errorf("environment %q: want name=value", e))
		}
	}
	if c.Detached && c.Memory.Limit != 0 {
		wrong = append(wrong, errors.New("a daemon has no limit of memory"))
	}
	wrong = append(wrong, c.Memory.validate(), c.Log.validate())
	if err := errors.Join(wrong...); err != nil {
		return c, fmt.Errorf("start %q: %w", c.Name, err)
	}
	path, err := filepath.Abs(c.Path) // else a relative one would count from Dir
	if err != nil {
		return c, fmt.Errorf("start %q: %w", c.Name, err)
	}
	if c.Log.Path, err = filepath.Abs(c.Log.Path); err != nil {
		return c, fmt.Errorf("start %q: %w", c.Name, err)
	}
	c.Path, c.Log = path, c.Log.withDefaults()
	if c.Clock == nil {
		c.Clock = clock.System{}
	}
	return c, nil
}

// environment is all of the child's.
func (c Command) environment(self Identity) ([]string, error) {
	told, err := json.Marshal(settings{c.Name, self.PID, c.Detached, c.Log})
	if err != nil {
		return nil, err
	}
	env := map[string]string{}
	for _, name := range c.Inherit {
		if value, ok := os.LookupEnv(name); ok {
			env[name] = value
		}
	}
	if c.Memory.Limit > 0 {
		env["GOMEMLIMIT"] = strconv.FormatInt(c.Memory.goLimit(), 10)
	}
	for _, e := range c.Env {
		name, value, _ := strings.Cut(e, "=")
		env[name] = value
	}
	env[childVariable], env[parentVariable] = string(told), self.String()
	if c.Detached {
		delete(env, parentVariable) // nobody is to take it for a descendant
	}
	var list []string
	for _, name := range slices.Sorted(maps.Keys(env)) {
		list = append(list, name+"="+env[name])
	}
	return list, nil
}
