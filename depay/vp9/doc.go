// Package vp9 knows as much of VP9 as a server needs that passes pictures on without decoding them: the RTP payload
// descriptor (RFC 9628 §4.2), the uncompressed frame header and superframes (VP9 bitstream specification, version 0.6, §6.2
// and Annex B), a frame that repeats the last picture, a black key frame, and how to hide the lower spatial layers of a
// picture.
//
// It assembles no packets, decodes no pixels and starts no goroutine. References is the only thing that keeps state, and it
// is its owner's.
package vp9
