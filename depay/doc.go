// Package depay turns the RTP packets of one publisher into whole frames on one clock, without a gap.
//
// A packet goes through three steps. The reorder buffer of its track puts it in its place, waiting at most
// Options.ReorderWindow for one that is missing. The assembler makes frames of packets: pictures of VP8, VP9, H.264 or
// AV1, of which a frame that lost a packet is dropped together with all that decode from it, and Opus by RFC 7587, one
// packet one frame. The clock maps RTP time stamps to the server's monotonic clock: by arrival (the lower envelope of
// the transit delay) until both tracks have a sender report (RFC 3550 §6.4.1), which from then on relate video to
// audio.
//
// The output never goes quiet: Tick fills every declared track up to a fixed age with repeat frames and with silence,
// whatever the publisher does, also when it has gone and until it is back (Detach).
//
// Time is int64: nanoseconds of the server's monotonic clock inside, ticks of the codec's RTP clock outside. RTP time
// stamps and sequence numbers are unwrapped. Wall clocks are never read.
//
// The package decodes nothing, reads no socket, takes no lock and starts no goroutine: all methods of a Depacketizer are
// called by one goroutine, which also runs Options.Emit. It unwraps neither RED nor FEC nor RTX. The containers that
// frames are written to are in ivf, ogg and webm, the knowledge of a codec's bits is in a package of its name.
package depay
