// Package disk is what the rooms of the packager do to the file system.
//
// [FS] names the operations that may take long, so that tests can let them; [OS] is the real one. [Replace] puts a file in the
// place of another at once, [ReadBounded] refuses what is too large. No lock that viewers, the API or another stream take may
// be held while any of this runs.
//
// The package knows nothing of streams and starts no goroutine.
package disk
