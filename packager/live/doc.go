// Package live follows what ffmpeg writes of a stream, and keeps the stream's files.
//
// A [Stream] is one broadcast on the disk. It follows the growing segment files of its running [Epoch], links them under names that
// only this package deletes, appends timeline.log, and hands each change on: whole segments to the recording, snapshots to
// the origin. What is listed and under which number is decided by package timeline.
//
// A Stream has two locks. Its order is held by whoever changes it, while files are read and linked and records are written to the
// log: nothing is published that is not in the log (in the page cache: it survives kill -9), and nothing is logged out of order. A
// disk that stalls stops this one stream there. Its mutex guards the memory and is held for no I/O: who asks for the state never
// waits for the disk. Readers of playlists take neither: they have the published snapshot. What takes really long, fsync,
// compaction of the log and deletion, happens in Keep and Reap with neither of them held.
//
// The package starts no goroutine: its owner calls Follow when Woken says so, Bridge at the pace of parts, and Keep and Reap once a second.
// It knows neither playlists nor recordings.
package live
