// Package vp8 knows as much of VP8 as a server needs that passes pictures on without decoding them: the RTP payload
// descriptor (RFC 7741 §4.2), the frame header up to the segmentation flag (RFC 6386 §9), and two frames made by hand:
// one that repeats the last picture and leaves the decoder as it was, and a black key frame.
//
// It assembles no packets, keeps no state between calls, decodes no pixels and starts no goroutine.
package vp8
