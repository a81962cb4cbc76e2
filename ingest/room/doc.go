// Package room lets participants meet: what each sends is forwarded to all others (an SFU), or, in a mesh, only their events are passed on.
//
// A room is there while somebody is in it. A participant has a resumable session of events (package signal) and one connection that is
// negotiated anew when others come or go, the server being the impolite peer of perfect negotiation (WebRTC §10.7). Whoever speaks is
// found by the levels that browsers send (RFC 6464). A room may have an output: a stream of what one participant, or the active speaker,
// sends, which goes on while its source is switched.
//
// The package does not mix or transcode. Authentication is a function value, and the addresses are those that its handler is mounted at.
//
// Goroutines: one for each room, which follows who is there; for each participant one that negotiates, and for each other participant that
// it gets media from one viewer. The Registry of sessions waits for all of them.
package room
