package etcd

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/zeebo/xxh3"
	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/flott-dev/flott/internal/ha"
)

// tag says which write a record is of: of which leader, and which of its writes. It stands before the
// value, 16 bytes with the least significant first.
type tag struct{ epoch, write int64 }

const tagBytes = 16

func encodeRecord(t tag, value []byte) string {
	out := make([]byte, 0, tagBytes+len(value))
	out = binary.LittleEndian.AppendUint64(out, uint64(t.epoch))
	out = binary.LittleEndian.AppendUint64(out, uint64(t.write))
	return string(append(out, value...))
}

func decodeRecord(kv *mvccpb.KeyValue) (t tag, value []byte, err error) {
	if len(kv.Value) < tagBytes {
		return t, nil, fmt.Errorf("key %s is damaged: it has %d bytes", kv.Key, len(kv.Value))
	}
	t.epoch = int64(binary.LittleEndian.Uint64(kv.Value))
	t.write = int64(binary.LittleEndian.Uint64(kv.Value[8:]))
	return t, kv.Value[tagBytes:], nil
}

func versionOf(revision int64) ha.Version { return ha.Version(strconv.FormatInt(revision, 10)) }

// write is one change of a record.
type write struct {
	*term
	key string // in etcd
	was int64  // the revision that the record must have, 0 if it must not be there
	tag tag
	put bool // or delete
	op  clientv3.Op
}

// conflict is the error if the record is not as it must be.
func (w *write) conflict() error {
	if w.was == 0 {
		return ha.ErrExists
	}
	return ha.ErrConflict
}

// do makes the change once, whatever becomes of requests.
//
//	request ─▶ yes: done
//	        ─▶ no: deposed, or a conflict, or the fence was moved: once more
//	        ─▶ no answer: move the fence, so that the request can have no effect later, and read the
//	           record in the same step: if it has the tag it had one, else once more
func (w *write) do(ctx context.Context) (revision int64, err error) {
	for {
		if err := w.Check(ctx); err != nil {
			return 0, err
		}
		fence := w.fence.Load()
		resp, err := w.request(ctx, fence)
		switch {
		case refused(err):
			return 0, err
		case err != nil:
			revision, done, err := w.settle(ctx, err)
			if done || err != nil {
				return revision, err
			}
		case resp.Succeeded:
			return resp.Header.Revision, nil
		default:
			leader := resp.Responses[0].GetResponseRange().Kvs
			if !w.mine(leader) {
				return 0, w.depose()
			}
			if leader[0].ModRevision == fence {
				return 0, w.conflict()
			}
			w.advance(leader[0].ModRevision)
		}
	}
}

// request asks etcd for the change, which it makes if the key of the leader was last written at fence and the
// record is as it must be.
func (w *write) request(ctx context.Context, fence int64) (*clientv3.TxnResponse, error) {
	ctx, cancel := w.bounded(ctx)
	defer cancel()
	return w.client.Txn(ctx).If(
		clientv3.Compare(clientv3.ModRevision(w.leaderKey()), "=", fence),
		clientv3.Compare(clientv3.ModRevision(w.key), "=", w.was),
	).Then(w.op).Else(clientv3.OpGet(w.leaderKey(), clientv3.WithKeysOnly())).Commit()
}

// mine reports whether the key of the leader is this one's.
func (t *term) mine(leader []*mvccpb.KeyValue) bool {
	return len(leader) > 0 && leader[0].CreateRevision == t.created
}

// Confirm asks the majority whose the key of the leader is.
func (t *term) Confirm(ctx context.Context) error {
	if err := t.Check(ctx); err != nil {
		return t.fail("confirm", "", err)
	}
	ctx, cancel := t.bounded(ctx)
	defer cancel()
	resp, err := t.client.Get(ctx, t.leaderKey(), clientv3.WithKeysOnly())
	if err == nil && !t.mine(resp.Kvs) {
		err = t.depose()
	}
	return t.fail("confirm", "", err)
}

func (t *term) depose() error {
	t.Lose(fmt.Errorf("%w: the key %s is another one's", ha.ErrDeposed, t.leaderKey()))
	return t.Deposed()
}

// advance notes that the key of the leader was written by this process, at a revision.
func (t *term) advance(revision int64) {
	for {
		old := t.fence.Load()
		if revision <= old || t.fence.CompareAndSwap(old, revision) {
			return
		}
	}
}

// settle finds out what has become of a request that failed with lost. It is done if the request had its
// effect; if not and there is no error, it never will. When the leadership is lost it asks once more.
func (w *write) settle(ctx context.Context, lost error) (revision int64, done bool, err error) {
	var p pause
	for {
		resp, err := w.moveFence(ctx)
		if err == nil {
			return w.outcome(resp, lost)
		}
		if refused(err) || w.Check(ctx) != nil {
			return 0, false, uncertain(lost, err, w.Check(ctx))
		}
		w.rest(ctx, &p)
	}
}

// moveFence writes the key of the leader again, and reads the record.
func (w *write) moveFence(ctx context.Context) (*clientv3.TxnResponse, error) {
	request, cancel := w.bounded(ctx)
	defer cancel()
	return w.client.Txn(request).
		If(clientv3.Compare(clientv3.CreateRevision(w.leaderKey()), "=", w.created)).
		Then(clientv3.OpGet(w.key), clientv3.OpPut(w.leaderKey(), w.value, clientv3.WithLease(w.lease.id))).
		Else(clientv3.OpGet(w.key)).
		Commit()
}

// outcome says, of what moveFence has found, what has become of the request.
func (w *write) outcome(resp *clientv3.TxnResponse, lost error) (revision int64, done bool, err error) {
	var now int64 // revision of the record
	if kvs := resp.Responses[0].GetResponseRange().Kvs; len(kvs) > 0 {
		now = kvs[0].ModRevision
		if found, _, err := decodeRecord(kvs[0]); err == nil && w.put && found == w.tag {
			return now, true, nil
		}
	}
	if resp.Succeeded {
		w.advance(resp.Header.Revision)
		// The record was there before the request, and other changes of it by this leader wait. So if it is
		// gone, the request has deleted it.
		if !w.put && now == 0 {
			return 0, true, nil
		}
		return 0, false, nil
	}
	deposed := w.depose()
	if now == w.was && w.was != 0 {
		return 0, false, deposed
	}
	return 0, false, uncertain(lost, deposed)
}

// uncertain has texts of causes only: ErrDeposed among them would say that there was no effect.
func uncertain(causes ...error) error {
	return fmt.Errorf("%w: %s", ha.ErrUncertain, strings.ReplaceAll(errors.Join(causes...).Error(), "\n", "; "))
}

// write changes a record while no other change of it by this leader is under way.
func (t *term) write(ctx context.Context, op, key string, w write) (ha.Version, error) {
	err := ha.CheckKey(key)
	if err == nil {
		err = t.Check(ctx)
	}
	if err != nil {
		return "", t.fail(op, key, err)
	}
	mine := t.keys[xxh3.HashString(key)%uint64(len(t.keys))]
	select {
	case mine <- struct{}{}:
		defer func() { <-mine }()
	case <-t.Context().Done():
		return "", t.fail(op, key, t.Deposed())
	case <-ctx.Done():
		return "", t.fail(op, key, context.Cause(ctx))
	}
	if !w.put {
		err = w.there(ctx)
	}
	revision := int64(0)
	if err == nil {
		revision, err = w.do(ctx)
	}
	if err != nil {
		return "", t.fail(op, key, err)
	}
	return versionOf(revision), nil
}

// there wants the record to have its version, before it is deleted: nothing but its absence will tell of that.
func (w *write) there(ctx context.Context) error {
	var p pause
	for {
		if err := w.Check(ctx); err != nil {
			return err
		}
		request, cancel := w.bounded(ctx)
		resp, err := w.client.Get(request, w.key, clientv3.WithKeysOnly())
		cancel()
		switch {
		case refused(err):
			return err
		case err == nil && len(resp.Kvs) > 0 && resp.Kvs[0].ModRevision == w.was:
			return nil
		case err == nil:
			return w.conflict()
		}
		w.rest(ctx, &p)
	}
}

// rest waits before something is tried again, at most until the term is over.
func (w *write) rest(ctx context.Context, p *pause) {
	ctx, cancel := joined(ctx, w.Context())
	defer cancel()
	_ = p.wait(ctx)
}

// toPut is a write of a value to a record.
func (t *term) toPut(key string, was int64, value []byte) write {
	w := write{term: t, key: t.recordKey(key), was: was, put: true, tag: tag{t.Leader().Epoch, t.writes.Add(1)}}
	w.op = clientv3.OpPut(w.key, encodeRecord(w.tag, value))
	return w
}

// Put makes a record.
func (t *term) Put(ctx context.Context, key string, value []byte) (ha.Version, error) {
	return t.write(ctx, "write", key, t.toPut(key, 0, value))
}

// Swap replaces a record.
func (t *term) Swap(ctx context.Context, key string, version ha.Version, value []byte) (ha.Version, error) {
	was, err := t.revision("swap", key, version)
	if err != nil {
		return "", err
	}
	return t.write(ctx, "swap", key, t.toPut(key, was, value))
}

// Delete removes a record.
func (t *term) Delete(ctx context.Context, key string, version ha.Version) error {
	was, err := t.revision("delete", key, version)
	if err == nil {
		w := write{term: t, key: t.recordKey(key), was: was}
		w.op = clientv3.OpDelete(w.key)
		_, err = t.write(ctx, "delete", key, w)
	}
	return err
}

// revision is the revision that a version stands for. What is none is the version of no record.
func (t *term) revision(op, key string, v ha.Version) (int64, error) {
	r, err := strconv.ParseInt(string(v), 10, 64)
	if err != nil || r < 1 {
		return 0, t.fail(op, key, ha.ErrConflict)
	}
	return r, nil
}
