// Package rtmp makes streams of what encoders send over RTMP: OBS, ffmpeg, GStreamer and hardware. It takes H.264, AV1 and VP9 (the latter by
// Enhanced RTMP), AAC and Opus; the media goes the way of uploads, by package upload.
//
// The specifications are Adobe's RTMP 1.0 (chunks, messages, commands), FLV 10.1 annex E (what messages of audio and video have in them) and Veovera's
// Enhanced RTMP v2. Handshake and AMF0 are those of gortmplib. Chunks are put together here, within bounds: what a client may make that library hold
// is 62 messages of 10 MiB, and AMF0 may be nested in those until the stack is used up.
//
// RTMPS is the same in TLS (RFC 8446), at an address of its own.
//
// A [Client] publishes to another server. Nobody can play over RTMP. The package does not know who may publish what: a function says so.
//
// Goroutines: one for each address that accepts, for each connection one that receives and, once it publishes, one that interrupts it, which Run waits for.
package rtmp
