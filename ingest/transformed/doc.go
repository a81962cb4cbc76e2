// Package transformed gives viewers what the transforms of a stream make of its video, encoded once for all of them, beside the
// publisher's audio as it comes.
//
// What transforms and encodes is a function that others hand over: it gets the publisher's track and sends VP8 with the RTP time stamps
// of what it was made of, so that the publisher's own sender reports keep sound and pictures together. It runs while somebody watches, and
// a little longer; when it ends by itself it is called again, after a while that grows. So many streams have it at once, and
// viewers of one more are refused.
//
// Goroutines: one for each stream that is watched so, which Close waits for.
//
// RFC 7741 (RTP payload format of VP8).
package transformed
