package catalog

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/flott-dev/flott/internal/blob"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/ast"
	"github.com/flott-dev/flott/sql/internal/parse"
)

// fileName is the file of a catalog in its directory; fileFormat is how it begins.
//
// The file is SQL: CREATE statements, each database before what is in it. It is replaced as a whole, by
// compare-and-swap, so that it is never half of one state and half of another, and no session overwrites what it has not
// read. The second line has the number of the change and who made it: no two files are equal, so that a session knows its
// own again.
const (
	fileName   = "catalog.sql"
	fileFormat = "-- Flott catalog, format "
	fileNumber = "1"
)

// file is where a catalog is kept.
type file struct {
	store    blob.Store
	data     []byte // that was last read or written, nil where there is no file
	revision int
}

func openFile(ctx context.Context, path string) (*file, error) {
	if path == "" {
		return nil, errors.New("it has no 'path'")
	}
	store, err := blob.Open(ctx, path)
	if err != nil {
		return nil, err
	}
	return &file{store: store}, nil
}

// name is the file in messages.
func (f *file) name() string { return blob.Join(f.store.URI(), fileName) }

// read reads the file; nil says that nothing has changed. Statements that are the same as those of before keep what was
// made of them.
func (f *file) read(ctx context.Context, before databases) (databases, error) {
	data, err := f.store.Get(ctx, fileName)
	switch {
	case errors.Is(err, blob.ErrNotFound) && f.data == nil:
		return nil, nil
	case errors.Is(err, blob.ErrNotFound):
		return nil, &Error{Msg: "the catalog's file " + f.name() + " is gone", Hint: "DROP CATALOG and CREATE CATALOG begin a new one"}
	case err != nil:
		return nil, &Error{Msg: "the catalog's file cannot be read: " + err.Error()}
	case f.data != nil && bytes.Equal(data, f.data):
		return nil, nil
	}
	d, err := f.parse(string(data), before)
	if err == nil {
		f.data = data
	}
	return d, err
}

// write writes the file, unless it is no more what was read last.
func (f *file) write(ctx context.Context, d databases) (isWritten bool, err error) {
	next := f.text(d)
	err = f.store.Swap(ctx, fileName, f.data, next)
	if errors.Is(err, blob.ErrConflict) {
		// A request that was repeated finds its own effect.
		if now, err := f.store.Get(ctx, fileName); err != nil || !bytes.Equal(now, next) {
			return false, nil
		}
	} else if err != nil {
		return false, &Error{Msg: "the catalog's file cannot be written: " + err.Error()}
	}
	f.data = next
	f.revision++
	return true, nil
}

// text is the file of databases.
func (f *file) text(d databases) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s%s\n-- Revision %d, %s\n", fileFormat, fileNumber, f.revision+1, rand.Text())
	for _, name := range slices.Sorted(maps.Keys(d)) {
		x := d[name]
		fmt.Fprintf(&b, "\n%s;\n", strings.TrimRight(x.ddl(), "\n"))
		for _, n := range slices.Sorted(maps.Keys(x.functions)) {
			fmt.Fprintf(&b, "\n%s;\n", x.functions[n].ddl(name))
		}
		for _, n := range slices.Sorted(maps.Keys(x.tables)) {
			e := x.tables[n]
			if e.ddl == "" {
				e.ddl = strings.TrimRight(e.table.ddl(quote(name)+"."+quote(n), (*row.Type).SQL), "\n")
				e.table.stored = e.ddl
			}
			fmt.Fprintf(&b, "\n%s;\n", e.ddl)
		}
	}
	return b.Bytes()
}

func (d *Database) ddl() string {
	s := "CREATE DATABASE " + quote(d.Name) + "\n" + commentLine(d.Comment)
	if len(d.Options) > 0 {
		s += optionLines(d.Options)
	}
	return s
}

// parse reads the statements of a file.
func (f *file) parse(data string, before databases) (databases, error) {
	head, rest, _ := strings.Cut(data, "\n")
	number, ok := strings.CutPrefix(head, fileFormat)
	if !ok {
		return nil, f.damaged(1, "it does not begin with '"+fileFormat+fileNumber+"'")
	}
	if number != fileNumber {
		return nil, &Error{Msg: fmt.Sprintf("the catalog's file %s has the format %s, and this version of Flott reads format %s", f.name(), number, fileNumber), Hint: "use the version that has written it, or a later one"}
	}
	line, _, _ := strings.Cut(rest, "\n")
	if _, err := fmt.Sscanf(line, "-- Revision %d,", &f.revision); err != nil {
		return nil, f.damaged(2, "there is no revision")
	}
	d := databases{}
	p := parse.New(data)
	for {
		x, err := p.Next()
		if err == io.EOF {
			return d, nil
		}
		if err != nil {
			at := 0
			var e *parse.Error
			if errors.As(err, &e) {
				at = e.Span.From
			}
			return nil, f.damaged(lineOf(data, at), err.Error())
		}
		if msg := d.add(x, p.Text(x), before); msg != "" {
			return nil, f.damaged(lineOf(data, x.Extent().From), msg)
		}
	}
}

func lineOf(text string, at int) int { return strings.Count(text[:min(at, len(text))], "\n") + 1 }

func (f *file) damaged(line int, msg string) error {
	return &Error{
		Msg:  fmt.Sprintf("the catalog's file %s is damaged: line %d: %s", f.name(), line, msg),
		Hint: "correct the line, or restore the file from a copy",
	}
}

// add adds what a statement of a file makes, or says what is wrong with it.
func (d databases) add(x ast.Statement, ddl string, before databases) (wrong string) {
	switch x := x.(type) {
	case *ast.CreateDatabase:
		name := x.Name.Last().Name
		if d[name] != nil {
			return "there are two databases " + name
		}
		d[name] = newDatabase(name)
		if x.Comment != nil {
			d[name].Comment = *x.Comment
		}
		for _, o := range x.With {
			d[name].Options[o.Key] = o.Value
		}
		return ""
	case *ast.CreateFunction:
		in, name, wrong := d.place(x.Name)
		if wrong == "" {
			in.functions[strings.ToLower(name)] = &Function{Path: Path{Object: name}, As: x.As, Language: x.Language}
		}
		return wrong
	case *ast.CreateTable:
		return d.addTable(x.Name, x, ddl, before)
	case *ast.CreateView:
		return d.addTable(x.Name, x, ddl, before)
	}
	return "this is no CREATE statement of a database, table, view or function"
}

func (d databases) addTable(n ast.Name, x ast.Statement, ddl string, before databases) (wrong string) {
	in, name, wrong := d.place(n)
	if wrong != "" {
		return wrong
	}
	if in.tables[name] != nil {
		return "there are two tables " + name
	}
	in.tables[name] = &entry{ddl: ddl, stmt: x}
	if was := before[in.Name]; was != nil && was.tables[name] != nil && was.tables[name].ddl == ddl && !was.tables[name].isView() {
		in.tables[name] = was.tables[name]
	}
	return ""
}

// place is the database that a name of a file is in.
func (d databases) place(n ast.Name) (in *Database, name, wrong string) {
	if len(n) != 2 {
		return nil, "", "a name has its database before it"
	}
	if in = d[n[0].Name]; in == nil {
		return nil, "", "there is no database " + n[0].Name + " yet"
	}
	return in, n[1].Name, ""
}
