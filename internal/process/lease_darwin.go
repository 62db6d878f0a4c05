package process

import "os"

// openForWriting does not know here, where such a file can be executed.
func openForWriting(*os.File) bool { return false }
