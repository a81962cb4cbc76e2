// Package recording keeps broadcasts: the best rendition of their video and their audio, segment by segment as the live stream had
// them, with playlists and an MPD, and the sources as they were received.
//
// A [Store] owns all recordings below one directory: it begins them, finishes them, deletes the oldest as its options say, and
// recovers what a crash has cut. A [Recording] is one broadcast, or what a failed one left of it. Its files are written in order, with
// a lock of their own; what the API asks for is guarded by another, which is held for no I/O. No fsync happens while a live stream
// waits.
//
// Store.Run owns the one goroutine, which finishes recordings in the background; Keep is called once a second. All other methods may
// be called from any goroutine. The package follows no files and answers no requests.
//
// Specifications: draft-pantos-hls-rfc8216bis (EVENT and VOD playlists), ISO/IEC 23009-1 (SegmentTimeline).
package recording
