// Package origin answers who watches: playlists, MPDs, initialization segments, segments and parts of the live streams, and the
// files of recordings.
//
// A [Stream] holds the newest playlist snapshots, made of each snapshot of its timeline that is published. A document is rendered when the
// first viewer asks for it, at most once per change and kind; handlers only copy bytes. A request for what is about to come waits,
// without a goroutine of its own, until that is published, for no longer than its kind may wait.
//
// Where video is copied, segments begin with the publisher's key frames. What is the last part of such a segment shows when the
// next one begins: the hint stays in the segment until then, and where a part ended just there, what it named is 404
// (rfc8216bis §6.2.6); reloads that wait for it get the next segment's first part instead.
//
// The package decides no number, deletes nothing and starts no goroutine. Its methods may be called from any goroutine, Publish
// from one at a time.
//
// Specifications: draft-pantos-hls-rfc8216bis, ISO/IEC 23009-1 (DASH) with the DASH-IF timing model, RFC 9110 (conditions, ranges),
// RFC 9457 (problems).
package origin
