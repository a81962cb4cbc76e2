// Package gst speaks the signalling protocol of GStreamer's webrtcsink and webrtcsrc (gst-plugins-rs, net/webrtc/protocol, versions 1.0 and
// 1.1) over a WebSocket, so that these, gstwebrtc-api in browsers and whatever else speaks it meet the streams of this server.
//
// Where the protocol's own server passes messages between two peers, this one is the other peer. To a producer it is the consumer: it starts a
// session as soon as somebody registers as a producer, and what comes is a stream. To consumers each stream is a producer, whose id is the
// stream's name, wherever it comes from. Clients that wait for a producer (role consumer) are known to those who may publish, and get the
// stream of the producer that starts a session with them. Clients never exchange media or messages with each other.
//
// A [Hub] follows what is published and tells listeners of it. Sessions, offers and viewers are those of packages session, offer and egress:
// a [Media] makes them, as for WHIP and WHEP.
//
// Goroutines: that of the request reads; two more write and ping, and the request waits for them and for its sessions.
package gst
