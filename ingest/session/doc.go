// Package session holds what is the same for publishers, viewers, echoes, uploads and participants of rooms: a [Session] with its
// resource (RFC 9725 §4.2), and, for all but uploads and meshes, a peer connection with its negotiation (RFC 9725 §4.3).
//
// The [Registry] knows all sessions, bounds them, and decides who publishes a stream: a [Publisher] takes over from the one before unless
// that is refused while media flows. It tells [Followers], under its lock and so in order, what is published. [Peers] makes peer
// connections with the codecs of an offer and no others.
//
// It is a package of its own, beneath viewers, rooms and uploads, since each of these is or has sessions. It does not serve HTTP, does not
// send media, and does not know what a session's media is for.
//
// Goroutines: one for each session, which ends it and is started by [Registry.Start], and two for each incoming track or layer (RTP and
// RTCP), which the session waits for. [Registry.Wait] waits for all of them.
package session
