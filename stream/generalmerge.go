package stream

import (
	"cmp"
	"math"
	"slices"

	"github.com/flott-dev/flott/window"
)

// join adds w to the open windows of the current key, merged with those that it touches. It returns
// the window that w is part of, and whether anything was merged.
//
//	open     [0───4)      [9───12)   [20─22)
//	w            [4──────10)
//	result   [0──────────────12)     [20─22)
func (o *generalOp[K, T, A, O]) join(w window.Window) (into window.Window, merged bool) {
	list, _ := o.open.Current()
	old := o.old[:0]
	into = w
	kept := (*list)[:0]
	for _, e := range *list {
		if w.Start <= e.End && w.End >= e.Start {
			old = append(old, e)
			into = window.Window{Start: min(into.Start, e.Start), End: max(into.End, e.End)}
		} else {
			kept = append(kept, e)
		}
	}
	*list = append(kept, into)
	o.old = old
	if len(old) == 0 || len(old) == 1 && old[0] == into {
		return into, false
	}
	slices.SortFunc(old, func(a, b window.Window) int { return cmp.Compare(a.Start, b.Start) })
	o.mergeInto(into, old)
	return into, true
}

// mergeInto moves all that belongs to the windows old to the window into, which is a new one.
func (o *generalOp[K, T, A, O]) mergeInto(into window.Window, old []window.Window) {
	o.windows.enter(into)
	o.spec.merger.Merge(mergeContext{&o.trigger, o.windows, into, old}, into)
	var sum pane[T, A]
	some := false
	for _, w := range old {
		o.windows.enter(w)
		o.spec.trigger.Clear(&o.trigger, w)
		o.forget()
		if at := o.end(w); at != math.MaxInt64 {
			if o.processing {
				o.clock.Delete(at)
			} else {
				o.events.Delete(at)
			}
		}
		p := o.contents.Lookup()
		switch {
		case p == nil:
			continue
		case !some:
			sum, some = *p, true
		case o.spec.list:
			sum.Elements = append(sum.Elements, p.Elements...)
		default:
			o.spec.merge(&sum.Acc, &p.Acc)
		}
		o.contents.Drop()
	}
	if some {
		o.windows.enter(into)
		p, _ := o.contents.Current()
		*p = sum
		p.Timer.Some = false
	}
}

// retire takes w from the open windows of the current key.
func (o *generalOp[K, T, A, O]) retire(w window.Window) {
	list := o.open.Change()
	if list == nil {
		return
	}
	*list = slices.DeleteFunc(*list, func(e window.Window) bool { return e == w })
	if len(*list) == 0 {
		o.open.Drop()
	}
}

func (o *generalOp[K, T, A, O]) isOpen(w window.Window) bool {
	list := o.open.Lookup()
	return list != nil && slices.Contains(*list, w)
}
