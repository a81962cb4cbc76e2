// Package ingest receives and shows WebRTC: WHIP publishers (RFC 9725), WHEP viewers (draft-ietf-wish-whep), rooms whose participants
// see each other, and the echo, which sends back what comes in.
//
// A [Server] binds one UDP port (and one TCP port, when asked to) for all peers and turns HTTP requests into sessions.
// A session that publishes is a [Publisher] with one [Track] for each negotiated medium. A Track hands every RTP packet to
// its subscribers: at once to the echo, through a bounded [Tap] to whoever may be slow. A Tap that is full drops what it
// holds and goes on at the next key frame; the publisher never waits.
//
// A viewer belongs to the name of a stream, not to its publisher: it stays connected while publishers come and go, on the same
// SSRCs, with sequence numbers and time stamps that go on. It begins with the newest key frame and what has come since, paced;
// when that is too long ago, a key frame is asked for at once. It has queues of its own, so it never holds up the publisher or
// another viewer. One goroutine for each core empties the queues of all viewers, whose writes never wait; what a queue holds
// leaves in bursts, several packets by one system call. What a client has lost is sent again from a history of the packets
// themselves, which all viewers share.
//
// Video is VP8, VP9, H.264 or AV1, sound is Opus. Of each offer one video codec is taken, the first that [Options] prefer or that
// the publisher does, and viewers get it as it comes. One who cannot take it is refused; one who has come before it changed is
// ended, to come back with a new offer. Of a simulcast (RFC 8853) a Track is always the best layer that flows, as one stream.
//
// Who offers redundant sound (RED, RFC 2198) before Opus may send it to a publication or the echo. It is unwrapped as it is read, and
// packets that have not come are restored from it: a Track is Opus.
//
// An upload is a publisher without a peer connection: a recording, WebM as it is made, whose frames are put into RTP packets and
// delivered at their own pace. It comes in one request, in numbered ones, or over a WebSocket.
//
// A room is there while somebody is in it. A participant has a seat, to which events come (package signal), and one connection that is
// negotiated anew when others come or go: what it sends are Tracks like a publisher's, what it gets are viewers of the others, one
// for each pair. Who is on air is a publisher without a connection of its own, whose tracks are copies. In a mesh only events pass.
//
// A publisher takes over a stream that another one publishes, unless that is refused while media flows; the older one's session
// ends, and its client is told why.
//
// The package does not look into media beyond the headers that tell a key frame, and what uploads and redundancy need to become packets; it
// does not reorder packets, and does neither authentication nor CORS: those wrap its handlers.
//
// Goroutines: pion's sockets run from [New] on, and during [Server.Run] one forwarder for each core. Each session has one goroutine that
// ends it and two for each track (RTP and RTCP) or layer, a viewer's one that follows publishers and one for the RTCP of each medium, an
// upload's one that reads and one that interrupts it, and over a WebSocket one that receives and one that tells the client how it
// stands; a participant's one that negotiates, and one for each other participant with one for the RTCP of each medium; a room's one
// that follows who is there. [Server.Run] waits for all of them. Subscribers are called in the track's goroutines and start none.
package ingest
