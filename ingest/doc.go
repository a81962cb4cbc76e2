// Package ingest receives and shows WebRTC: WHIP publishers (RFC 9725), WHEP viewers (draft-ietf-wish-whep), rooms whose participants
// see each other, and the echo, which sends back what comes in.
//
// A [Server] binds one UDP port (and one TCP port, when asked to) for all peers and turns HTTP requests into sessions. It joins the rooms of
// this house, and holds nothing that one of them can hold:
//
//	media    packets, tracks, taps, the GOP cache and statistics: the fan-out that never waits
//	offer    SDP: what clients describe, checked and cut down to what is used
//	session  sessions, their peer connections and negotiation; who publishes which stream
//	egress   viewers: down tracks, retransmission, batched sending
//	channel  messages over data channels: between publishers and viewers, in rooms, and back
//	room     participants who see each other, and the streams that rooms make
//	upload   recordings that become streams
//	pull     streams of another server, for as long as they are watched
//	gst      the signalling of GStreamer's webrtcsink and webrtcsrc
//	signal   events of rooms over WebSocket or server-sent events
//	webm     reading recordings
//	refusal  why a request is not served
//
// Video is VP8, VP9, H.264 or AV1, audio is Opus. Of each offer one video codec is taken, the first that [Options] prefer or that the
// publisher does, and viewers get it as it comes. A viewer who cannot take it is refused. A viewer whose codec is no longer published is
// disconnected and must send a new offer.
//
// The package does not look into media beyond what tells a key frame, and what uploads and redundancy need to become packets; it does not
// reorder packets, and does neither authentication nor CORS: those wrap its handlers.
//
// Goroutines: pion's sockets run from [New] on. During [Server.Run] the forwarders of package egress run, and Run waits for them and for
// all sessions, rooms and uploads, whose goroutines are told of in their packages.
package ingest
