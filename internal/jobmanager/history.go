package jobmanager

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"log/slog"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/flott-dev/flott/internal/actor"
	"github.com/flott-dev/flott/internal/blob"
	"github.com/flott-dev/flott/internal/logging"
)

// History says where the archives of jobs that have ended are kept, and for how long. The zero History keeps none.
type History struct {
	// Directory is a URI as blob.Open takes it, "" for none. It may be that of several clusters: each job has an archive of its own.
	Directory string
	// Jobs is of how many jobs archives are kept, the newest ones; 0 means all.
	Jobs int
	// Age is for how long they are kept, from the end of the job; 0 means for ever.
	Age time.Duration
	// ReadOnly leaves the directory as it is.
	ReadOnly bool
}

// history keeps archives: an object for each job, whose name begins with the time of its end, so that the newest are known without
// reading any.
type history struct {
	History
	open    func(ctx context.Context, uri string) (blob.Store, error)
	log     *slog.Logger
	writing sync.WaitGroup
}

var archiveName = regexp.MustCompile(`^(\d{13})-([0-9a-f]{32})\.json$`)

// nameOf is the name of a job's archive.
func nameOf(v *JobView) string { return fmt.Sprintf("%013d-%s.json", v.Ended.UnixMilli(), v.ID) }

// archiveFile is what an archive has. The sum, that of Castagnoli in hexadecimal digits, is over the bytes of Job.
type archiveFile struct {
	Format int             `json:"format"`
	CRC    string          `json:"crc32c"`
	Job    json.RawMessage `json:"job"`
}

// archiveFormat is the version of archives that is written, and the newest that is read.
const archiveFormat = 1

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func sumOf(data []byte) string { return fmt.Sprintf("%08x", crc32.Checksum(data, castagnoli)) }

// encodeArchive encodes the archive of a job. What its program was started with stays behind: it may be secret.
func encodeArchive(v *JobView) ([]byte, error) {
	public := *v
	public.Program.Args, public.Program.Env = nil, nil
	job, err := encodeView(&public)
	if err != nil {
		return nil, err
	}
	return json.Marshal(archiveFile{Format: archiveFormat, CRC: sumOf(job), Job: job})
}

// decodeArchive decodes what encodeArchive has encoded, if nothing of it has changed.
func decodeArchive(data []byte) (*JobView, error) {
	var f archiveFile
	if err := json.Unmarshal(data, &f); err != nil {
		return nil, err
	}
	if f.Format != archiveFormat {
		return nil, fmt.Errorf("its format is %d, not %d", f.Format, archiveFormat)
	}
	if sum := sumOf(f.Job); sum != f.CRC {
		return nil, fmt.Errorf("it has the sum %s, and should have %s: it was changed since", sum, f.CRC)
	}
	v, err := decodeView(f.Job)
	if err == nil && !v.State.Done() {
		err = fmt.Errorf("its job has not ended: it is %s", v.State)
	}
	return v, err
}

// names are those of all archives, the oldest first.
func (h *history) names(ctx context.Context) (blob.Store, []string, error) {
	s, err := h.open(ctx, h.Directory)
	if err != nil {
		return nil, nil, err
	}
	all, err := s.List(ctx, "")
	var names []string
	for _, o := range all {
		if archiveName.MatchString(o.Name) {
			names = append(names, o.Name)
		}
	}
	return s, names, err
}

// endOfName is the end of the job whose archive has a name.
func endOfName(name string) time.Time {
	n, _ := strconv.ParseInt(archiveName.FindStringSubmatch(name)[1], 10, 64) // thirteen digits
	return time.UnixMilli(n)
}

// read reads the newest archives of jobs, at most so many, that have ended after a time. Those that are damaged are reported and
// passed over. The result is in order of submission.
func (h *history) read(ctx context.Context, most int, after time.Time) (all []*JobView, err error) {
	s, names, err := h.names(ctx)
	if err != nil {
		return nil, err
	}
	for _, name := range slices.Backward(names) {
		if len(all) == most || !endOfName(name).After(after) {
			break
		}
		var v *JobView
		data, err := s.Get(ctx, name)
		if err == nil {
			v, err = decodeArchive(data)
		}
		if err == nil && nameOf(v) != name {
			err = fmt.Errorf("it is that of job %s, which ended at %s", v.ID, v.Ended.UTC().Format(time.RFC3339Nano))
		}
		switch {
		case errors.Is(err, blob.ErrNotFound): // it was deleted since
		case err != nil:
			h.log.Warn("flott: the archive of a job cannot be read and is passed over", "archive", blob.Join(s.URI(), name), "error", err)
		default:
			all = append(all, v)
		}
	}
	slices.SortFunc(all, func(a, b *JobView) int { return cmp.Or(a.Began.Compare(b.Began), strings.Compare(a.ID, b.ID)) })
	return all, nil
}

// put writes the archive of a job, unless it is there.
func (h *history) put(ctx context.Context, name string, data []byte) error {
	s, err := h.open(ctx, h.Directory)
	if err != nil {
		return err
	}
	if err := blob.Put(ctx, s, name, data); !errors.Is(err, blob.ErrExists) {
		return err
	}
	return nil
}

// prune deletes archives of jobs that are too many, or have ended too long ago.
func (h *history) prune(ctx context.Context, now time.Time) error {
	if h.Jobs == 0 && h.Age == 0 {
		return nil
	}
	s, names, err := h.names(ctx)
	if err != nil {
		return err
	}
	for i, name := range names {
		tooMany := h.Jobs > 0 && len(names)-i > h.Jobs
		if tooOld := h.Age > 0 && now.Sub(endOfName(name)) >= h.Age; !tooMany && !tooOld {
			break
		}
		if err := s.Delete(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

// keepEnded writes the archive of a job when no worker is left that may tell more.
func (m *Manager) keepEnded(g *managed) {
	if g.decided && g.retired {
		m.keep(g)
	}
}

// keepDecided writes the archives of jobs that have ended and still have workers.
func (m *Manager) keepDecided() {
	for _, id := range m.order {
		if g := m.jobs[id]; g.decided {
			m.keep(g)
		}
	}
}

// archiveAttempts is how often it is tried to write an archive, with retryRecord in between.
const archiveAttempts = 10

// keep writes the archive of a job that has ended, and deletes those that are too many then. Nobody waits for it but Close.
func (m *Manager) keep(g *managed) {
	h := m.history
	if h == nil || h.ReadOnly || g.kept {
		return
	}
	g.kept = true
	v := g.wholeView()
	data, err := encodeArchive(v)
	if err != nil {
		logging.Of(m.o.Log, v.Name, v.ID).Error("flott: a job has no archive", "error", err)
		return
	}
	h.writing.Add(1)
	m.tryKeep(nameOf(v), data, logging.Of(m.o.Log, v.Name, v.ID), 1)
}

// tryKeep writes an archive, and tries it again if that fails.
func (m *Manager) tryKeep(name string, data []byte, log *slog.Logger, attempt int) {
	m.o.Runner.Go(actor.Record, func() {
		err := m.history.put(m.ctx, name, data)
		switch {
		case err == nil:
			m.prune()
		case attempt < archiveAttempts && m.ctx.Err() == nil:
			log.Warn("flott: the archive of a job is not written yet", "error", err)
			m.actor.Post(func() { m.after(retryRecord, func() { m.tryKeep(name, data, log, attempt+1) }) })
			return
		default:
			log.Error("flott: a job has no archive", "error", err)
		}
		m.history.writing.Done()
	})
}

// archiveTimeout is how long Close waits for archives that are being written.
const archiveTimeout = 10 * time.Second

// written waits for the archives that are being written.
func (h *history) written(timeout time.Duration) {
	done := make(chan struct{})
	go func() {
		h.writing.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(timeout):
	}
}

func (m *Manager) prune() {
	if err := m.history.prune(m.ctx, m.o.Clock.Now()); err != nil && m.ctx.Err() == nil {
		m.o.Log.Warn("flott: old archives of jobs are not deleted", "error", err)
	}
}

// sweepInterval is the time between two looks for archives that are too old.
const sweepInterval = time.Hour

// sweep deletes archives that are too old, now and again and again.
func (m *Manager) sweep() {
	m.o.Runner.Go(actor.Sweep, func() {
		m.prune()
		m.actor.Post(func() { m.after(sweepInterval, m.sweep) })
	})
}

// readHistory shows the newest jobs that have archives, and makes archives of those that have none. A history that cannot be read
// is none: jobs come first.
func (m *Manager) readHistory(ctx context.Context) {
	h := m.history
	if h == nil {
		return
	}
	var after time.Time
	if m.o.Expire > 0 {
		after = m.o.Clock.Now().Add(-m.o.Expire)
	}
	views, err := h.read(ctx, m.o.Keep, after)
	if err != nil {
		m.o.Log.Error("flott: the archives of jobs cannot be read", "directory", h.Directory, "error", err)
		return
	}
	archived := map[string]bool{}
	for _, v := range views {
		archived[v.ID] = true
		if m.jobs[v.ID] == nil {
			m.show(v)
		}
	}
	for _, id := range m.order {
		if v := m.jobs[id].archived; v != nil && v.State.Done() && !v.Ended.IsZero() && !archived[id] {
			m.keep(m.jobs[id])
		}
	}
	if !h.ReadOnly && (h.Jobs > 0 || h.Age > 0) {
		m.sweep()
	}
}
