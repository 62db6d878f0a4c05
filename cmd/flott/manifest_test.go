package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v3"

	"github.com/flott-dev/flott/config"
)

// TestManifests: the manifests for Kubernetes are YAML, and the options and flags in them are known.
func TestManifests(t *testing.T) {
	files, err := filepath.Glob("../../deploy/kubernetes/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		options, commands := 0, 0
		for d := yaml.NewDecoder(bytes.NewReader(data)); ; {
			var m manifest
			if err := d.Decode(&m); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatal(file, err)
			}
			for name, text := range m.Data {
				options++
				if _, err := config.Parse(name, []byte(text)); err != nil {
					t.Errorf("%s: %v", file, err)
				}
			}
			for _, c := range m.Spec.Template.Spec.Containers {
				commands++
				checkArguments(t, file, c.Args)
			}
		}
		if options != 1 || commands != 2 {
			t.Errorf("%s has %d files of options and %d commands", file, options, commands)
		}
	}
}

// manifest is what the test looks at.
type manifest struct {
	Data map[string]string
	Spec struct {
		Template struct {
			Spec struct{ Containers []struct{ Args []string } }
		}
	}
}

func checkArguments(t *testing.T, file string, args []string) {
	t.Helper()
	parser, err := kong.New(&commands{})
	if err != nil {
		t.Fatal(err)
	}
	for i, a := range args {
		args[i] = strings.ReplaceAll(a, "$(POD_IP)", "10.0.0.1")
		if i > 0 && args[i-1] == "-D" {
			if _, err := config.Parse("-D", []byte(strings.Replace(args[i], "=", ": ", 1))); err != nil {
				t.Errorf("%s: %v", file, err)
			}
		}
	}
	if _, err := parser.Parse(args); err != nil {
		t.Errorf("%s: flott %s: %v", file, strings.Join(args, " "), err)
	}
}
