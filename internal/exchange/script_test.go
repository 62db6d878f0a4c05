package exchange

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

var (
	programs = flag.Int("programs", 300, "random programs")
	seed     = flag.Uint64("seed", 0, "run only the program of this seed")
)

// overSeeds runs a test with the seeds of the programs, or with the one that is asked for.
func overSeeds(t *testing.T, test func(seed uint64)) {
	if *seed != 0 {
		test(*seed)
		return
	}
	for s := range *programs {
		test(uint64(s + 1))
		if t.Failed() {
			t.Fatalf("replay: go test ./internal/exchange -run '^%s$' -seed %d", t.Name(), s+1)
		}
	}
}

// TestScriptsTellTheSame carries out random scripts, with barriers of all kinds, aborts, idleness and ends,
// by a gate whose channels come from another process, and by one whose channels do not. After each
// line both must have told the same.
func TestScriptsTellTheSame(t *testing.T) {
	remote := &way{p: newProcesses(t, overPipe)}
	overSeeds(t, func(seed uint64) {
		rng := rand.New(rand.NewPCG(seed, 0))
		names, timeout := []string{"a", "ab", "abd", "abc"}[rng.IntN(4)], rng.Int64N(2)*20
		script := randomScript(rng, names)
		rigs := []*flightRig{newFlightRig(t, &way{}, names, timeout), newFlightRig(t, remote, names, timeout)}
		remote.settle()
		var steppers [2]stepper
		for i, line := range script {
			var told [2]string
			for k, r := range rigs {
				told[k] = steppers[k].do(r, line)
			}
			if told[0] != told[1] {
				t.Errorf("after\n  %s\nlocal:  %s\nremote: %s", strings.Join(script[:i+1], "\n  "),
					told[0], told[1])
				break
			}
		}
		for _, r := range rigs {
			for _, c := range r.channels {
				r.way.forget(r.g, c)
			}
			r.g.Discard()
		}
	})
	remote.p.close(t)
}

// randomScript has lines of a flightRig, and "step".
func randomScript(rng *rand.Rand, names string) (script []string) {
	type producer struct {
		ended    bool
		barriers []string // to be sent
	}
	producers := map[string]*producer{}
	for _, n := range strings.Split(names, "") {
		producers[n] = &producer{}
	}
	number, checkpoint, clock := 0, 0, 10
	for range 20 + rng.IntN(100) {
		name := string(names[rng.IntN(len(names))])
		p := producers[name]
		switch n := rng.IntN(24); {
		case n < 7 && !p.ended:
			line := name
			for range 1 + rng.IntN(4) {
				number++
				line += fmt.Sprint(" ", number)
				if rng.IntN(4) == 0 {
					line += fmt.Sprint(" ^", number+rng.IntN(5)-2)
				}
			}
			script = append(script, line)
		case n < 9 && !p.ended:
			script = append(script, name+" "+[]string{"idle", "active", "probe"}[rng.IntN(3)])
		case n == 9:
			checkpoint++
			barrier := fmt.Sprint("|", checkpoint) + []string{"", "u", "u", "s"}[rng.IntN(4)]
			for _, p := range producers {
				p.barriers = append(p.barriers, barrier)
			}
			script = append(script, "ask "+barrier[1:])
		case n < 14 && !p.ended && len(p.barriers) > 0:
			if rng.IntN(12) > 0 { // otherwise it was given up on the way
				script = append(script, name+" "+p.barriers[0])
			}
			p.barriers = p.barriers[1:]
		case n == 14 && checkpoint > 0 && rng.IntN(3) == 0:
			script = append(script, fmt.Sprint("abort ", checkpoint-rng.IntN(2)))
		case n == 15 && rng.IntN(8) == 0 && !p.ended:
			p.ended = true
			script = append(script, name+" end")
		case n == 16:
			clock += rng.IntN(15)
			script = append(script, fmt.Sprint("clock ", clock))
		default:
			script = append(script, "step")
		}
	}
	for range 200 {
		script = append(script, "step")
	}
	return script
}

// stepper does what a task does with its gate.
type stepper struct {
	collecting string // the checkpoint whose flights are collected
	held       int    // steps to go in which nothing is polled
}

func (s *stepper) do(r *flightRig, line string) string {
	if line != "step" {
		return r.do(line)
	}
	told := ""
	if u := r.do("urgent"); u != "-" {
		id := strings.Trim(u, "|u")
		s.collecting = ""
		if told = u; r.do("overtake "+id) == "true" {
			s.collecting, s.held = id, 3
		}
	}
	if s.collecting != "" && r.do("collect "+s.collecting) == "true" {
		told += " in flight " + r.do("flights")
		s.collecting = ""
		for _, f := range r.flights {
			f.Discard()
		}
	}
	if s.held > 0 {
		s.held--
		return told
	}
	return told + " " + r.do("poll")
}
