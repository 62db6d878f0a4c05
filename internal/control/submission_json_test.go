package control

import (
	"flag"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/flott-dev/flott/internal/checkpoint"
	"github.com/flott-dev/flott/internal/graph"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/internal/schedule"
)

var rewrite = flag.Bool("rewrite", false, "rewrite the golden files")

// sample is a submission with everything in it.
func sample() *Submission {
	return &Submission{
		ID: strings.Repeat("0a", 16), Name: "orders by country", Submitted: 7,
		Graph: &graph.JobGraph{Vertices: []graph.Vertex{
			{
				Name: "orders -> parse", Parallelism: 2, SlotGroup: "in", Source: true,
				Operators: []graph.Operator{
					{UID: "a", Name: "orders", Kind: "Source", MaxParallelism: 128, Source: true},
					{UID: "b", Name: "parse", Kind: "Map", MaxParallelism: 128},
				},
			},
			{
				Name: "count", Parallelism: 4, Loop: true,
				Operators: []graph.Operator{{UID: "c", Name: "count", Kind: "Scan", MaxParallelism: 128}},
				In: []graph.Input{
					{From: 0, Strategy: graph.Keyed, Pipelined: true}, {From: 1, Input: 1, Strategy: graph.Feedback, Pipelined: true},
				},
				Sink: true,
			},
		}},
		Settings: Settings{
			Checkpoints: checkpoint.Config{Interval: 1e9, Timeout: 2e9, MaxConcurrent: 1, Flags: operator.Unaligned},
			Restart: NewRestart(&schedule.ExponentialDelay{
				Initial: 1, Max: 2, Reset: 3, Multiplier: 1.5, Jitter: 0.1, Attempts: 4,
				Rand: func() float64 { return 0 },
			}),
			Directory: "s3://bucket/dir", Retain: 2, Compress: true, Savepoints: "file:///savepoints",
			RestorePath: "file:///old", Claim: true, CancelTimeout: 5e9, Stages: true,
		},
		Program: Program{
			Hash: strings.Repeat("1f", 32), Platform: "linux/amd64", Version: "0.1.0", Args: []string{"-x"},
			Env: []string{"A=b"}, Dir: "/there", Call: 1,
		},
	}
}

// TestSubmissionJSON holds the form that clients of other versions send.
func TestSubmissionJSON(t *testing.T) {
	const file = "testdata/submission.json"
	text, err := EncodeSubmission(sample())
	if err != nil {
		t.Fatal(err)
	}
	if *rewrite {
		if err := os.WriteFile(file, append(text, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	golden, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if strings.TrimSpace(string(golden)) != string(text) {
		t.Errorf("a submission is\n%s\nand was\n%s", text, golden)
	}
	got, err := DecodeSubmission(golden)
	if err != nil {
		t.Fatal(err)
	}
	want := sample()
	want.Restart.Exponential.Rand = nil
	if !reflect.DeepEqual(got, want) {
		t.Errorf("decoded %+v, want %+v", got, want)
	}
	newer := strings.Replace(string(text), `"ID":`, `"Newer":{"A":[1]},"ID":`, 1)
	if _, err := DecodeSubmission([]byte(newer)); err != nil {
		t.Errorf("what a newer client sends: %v", err)
	}
}

func TestSubmissionsThatAreRefused(t *testing.T) {
	for want, spoil := range map[string]func(*Submission){
		"32 hexadecimal":         func(s *Submission) { s.ID = "../../etc" },
		"64 hexadecimal":         func(s *Submission) { s.Hash = "ff" },
		"the job is empty":       func(s *Submission) { s.Graph = nil },
		"below 0":                func(s *Submission) { s.Checkpoints.Interval = -1 },
		"parallelism 0":          func(s *Submission) { s.Graph.Vertices[0].Parallelism = 0 },
		"no operators":           func(s *Submission) { s.Graph.Vertices[0].Operators = nil },
		"empty or not unique":    func(s *Submission) { s.Graph.Vertices[1].Operators[0].UID = "a" },
		"from task 2":            func(s *Submission) { s.Graph.Vertices[1].In[0].From = 2 },
		"from task -1":           func(s *Submission) { s.Graph.Vertices[1].In[0].From = -1 },
		"strategy 200":           func(s *Submission) { s.Graph.Vertices[1].In[0].Strategy = 200 },
		"another parallelism":    func(s *Submission) { s.Graph.Vertices[1].In[0].Strategy = graph.Forward },
		"maximum parallelism 1":  func(s *Submission) { s.Graph.Vertices[1].Operators[0].MaxParallelism = 1 },
		"parallelism 1000000000": func(s *Submission) { s.Graph.Vertices[0].Parallelism = 1_000_000_000 },
	} {
		s := sample()
		spoil(s)
		text, err := EncodeSubmission(s)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := DecodeSubmission(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

// FuzzDecodeSubmission has what is accepted survive a round.
func FuzzDecodeSubmission(f *testing.F) {
	text, err := EncodeSubmission(sample())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(`{"ID":"00000000000000000000000000000000","Graph":{"Vertices":[{"Parallelism":1}]}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := DecodeSubmission(b)
		if err != nil {
			return
		}
		again, err := EncodeSubmission(s)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := DecodeSubmission(again); err != nil {
			t.Fatal(err)
		}
	})
}
