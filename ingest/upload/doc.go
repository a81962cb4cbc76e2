// Package upload makes streams of recordings: WebM as a browser's MediaRecorder makes it, in one long request, in numbered chunks, or over a
// WebSocket.
//
// Frames are put into RTP packets (by pion's payloaders; RFC 7587 for Opus) and pass at their own pace: as late as the latest of them has
// come lately. What comes faster than it was recorded has to wait, and what is too late is dropped. Sessions of uploads have no peer
// connection.
//
// The package does not decode, does not store, and reads WebM by package webm.
//
// Goroutines: for each upload one that reads and one that interrupts it, which its session waits for; in chunks one more that forgets it; over
// a WebSocket one that receives and one that reports how it stands, which the handler waits for.
package upload
