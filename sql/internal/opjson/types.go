package opjson

import (
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/exec"
	"github.com/flott-dev/flott/sql/internal/logical"
)

// Types are the operators by their names in plans, each with its version. A name is never given to anything else.
var Types = map[string]reflect.Type{
	"apply_1":            reflect.TypeFor[exec.Apply](),
	"calc_1":             reflect.TypeFor[exec.Calc](),
	"deduplicate_1":      reflect.TypeFor[exec.Deduplicate](),
	"drop-before_1":      reflect.TypeFor[exec.DropBefore](),
	"expand_1":           reflect.TypeFor[exec.Expand](),
	"first-by-time_1":    reflect.TypeFor[exec.FirstByTime](),
	"group-aggregate_1":  reflect.TypeFor[exec.GroupAggregate](),
	"interval-join_1":    reflect.TypeFor[exec.IntervalJoin](),
	"join_1":             reflect.TypeFor[exec.Join](),
	"limit_1":            reflect.TypeFor[exec.Limit](),
	"local-aggregate_1":  reflect.TypeFor[exec.LocalAggregate](),
	"lookup-join_1":      reflect.TypeFor[exec.LookupJoin](),
	"materialize_1":      reflect.TypeFor[exec.Materialize](),
	"mini-batch_1":       reflect.TypeFor[exec.MiniBatch](),
	"normalize_1":        reflect.TypeFor[exec.Normalize](),
	"not-null_1":         reflect.TypeFor[exec.NotNull](),
	"over_1":             reflect.TypeFor[exec.Over](),
	"rank_1":             reflect.TypeFor[exec.Rank](),
	"shuffle_1":          reflect.TypeFor[exec.Shuffle](),
	"sort_1":             reflect.TypeFor[exec.Sort](),
	"temporal-join_1":    reflect.TypeFor[exec.TemporalJoin](),
	"union_1":            reflect.TypeFor[exec.Union](),
	"values_1":           reflect.TypeFor[exec.Values](),
	"watermark_1":        reflect.TypeFor[exec.Watermark](),
	"window-aggregate_1": reflect.TypeFor[exec.WindowAggregate](),
	"window-join_1":      reflect.TypeFor[exec.WindowJoin](),
	"window-rank_1":      reflect.TypeFor[exec.WindowRank](),
	"window-slices_1":    reflect.TypeFor[exec.WindowSlices](),
	"window-tvf_1":       reflect.TypeFor[exec.WindowTVF](),
}

// typeName is the latest name of an operator's type.
func typeName(t reflect.Type) (string, error) {
	latest := ""
	for name, u := range Types {
		if u == t && name > latest {
			latest = name
		}
	}
	if latest == "" {
		return "", fmt.Errorf("an operator of type %s cannot be written", t)
	}
	return latest, nil
}

// texts are the types whose values are written as texts.
var texts = map[reflect.Type]textForm{
	reflect.TypeFor[time.Duration](): {
		write: func(v reflect.Value) string { return time.Duration(v.Int()).String() },
		read: func(s string, v reflect.Value) bool {
			d, err := time.ParseDuration(s)
			v.SetInt(int64(d))
			return err == nil
		},
	},
	reflect.TypeFor[row.Kind](): words(
		"NULL", "CHAR", "VARCHAR", "BOOLEAN", "BINARY", "VARBINARY", "DECIMAL", "TINYINT", "SMALLINT", "INT", "BIGINT", "FLOAT", "DOUBLE", "DATE",
		"TIME", "TIMESTAMP", "TIMESTAMP_LTZ", "INTERVAL_MONTH", "INTERVAL_DAY", "ARRAY", "MULTISET", "MAP", "ROW", "RAW", "VARIANT", "DESCRIPTOR"),
	reflect.TypeFor[row.TimeAttribute](): words("NONE", "ROWTIME", "PROCTIME"),
	reflect.TypeFor[logical.JoinKind]():  words("INNER", "LEFT", "RIGHT", "FULL", "SEMI", "ANTI"),
	reflect.TypeFor[exec.TableSide]():    words("SMALLER", "LEFT", "RIGHT"),
	reflect.TypeFor[row.ChangeKinds]():   {writeKinds, readKinds},
}

const notNull = " NOT NULL"

// shortType is a type of which there is nothing to say but its kind and whether it is NOT NULL, as a text; empty for others.
func shortType(t *row.Type) string {
	plain := row.Type{Kind: t.Kind, NotNull: t.NotNull, Length: t.Length}
	text := texts[reflect.TypeFor[row.Kind]()].write(reflect.ValueOf(t.Kind))
	switch {
	case t.Kind == row.Varchar && t.Length == row.MaxLength:
		text = "STRING"
	case t.Length != 0:
		return ""
	}
	if !reflect.DeepEqual(*t, plain) {
		return ""
	}
	if t.NotNull {
		text += notNull
	}
	return text
}

// readShortType reads what shortType has written, nil if it is nothing of that.
func readShortType(text string) *row.Type {
	word, isNotNull := strings.CutSuffix(text, notNull)
	t := &row.Type{NotNull: isNotNull}
	if word == "STRING" {
		t.Kind, t.Length = row.Varchar, row.MaxLength
		return t
	}
	if !texts[reflect.TypeFor[row.Kind]()].read(word, reflect.ValueOf(&t.Kind).Elem()) {
		return nil
	}
	return t
}

type textForm struct {
	write func(v reflect.Value) string
	read  func(s string, v reflect.Value) bool
}

// words are those for 0, 1, ….
func words(list ...string) textForm {
	return textForm{
		write: func(v reflect.Value) string { return list[v.Uint()] },
		read: func(s string, v reflect.Value) bool {
			for i, w := range list {
				if w == s {
					v.SetUint(uint64(i))
					return true
				}
			}
			return false
		},
	}
}

var changeKinds = []row.ChangeKind{row.Insert, row.UpdateBefore, row.UpdateAfter, row.Delete}

// writeKinds writes kinds of changes: "+I -U +U".
func writeKinds(v reflect.Value) string {
	var list []string
	for _, k := range changeKinds {
		if row.ChangeKinds(v.Uint()).Has(k) {
			list = append(list, k.String())
		}
	}
	return strings.Join(list, " ")
}

func readKinds(s string, v reflect.Value) bool {
	kinds := row.ChangeKinds(0)
	for _, word := range strings.Fields(s) {
		known := false
		for _, k := range changeKinds {
			if k.String() == word {
				kinds |= 1 << k
				known = true
			}
		}
		if !known {
			return false
		}
	}
	v.SetUint(uint64(kinds))
	return true
}
