package servertest

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// installed says which of some programs is missing.
func installed(programs ...string) error {
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			return err
		}
	}
	return nil
}

// maven puts the archives that a project depends on into a directory.
func maven(dir, project string) error {
	pom := filepath.Join(dir, "pom.xml")
	if err := os.WriteFile(pom, []byte(project), 0o644); err != nil {
		return err
	}
	return run(exec.Command("mvn", "-q", "-B", "-ntp", "-f", pom, "dependency:copy-dependencies", "-DincludeScope=runtime",
		"-DoutputDirectory="+dir))
}

// run runs a program that is to end well.
func run(cmd *exec.Cmd) error {
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", filepath.Base(cmd.Path), err, out)
	}
	return nil
}

// unpack takes what has one of some prefixes out of an archive and puts it into the archive's directory as files, for
// programs that look through all of an archive when they find some of it there.
func unpack(archive string, prefixes ...string) (err error) {
	in, err := zip.OpenReader(archive)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(archive + ".new")
	if err != nil {
		return err
	}
	w := zip.NewWriter(out)
	for _, f := range in.File {
		out := slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(f.Name, p) })
		switch isDir := f.FileInfo().IsDir(); {
		case err != nil, out && isDir:
		case out:
			err = extract(f, filepath.Dir(archive))
		case isDir:
			_, err = w.Create(f.Name)
		default:
			err = w.Copy(f)
		}
	}
	if err = errors.Join(err, w.Close(), out.Close()); err != nil {
		return err
	}
	return os.Rename(out.Name(), archive)
}

func extract(f *zip.File, dir string) error {
	r, err := f.Open()
	if err != nil {
		return err
	}
	defer r.Close()
	path := filepath.Join(dir, f.Name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	content, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	return os.WriteFile(path, content, 0o644)
}
