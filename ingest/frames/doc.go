// Package frames makes streams of still pictures that come one by one: JPEG, PNG or WebP, each in a request of its own, or as messages of a
// WebSocket or a data channel, as bytes or in base64. On request each comes back as a processor has changed it, in their order and with the
// time that it took.
//
// Pictures are decoded here, in Go, once their size is known from their header; all that is encoded is what others hand over as functions: VP8
// for the stream, and the processors. The newest picture is encoded again each second while no other comes, so that those who begin to watch
// see it, and ends after a while.
//
// Every picture has its place in a queue of a few for each stream; what comes when that is full is refused. All pictures together that have come
// and are not answered yet have a bound in bytes.
//
// A stream may have the audio of another one, whose packets of Opus are put on its own time.
//
// Goroutines: for each stream one that works, and one that follows its audio if it has some, which its session waits for; over a WebSocket
// one more that reads, which the handler waits for; over a data channel one that answers, which the session waits for. Channels are heard in
// goroutines of pion.
//
// ITU-T T.81 (JPEG), ISO/IEC 15948 (PNG), RFC 9649 (WebP), RFC 2397 (data URLs), RFC 7578 (forms).
package frames
