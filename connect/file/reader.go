package file

import (
	"errors"

	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/metric"
)

// format turns the content of splits into records. It belongs to one reader.
type format[T any] interface {
	// begin reads from in, which is at the split's position, from now on.
	begin(r *reader[T], in *content) error
	// poll emits records and moves the split's position; it reports whether the split is at its end.
	poll(r *reader[T], out *connect.Output[T]) (done bool, err error)
}

type source[T any] struct {
	cfg    *config
	format func(*config) (format[T], error)
}

func (s *source[T]) Bounded() bool { return !s.cfg.watched }

func (s *source[T]) Enumerator(ctx connect.EnumeratorContext, state []byte,
) (connect.Enumerator, error) {
	if err := s.cfg.validate(); err != nil {
		return nil, err
	}
	return newEnumerator(ctx, s.cfg, state)
}

func (s *source[T]) Reader(ctx connect.ReaderContext) (connect.Reader[T], error) {
	f, err := s.format(s.cfg)
	if err != nil {
		return nil, err
	}
	return &reader[T]{
		ctx: ctx, cfg: s.cfg, format: f, errors: ctx.Metrics.Counter("numRecordsInErrors"),
	}, nil
}

// reader reads its splits one after the other.
type reader[T any] struct {
	ctx      connect.ReaderContext
	cfg      *config
	format   format[T]
	errors   *metric.Counter
	splits   []split
	in       *content // of splits[0]; nil until it is opened
	lines    counter
	noMore   bool
	progress progress
}

func (r *reader[T]) Assign(splits []connect.Split) error {
	for _, sp := range splits {
		s, err := decodeSplit(sp)
		if err != nil {
			return err
		}
		r.splits = append(r.splits, s)
	}
	return nil
}

func (r *reader[T]) NoMoreSplits() { r.noMore = true }

func (r *reader[T]) Poll(out *connect.Output[T]) (connect.Status, error) {
	if len(r.splits) == 0 {
		if r.noMore {
			return connect.Ended, nil
		}
		return connect.Waiting, nil
	}
	out.Split(r.splits[0].id)
	if r.in == nil {
		if err := r.open(); err != nil {
			return connect.More, err
		}
	}
	room, left := out.Room(), r.splits[0].left(r.in)
	done, err := r.format.poll(r, out)
	if err != nil {
		return connect.More, err
	}
	r.reads(room-out.Room(), left)
	if done {
		out.Finished()
		return connect.More, r.finish()
	}
	return connect.More, nil
}

func (r *reader[T]) open() (err error) {
	s := &r.splits[0]
	if r.in, err = r.disk().openAt(s.path, s.pos); err != nil {
		return err
	}
	if r.lines.path != s.path {
		r.lines = counter{disk: r.disk(), path: s.path}
	}
	return r.format.begin(r, r.in)
}

func (r *reader[T]) disk() disk { return disk{r.cfg.files, r.ctx.Context} }

func (r *reader[T]) finish() error {
	err := r.Close()
	r.splits = r.splits[1:]
	if len(r.splits) == 0 && !r.noMore {
		r.ctx.Request()
	}
	return err
}

func (r *reader[T]) Snapshot() ([]connect.Split, error) {
	var out []connect.Split
	for i := range r.splits {
		out = append(out, r.splits[i].encode())
	}
	return out, nil
}

func (r *reader[T]) Close() error {
	if r.in == nil {
		return nil
	}
	err := r.in.Close()
	r.in = nil
	return err
}

// bad deals with a record that cannot be decoded. It is called with an offset, the lines between
// that and the error, the column of the error and what gives the record's text.
func (r *reader[T]) bad(offset, linesBelow int64, column int, text func() string, cause error,
) error {
	if r.cfg.onBad.handle != nil {
		line, err := r.lines.line(offset)
		if err != nil {
			return errors.Join(cause, err)
		}
		b := &Bad{
			File: r.splits[0].path, Line: line + linesBelow, Column: column, Text: text(), Err: cause,
		}
		if err := r.cfg.onBad.handle(b); err != nil {
			return err
		}
	}
	r.errors.Add(1)
	return nil
}
