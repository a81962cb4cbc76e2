// Package channel carries messages over data channels (RFC 8831, RFC 8832): between whoever publishes a stream and its viewers, in rooms,
// and back to who has sent them.
//
// [Accept] takes the channels that the client of a session opens. What it sends faster than it may is read later, so that its own transport
// holds it up. What is sent to it waits in the buffer of its transport; more than [MaxBuffered] there is dropped and counted, so that nobody
// waits for a client that does not read. Messages have no framing of their own: text is an event as in rooms (package signal), bytes are
// passed on as they are.
//
// [Streams] joins publishers and viewers. The package knows nothing of media, and negotiates nothing.
//
// Goroutines: one for each session of a stream that has channels, which its session waits for. Messages are heard in pion's own.
package channel
