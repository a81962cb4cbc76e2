// Package media distributes received media inside the process: RTP packets from one source to everybody who needs them.
//
// A [Track] is one medium of somebody who sends. It hands each [Packet] to its subscribers: at once to those that never wait, through a
// bounded [Tap] to those that may be slow. A Tap that is full drops what it holds and goes on at the next key frame, so the source never
// waits. Packets come from a [PacketPool] and are counted by reference: all readers share one copy. A video track keeps the packets since
// its newest key frame (the GOP cache), so that a reader who joins can begin there. Requests for key frames are merged and throttled. A
// track of a simulcast (RFC 8853) is the best layer that flows, as one stream; the other layers can be read beside it.
//
// A [Rewriter] makes one continuous RTP stream of several sources, a [ClockMap] puts sender reports (RFC 3550 §6.4.1) on the server's
// clock, and [TrackStats] and [Outbound] count what is received and sent (RFC 3550 §6.4, §A.3, §A.8; RFC 4585).
//
// The package does not negotiate, does not reorder, and looks into media only as far as the [VideoCodec] of a [Format] tells where a key
// frame begins. It starts no goroutine: subscribers are called in the goroutine that reads the track, and taps are read by their readers.
package media
