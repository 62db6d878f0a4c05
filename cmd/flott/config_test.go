package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flott-dev/flott/launch"
)

// TestConfig prints options of the environment, a file and -D, what stands first, and no secrets.
func TestConfig(t *testing.T) {
	dir := t.TempDir()
	files := map[string]string{
		"env.yaml":   "parallelism.default: 2\nstate.backend: rocksdb\npipeline.max-parallelism: 64\n",
		"given.yaml": "parallelism:\n  default: 3\n",
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	t.Setenv(launch.ConfigurationVariable, "env.yaml")
	t.Setenv(launch.PropertiesVariable, "pipeline.max-parallelism: 32\npipeline.global-job-parameters: {db.password: hush, city: Rome}\n")
	c := configCmd{configFlags: configFlags{Conf: "given.yaml", Set: []string{"execution.checkpointing.interval=10 s"}}, Changed: true}
	want := `execution.checkpointing.interval  10 s                           -D
parallelism.default               3                              given.yaml:2
pipeline.global-job-parameters    city:Rome,db.password:******   FLOTT_PROPERTIES:2
pipeline.max-parallelism          32                             FLOTT_PROPERTIES:1
state.backend.type                rocksdb                        env.yaml:2
`
	got := captured(t, c.Run)
	if strings.Join(strings.Fields(got), " ") != strings.Join(strings.Fields(want), " ") {
		t.Errorf("got\n%swant\n%s", got, want)
	}

	c = configCmd{Keys: []string{"state.backend"}, JSON: true} // an alias of state.backend.type and others
	if got := captured(t, c.Run); !strings.Contains(got, `{"key":"state.backend.type","value":"rocksdb","from":"env.yaml:2"}`) ||
		!strings.Contains(got, `{"key":"execution.checkpointing.incremental","value":"true"}`) || strings.Contains(got, "parallelism") {
		t.Errorf("got\n%s", got)
	}
	c = configCmd{Keys: []string{"state.bakend"}}
	if err := c.Run(); err == nil || !strings.Contains(err.Error(), "state.bakend") {
		t.Errorf("error %v", err)
	}
	t.Setenv(launch.PropertiesVariable, "paralelism.default: 2")
	if err := c.Run(); err == nil || !strings.Contains(err.Error(), `FLOTT_PROPERTIES:1: there is no option "paralelism.default"; did you mean "parallelism.default"?`) {
		t.Errorf("error %v", err)
	}
}
