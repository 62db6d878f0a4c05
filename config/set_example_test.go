package config_test

import (
	"fmt"

	"github.com/flott-dev/flott/config"
)

func ExampleSet() {
	delimiter := config.Char(config.Doc{Key: "delimiter", Default: ",", Text: "The character between values."})
	set := config.Set{delimiter}
	c, err := set.Parse(map[string]string{"delimiter": ";"}, "csv.")
	fmt.Printf("%c %v\n", delimiter.Get(c), err)
	_, err = set.Parse(map[string]string{"delimeter": ";"}, "csv.")
	fmt.Println(err)
	// Output:
	// ; <nil>
	// there is no option 'csv.delimeter'; did you mean 'csv.delimiter'?
}
