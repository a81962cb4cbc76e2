// Package upload makes streams of recordings: WebM or fragmented MP4 as a browser's MediaRecorder makes it, in one long request, in numbered chunks, or over a
// WebSocket.
//
// Frames are put into RTP packets (by pion's payloaders; RFC 7587 for Opus) and pass at their own pace: as late as the latest of them has
// come lately. What comes faster than it was recorded has to wait, and what is too late is dropped. Sessions of uploads have no peer
// connection.
//
// The package does not store, and reads WebM by package webm and MP4 by package mp4. It decodes nothing but AAC, which an ffmpeg of each upload that
// has it makes Opus of.
//
// Goroutines: for each upload one that reads and one that interrupts it, which its session waits for, and one that reads what ffmpeg makes, which the
// reading one waits for; in one request one more that receives, which the handler waits for; in chunks one more that forgets it; over
// a WebSocket one that receives and one that reports how it stands, which the handler waits for.
package upload
