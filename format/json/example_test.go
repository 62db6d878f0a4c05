package json_test

import (
	"fmt"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/format"
	"github.com/flott-dev/flott/format/json"
	"github.com/flott-dev/flott/row"
)

func Example() {
	table := &format.Table{
		Schema: &row.Schema{Fields: []row.Field{
			{Name: "id", Type: row.Of(row.BigInt)},
			{Name: "name", Type: row.StringType()},
		}},
		Project: []int{1}, // id is checked, but not kept
	}
	newDecoder, err := json.Factory.NewDecoder(table)
	if err != nil {
		panic(err)
	}
	decoder := newDecoder()
	batch := column.NewBatch(&row.Schema{Fields: table.Columns()})
	for _, record := range []string{`{"id": 1, "name": "ann"}`, `{"id": "two", "name": "bo"}`, `{"id": 3, "name": "cy"}`} {
		if err := decoder.Decode([]byte(record), batch); err != nil {
			fmt.Println(err)
		}
	}
	for i := range batch.N {
		fmt.Println(string(batch.Cols[0].Bytes(i)))
	}
	// Output:
	// column 8: field id: "\"two\"" is not a value of type BIGINT
	// ann
	// cy
}
