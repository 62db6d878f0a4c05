package format

import "fmt"

// ReadsRecords is nil if the format reads single records, and else what to do.
func (f *Factory) ReadsRecords() error {
	if f.NewDecoder == nil && f.NewFileDecoder == nil {
		return fmt.Errorf("the format '%s' can only be written", f.Name)
	}
	return f.records(f.NewDecoder != nil)
}

// WritesRecords is nil if the format writes single records, and else what to do.
func (f *Factory) WritesRecords() error {
	if f.NewEncoder == nil && f.NewFileEncoder == nil {
		return fmt.Errorf("the format '%s' can only be read", f.Name)
	}
	return f.records(f.NewEncoder != nil)
}

func (f *Factory) records(has bool) error {
	if !has {
		return fmt.Errorf("the format '%s' is one of files, and has no single records: read and write it with the connector 'filesystem'", f.Name)
	}
	return nil
}

// HasLines is nil if each record of the format is a line, or several whole ones, and else what is wrong with it.
func (f *Factory) HasLines() error {
	if f.Binary {
		return fmt.Errorf("records of the format '%s' may have line breaks, so that they cannot be the lines of a text", f.Name)
	}
	return nil
}
