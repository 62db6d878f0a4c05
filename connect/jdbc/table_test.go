package jdbc

import (
	"os"
	"strings"
	"testing"
)

// TestDocumentation holds the page about JDBC to the options of catalogs, and to the properties of URLs.
func TestDocumentation(t *testing.T) {
	page, err := os.ReadFile("../../docs/connectors/jdbc.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range catalogOptions.Docs() {
		if !strings.Contains(string(page), "  '"+d.Key+"' = ") {
			t.Errorf("the option %s of catalogs is not there", d.Key)
		}
	}
	for name := range properties {
		if !strings.Contains(string(page), "`"+name+"`") {
			t.Errorf("the property %s is not there", name)
		}
	}
}
