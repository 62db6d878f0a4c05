package file

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"

	"github.com/flott-dev/flott/connect"
)

type csvConfig struct {
	comma, comment rune
	lazyQuotes     bool
	header         bool
}

// CSV is a source of the records of CSV files, with the rules of encoding/csv. T is a struct, whose
// exported fields are the cells in their order, or by name with Header (the tag csv:"name" renames
// a column, csv:"-" leaves a field out), or []string. A record with another number of cells is bad.
func CSV[T any](pattern string, options ...Option) connect.Source[T] {
	return &source[T]{newConfig(pattern, options), newCSVFormat[T]}
}

type csvFormat[T any] struct {
	cfg     csvConfig
	columns []column // nil: T is []string
	cells   []int    // the cell of each column, with a header
	csv     *csv.Reader
	base    int64 // offset at which csv began
	value   T
}

func newCSVFormat[T any](cfg *config) (format[T], error) {
	f := &csvFormat[T]{cfg: cfg.csv}
	if reflect.TypeFor[T]() == reflect.TypeFor[[]string]() {
		return f, nil
	}
	var err error
	f.columns, err = columnsOf(reflect.TypeFor[T]())
	return f, err
}

func (f *csvFormat[T]) open(in io.Reader) *csv.Reader {
	c := csv.NewReader(in)
	c.Comma, c.Comment, c.LazyQuotes = f.cfg.comma, f.cfg.comment, f.cfg.lazyQuotes
	c.ReuseRecord = true
	c.FieldsPerRecord = -1
	return c
}

// begin reads the header, which a restored reader finds at the beginning of the file.
func (f *csvFormat[T]) begin(r *reader[T], in *content) error {
	s := &r.splits[0]
	f.base = s.pos
	f.csv = f.open(in)
	if !f.cfg.header {
		if f.columns != nil {
			f.csv.FieldsPerRecord = len(f.columns)
		}
		return nil
	}
	header, err := f.header(r, s)
	if err != nil {
		return err
	}
	f.csv.FieldsPerRecord = len(header)
	s.pos = f.base + f.csv.InputOffset()
	f.cells = f.cells[:0]
	for _, c := range f.columns {
		i := slices.IndexFunc(header, func(h string) bool {
			return strings.EqualFold(strings.TrimSpace(h), c.name)
		})
		if i < 0 {
			return fmt.Errorf("file: %q has no column %q, only %q; rename it with a tag csv:\"…\" or "+
				"leave the field out with csv:\"-\"", s.path, c.name, header)
		}
		f.cells = append(f.cells, i)
	}
	return nil
}

func (f *csvFormat[T]) header(r *reader[T], s *split) (header []string, err error) {
	c := f.csv
	if s.pos > 0 {
		head, err := r.disk().openAt(s.path, 0)
		if err != nil {
			return nil, err
		}
		defer head.Close()
		c = f.open(head)
	}
	header, err = c.Read()
	if err == io.EOF {
		err = errors.New("the file has no header")
	}
	if err != nil {
		return nil, readError(s.path, 0, err)
	}
	header = slices.Clone(header)
	header[0] = strings.TrimPrefix(header[0], "\ufeff")
	return header, nil
}

func (f *csvFormat[T]) poll(r *reader[T], out *connect.Output[T]) (bool, error) {
	s := &r.splits[0]
	for out.Room() > 0 {
		cells, err := f.csv.Read()
		if err == io.EOF {
			return true, nil
		}
		if err != nil {
			err = f.badRecord(r, s, err)
		} else if cell, cause := f.decode(cells); cause != nil {
			err = f.badCell(r, s, cell, cause)
		} else {
			out.Emit(f.value)
		}
		if err != nil {
			return false, err
		}
		s.pos = f.base + f.csv.InputOffset()
	}
	return false, nil
}

// badRecord deals with what is no CSV; any other error is the file's.
func (f *csvFormat[T]) badRecord(r *reader[T], s *split, err error) error {
	var parse *csv.ParseError
	if !errors.As(err, &parse) {
		return readError(s.path, f.base+f.csv.InputOffset(), err)
	}
	return r.bad(f.base, int64(parse.Line-1), parse.Column, f.text(r, s), parse.Err)
}

func (f *csvFormat[T]) badCell(r *reader[T], s *split, cell int, err error) error {
	line, column := f.csv.FieldPos(cell)
	return r.bad(f.base, int64(line-1), column, f.text(r, s), err)
}

// text gives the record that was read last as it is in the file.
func (f *csvFormat[T]) text(r *reader[T], s *split) func() string {
	from, to := s.pos, f.base+f.csv.InputOffset()
	return func() string { return rawText(r.disk(), s.path, from, to) }
}

// decode fills the value; in case of an error it tells the cell.
func (f *csvFormat[T]) decode(cells []string) (cell int, err error) {
	if f.columns == nil {
		*any(&f.value).(*[]string) = slices.Clone(cells)
		return 0, nil
	}
	f.value = *new(T)
	v := reflect.ValueOf(&f.value).Elem()
	for i := range f.columns {
		c := &f.columns[i]
		cell = i
		if f.cfg.header {
			cell = f.cells[i]
		}
		if err := c.decode(v.Field(c.field), cells[cell]); err != nil {
			return cell, fmt.Errorf("column %q: %w", c.name, err)
		}
	}
	return 0, nil
}

// rawText is a part of a file as it is, for an error.
func rawText(d disk, path string, from, to int64) string {
	s, err := d.openAt(path, from)
	if err != nil {
		return ""
	}
	defer s.Close()
	b, err := io.ReadAll(io.LimitReader(s, to-from))
	if err != nil {
		return ""
	}
	return string(trimEnd(b))
}
