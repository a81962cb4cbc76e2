// Package packager turns the CMAF files that ffmpeg writes into what viewers read: HLS playlists, a DASH MPD, the segments
// behind them, and a recording.
//
// A [Packager] joins the rooms below it, of which each does one thing and none knows this one:
//
//   - timeline decides what is listed under which number: the state of a broadcast, without I/O
//   - live follows ffmpeg's files, and keeps those of a stream with its timeline.log
//   - origin answers requests from the published snapshots
//   - recording keeps broadcasts, and deletes the oldest
//   - manifest describes renditions in HLS and DASH, for origin and recording alike
//   - cmaf, hls, dash read and write the formats; disk is the file system
//   - relay serves the live media of another server, which it asks once for all who wait; it stands alone
//   - conformance checks what viewers get; only tests use it, also those of the whole service, so it is not internal
//
// The package does not run ffmpeg, knows no WebRTC and decodes nothing.
//
// Packager.Run owns all goroutines: one hands file events on, one for each stream follows its files and lists gaps for parts that do
// not come, one keeps house, one deletes, one finishes recordings. Every other method may be called from any goroutine.
//
// A disk that stalls holds up the stream that waits for it and the housekeeping, or the deletions alone, and nothing else. No lock is
// held for I/O that viewers, the API or another stream take: Packager.mu, those of a Stream and of a recording's state guard memory only. What is
// ordered by a lock that is held meanwhile is ordered per stream: what is written (live.Stream's order), and the opening and the end of
// a name.
//
// Specifications: draft-pantos-hls-rfc8216bis, ISO/IEC 23009-1 (DASH) with the DASH-IF timing model, ISO/IEC 23000-19 (CMAF).
package packager
