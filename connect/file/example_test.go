package file_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/connect/collect"
	"github.com/flott-dev/flott/connect/file"
	"github.com/flott-dev/flott/connect/slice"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/stream"
	"github.com/flott-dev/flott/watermark"
)

// input writes a file and returns its path.
func input(name, content string) string {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		panic(err)
	}
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(content), 0o666); err != nil {
		panic(err)
	}
	return path
}

func run[T any](source connect.Source[T]) {
	env := stream.NewEnv()
	out := collect.To[T]()
	stream.From(env, source).To(out)
	if err := launch.Run(context.Background(), env, "read"); err != nil {
		fmt.Println(err)
	}
	for _, v := range out.Results() {
		fmt.Printf("%+v\n", v)
	}
}

func ExampleLines() {
	path := input("poem.txt", "so much depends\nupon\n")
	defer os.RemoveAll(filepath.Dir(path))
	run(file.Lines(path))
	// Output:
	// so much depends
	// upon
}

func ExampleCSV() {
	type sale struct {
		Product string
		Price   float64 `csv:"price in EUR"`
	}
	path := input("sales.csv", "price in EUR,product\n9.5,\"a chair, red\"\n40,a table\n")
	defer os.RemoveAll(filepath.Dir(path))
	run(file.CSV[sale](path, file.Header()))
	// Output:
	// {Product:a chair, red Price:9.5}
	// {Product:a table Price:40}
}

func ExampleJSONLines() {
	type user struct {
		Name string
		Age  int
	}
	path := input("users.json", `{"name":"Ann","age":40}`+"\n"+`{"name":"Bob","age":"?"}`+"\n")
	defer os.RemoveAll(filepath.Dir(path))
	report := func(b *file.Bad) { fmt.Printf("line %d, column %d: %s\n", b.Line, b.Column, b.Text) }
	run(file.JSONLines[user](path, file.OnBad(file.DeadLetter(report))))
	// Output:
	// line 2, column 23: {"name":"Bob","age":"?"}
	// {Name:Ann Age:40}
}

func ExampleSink() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	type sale struct {
		Product string
		Price   float64
	}
	env := stream.NewEnv()
	sales := stream.From(env, slice.Of(sale{"a chair, red", 9.5}, sale{"a table", 40}))
	sales.To(file.Sink(dir, file.EncodeCSV[sale](true), file.SinkOptions[sale]{Suffix: ".csv"}))
	if err := launch.Run(context.Background(), env, "write"); err != nil {
		fmt.Println(err)
	}
	content, err := os.ReadFile(filepath.Join(dir, "part-0-0.csv"))
	if err != nil {
		fmt.Println(err)
	}
	fmt.Print(string(content))
	// Output:
	// Product,Price
	// "a chair, red",9.5
	// a table,40
}

// Three subtasks write visits to directories of days. What they have of a day is merged into one file, and the day gets the file
// _SUCCESS: here at the end of the input, in a job that goes on when the watermark has come to the day's end.
func ExampleSink_compact() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	type visit struct {
		Page string    `json:"page"`
		At   time.Time `json:"at"`
	}
	noon := time.Date(2024, 5, 1, 12, 0, 0, 0, time.UTC)
	env := stream.NewEnv(stream.Parallelism(3))
	visits := stream.From(env, slice.Func(300, func(n int64) visit {
		return visit{fmt.Sprint("/", n%7), noon.Add(time.Duration(n) * 5 * time.Minute)}
	})).Watermarks(watermark.Monotonous(func(v visit) time.Time { return v.At }))

	visits.To(file.Sink(dir, file.EncodeJSON[visit](), file.SinkOptions[visit]{
		Bucket:  file.ByTime[visit](time.DateOnly),
		Compact: &file.Compaction{Bytes: 64 << 20},
		PartitionCommit: &file.PartitionCommit{
			Time: file.BucketTime(time.DateOnly), Delay: 24 * time.Hour,
			Do: func(_ context.Context, p file.Partition) error {
				files, err := filepath.Glob(filepath.Join(p.Path, "compacted-*"))
				fmt.Println(p.Bucket, "is complete, files:", len(files))
				return err
			},
		},
	}))
	if err := launch.Run(context.Background(), env, "visits"); err != nil {
		fmt.Println(err)
	}
	marks, _ := filepath.Glob(filepath.Join(dir, "*", file.DefaultSuccessFile))
	fmt.Println(len(marks), "are marked")
	// Output:
	// 2024-05-01 is complete, files: 1
	// 2024-05-02 is complete, files: 1
	// 2 are marked
}
