// Package signal carries events between a client and the room it is in: JSON objects, one for each thing that happens.
//
// A client begins a [Session] with its first event, authenticate, before which nothing else is heard. Events to it are numbered and kept
// for a while, so that a connection that is lost costs nothing: the client comes back with the key of its session and the number of
// the last event that it has seen, over whichever transport. There are two: a WebSocket (RFC 6455), and server-sent events
// (HTML §9.2) with POST for the way back, where networks break WebSockets.
//
// The package knows the form of events and no more of rooms: a [Handler] admits clients, and takes what they say.
//
// Goroutines: those of the requests, and one for each WebSocket that writes to it; who serves it waits for them. None outlives its request.
package signal
