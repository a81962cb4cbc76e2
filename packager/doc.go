// Package packager turns the CMAF files that ffmpeg writes into what viewers read: HLS playlists, a DASH MPD, the segments
// behind them, and a recording.
//
// A Packager owns one Timeline per stream. A Timeline is a row of Epochs, each the output of one unbroken ffmpeg run in a
// directory of its own; it alone decides media sequence numbers and discontinuities, once for all renditions. An Epoch
// has one track per Rendition: it follows the growing segment file fragment by fragment (Part), and lists the Segment
// when ffmpeg has renamed it. Everything that is listed was first linked under a name that only this package deletes, and
// recorded in the stream's timeline.log.
//
// Where pictures are copied, segments begin with the publisher's key frames: EpochOptions.LateKeyFrames after their time at most, in
// all renditions and the sound alike. Numbers do not drift from the times that the MPD gives them, and half a segment is what the
// timing model lets them be off. What is the last part of such a segment shows when the next one begins: the hint stays in the
// segment until then, and where a part ended just there, what it named is 404 (rfc8216bis §6.2.6); reloads that wait for it get
// the next segment's first part instead.
//
// The package does not run ffmpeg, knows no WebRTC and decodes nothing. Manifests are rendered from immutable
// snapshots, at most once per change and kind; request handlers only copy bytes.
//
// Packager.Run owns all goroutines: one follows file events, one lists gaps for parts that do not come, one keeps house, one
// finishes recordings.
// Every other method may be called from any goroutine.
//
// Specifications: draft-pantos-hls-rfc8216bis, ISO/IEC 23009-1 (DASH) with the DASH-IF timing model, ISO/IEC 23000-19 (CMAF).
package packager
