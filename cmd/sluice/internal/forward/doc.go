// Package forward pushes live streams to other servers: over RTMP, RTMPS and SRT, which platforms take in, and by WHIP.
//
// What RTMP and SRT carry is what viewers of HLS get: the largest rendition of H.264, which is the publisher's own where that is passed through,
// and AAC. It is read from the live segments, part by part, so that there is neither an encoder nor a queue for it: a target that is slow falls
// behind in what is listed, is moved on to the newest key frame when it is too far behind, and is in nobody's way. Decode times go on from
// one run of the encoder to the next, and so does the connection; another configuration is sent before what needs it. What WHIP carries is what
// viewers over WebRTC get, which package ingest sends.
//
// A target that fails is tried again, with pauses that double, for as long as the stream lives. URLs of targets have secrets in them: neither the log
// nor a [State] has more of one than its host.
//
// The specifications are those of package ingest/rtmp, RFC 9725, and ISO/IEC 14496-12 and 14496-15.
//
// Goroutines: one for each target of a stream, and one that hears the other server, which [Stream.End] waits for.
package forward
