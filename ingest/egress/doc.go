// Package egress sends media to viewers: what a stream's publisher sends, or one participant of a room to another.
//
// A [Viewer] is what is sent over the connection of a session, with a down track for each medium. It outlives publishers, on the same SSRCs,
// with sequence numbers and time stamps that go on. It begins at the newest key frame with what has come since, paced; it has bounded
// queues of its own, so it never holds up the publisher or another viewer, and asks for key frames less and less when its connection cannot
// take them. Its pictures are paced by what its connection carries (see package bandwidth), which padding finds out. What a client has lost
// (RFC 4585 §6.2.1) is sent again from a buffer of the packets themselves, which all viewers share, on a stream of its own where the client
// takes one (RFC 4588). Sender reports (RFC 3550 §6.4.1) are on the server's clock.
//
// [Viewers] are those of all streams: a viewer belongs to the name of a stream, whoever publishes it. [Forwarders] let viewers have their
// turns, so that a packet for a hundred viewers wakes no more goroutines than can run. [Batches] gather packets for an address and send
// them by one system call (UDP_SEGMENT, udp(7)).
//
// The package does not negotiate and does not encode. Of the encodings of a picture, its spatial layers (RFC 9628 §3) among them, a
// viewer gets the one that package bandwidth chooses.
//
// Goroutines: one for each core in [Forwarders.Run]; for each viewer the one that calls Run, and one for the RTCP of each medium, which its
// session waits for.
package egress
