package servertest

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
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

// unpacked writes an archive again without compression, for programs that read all of it whenever they start.
func unpacked(path string) (err error) {
	in, err := zip.OpenReader(path)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(path + ".new")
	if err != nil {
		return err
	}
	w := zip.NewWriter(out)
	for _, f := range in.File {
		if err == nil {
			err = store(w, f)
		}
	}
	if err = errors.Join(err, w.Close(), out.Close()); err != nil {
		return err
	}
	return os.Rename(out.Name(), path)
}

func store(w *zip.Writer, f *zip.File) error {
	r, err := f.Open()
	if err != nil {
		return err
	}
	defer r.Close()
	// Java wants the sizes of what is stored in front of it.
	to, err := w.CreateRaw(&zip.FileHeader{
		Name: f.Name, Method: zip.Store, CRC32: f.CRC32, CompressedSize64: f.UncompressedSize64, UncompressedSize64: f.UncompressedSize64,
	})
	if err == nil {
		_, err = io.Copy(to, r)
	}
	return err
}
