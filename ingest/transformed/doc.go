// Package transformed gives viewers video that the server makes of a publisher's, encoded once for all of them, beside the publisher's audio as
// it comes.
//
// [Streams] are what the transforms of a stream make of it, for those who ask for that. They run while somebody watches, and a little longer; an
// encoder that ends by itself is begun again, after a while that grows. So many streams have it at once, and viewers of one more are refused.
//
// [Reductions] are the video of publishers who send one layer, at a lower bit rate: an encoding more, for viewers whose networks are too slow.
// It is made from the moment that the first of them wants it until a while after the last does. Where there is no room, or the encoder fails,
// it is not there for a while.
//
// What encodes is a function that others hand over: it gets the publisher's track and sends pictures with the RTP time stamps of what they were
// made of, so that the publisher's own sender reports keep sound and pictures together.
//
// Goroutines: for each stream that is watched so one, or two where it is reduced, which Close waits for.
//
// RFC 6184 (RTP payload format of H.264), RFC 7741 (of VP8).
package transformed
