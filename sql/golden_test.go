package sql_test

import (
	"flag"
	"math/rand/v2"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/flott-dev/flott/connect/all"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/sql"
	"github.com/flott-dev/flott/sql/sqltest"
)

var (
	run      = flag.String("cases", "", "run the cases that match only")
	caseSeed = flag.Uint64("caseseed", 0, "which variants of cases run under the race detector; 0 takes another one each time")
)

func TestGoldenCases(t *testing.T) {
	files, err := sqltest.Files([]string{"testdata/golden", "testdata/queries"})
	if err != nil || len(files) < 300 {
		t.Fatalf("%d cases, %v", len(files), err)
	}
	data, remove, err := sqltest.Data("testdata/data")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(remove)
	differs := differences(t)
	wanted := regexp.MustCompile(*run)
	seed := turns(t)
	for i, file := range files {
		c, err := sqltest.Read(file)
		if err != nil {
			t.Fatal(err)
		}
		if !wanted.MatchString(c.Name) || strings.Contains(c.Sections["query"]+c.Sections["setup"], "MATCH_RECOGNIZE") {
			continue
		}
		t.Run(c.Name, func(t *testing.T) {
			for k, x := range variants {
				if !isTurn(uint64(i), uint64(k), seed, differs[c.Name] != "") {
					continue
				}
				if !x.eachRow && c.Head["order-sensitive"] != "" || isBatch(x) && c.Head["mode"] != "batch" {
					continue
				}
				v := sqltest.Run(t.Context(), x.config(data), c)
				if reason := differs[c.Name]; reason != "" {
					if v.Outcome == sqltest.Passed && !strings.HasPrefix(reason, "either: ") {
						t.Errorf("it gives what Flink does, but is said to differ: %s", reason)
					}
					return
				}
				if v.Outcome == sqltest.Failed {
					t.Errorf("%+v\n%s\n%s", x, c.Sections["query"], v.Report)
				}
			}
		})
	}
}

// turns is the seed of isTurn.
func turns(t *testing.T) uint64 {
	seed := *caseSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	if raced {
		t.Logf("cases run in some of their variants; all the same again: -caseseed %d", seed)
	}
	return seed
}

// isTurn reports whether a case runs in a variant: always, but under the race detector, which makes all of them together
// take minutes, in a sixth of them, others for each case and seed. What differs from Flink is known of the first variant.
func isTurn(file, variant, seed uint64, differs bool) bool {
	if !raced {
		return true
	}
	if differs {
		return variant == 0
	}
	return rand.New(rand.NewPCG(seed, file<<8|variant)).IntN(6) == 0
}

// variant is a way to run a case.
type variant struct {
	parallelism, batchRows int
	backend                string
	eachRow                bool
	shuffle                uint64
	set                    string // options: key=value, separated by semicolons
}

// variants are those that each case runs in: the changes of Flink, and the same final result from whatever is put
// together, dealt out or comes in another order.
var variants = []variant{
	{1, 1024, "hashmap", true, 0, ""},
	{1, 1024, "hashmap", false, 1, ""},
	{2, 3, "pebble", false, 0, ""},
	{4, 1, "hashmap", false, 0, ""},
	{2, 1024, "hashmap", false, 2, ""},
	{4, 1024, "pebble", false, 3, ""},
	{2, 3, "hashmap", false, 0, miniBatch + onePhase},
	{2, 1024, "hashmap", false, 4, miniBatch + twoPhase},
	{4, 3, "pebble", false, 0, miniBatch + twoPhase},
	{2, 3, "hashmap", false, 0, miniBatch + split},
	{2, 3, "hashmap", false, 0, littleMemory},
	{1, 1024, "hashmap", true, 0, blocking},
	{4, 3, "hashmap", false, 5, blocking + littleMemory},
}

// isBatch reports whether a variant is for batch mode only.
func isBatch(x variant) bool {
	return strings.Contains(x.set, littleMemory) || strings.Contains(x.set, blocking)
}

// blocking has tasks of batch mode begin when those before them have ended, as on a cluster.
const blocking = "execution.batch-shuffle-mode=ALL_EXCHANGES_BLOCKING;"

// littleMemory has operators of batch mode go to disk.
const littleMemory = "table.exec.resource.sort.memory=100 b;table.exec.resource.hash-agg.memory=100 b;table.exec.resource.hash-join.memory=100 b;"

const miniBatch = "table.exec.mini-batch.enabled=true;table.exec.mini-batch.allow-latency=1 h;table.exec.mini-batch.size=7;"

const (
	onePhase = "table.optimizer.agg-phase-strategy=ONE_PHASE;"
	twoPhase = "table.optimizer.agg-phase-strategy=TWO_PHASE;"
	split    = "table.optimizer.distinct-agg.split.enabled=true;table.optimizer.distinct-agg.split.bucket-num=4;" + twoPhase
)

func (x variant) config(data string) *sqltest.Config {
	return &sqltest.Config{
		Data: data, EachRow: x.eachRow, Parallelism: x.parallelism, Shuffle: x.shuffle, NewSession: func(options ...sql.Option) *sql.Session {
			options = append(options, sql.With(all.Factories(), all.Formats()), sql.On(launch.Executor(launch.BatchRows(x.batchRows))),
				sql.Set("state.backend.type", x.backend))
			options = append(options, settings(x.set)...)
			return sql.NewSession(options...)
		},
	}
}

// settings are options of a session: key=value, separated by semicolons.
func settings(text string) (options []sql.Option) {
	for _, s := range strings.Split(text, ";") {
		if key, value, ok := strings.Cut(s, "="); ok {
			options = append(options, sql.Set(key, value))
		}
	}
	return options
}

// differences are the reasons why cases give something else than Flink.
func differences(t *testing.T) map[string]string {
	data, err := os.ReadFile("testdata/differences.txt")
	if err != nil {
		t.Fatal(err)
	}
	reasons := map[string]string{}
	for line := range strings.Lines(string(data)) {
		if name, reason, ok := strings.Cut(strings.TrimSpace(line), ": "); ok && !strings.HasPrefix(line, "#") {
			reasons[name] = reason
		}
	}
	if len(reasons) > 20 {
		t.Errorf("there are %d differences; 20 are allowed", len(reasons))
	}
	return reasons
}
