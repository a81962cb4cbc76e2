// Package cmaf reads the two kinds of CMAF files that a live encoder leaves on disk: init segments and media segments
// that are still growing.
//
// [ParseInit] says what a track is: time scale, RFC 6381 codec string, geometry. A [Scanner] finds the whole fragments
// (CMAF chunks: [styp] [prft] moof mdat) of a segment as its file grows and says when each plays, reading headers only.
//
// [AppendID3Event] makes an event to put in front of a fragment, [EmptySegment] a segment of nothing.
//
// The package writes no file, decodes no media, opens no file and starts no goroutine. All that it reads is checked
// against the bounds below before anything is allocated, so no bytes can make it panic or grow. Init segments, which are read
// once, are decoded by mp4ff; the boxes of fragments, which are read several times a second, by hand and without allocation.
//
// Specifications: ISO/IEC 14496-12 (ISO base media file format), 14496-14 and 14496-15 (esds, avcC), ISO/IEC 23000-19
// (CMAF), RFC 6381 (codec strings).
package cmaf

// Bounds on what a file may ask of its reader.
const (
	MaxInit    = 64 << 10 // bytes of an init segment
	MaxMoof    = 256 << 10
	MaxMdat    = 256 << 20
	MaxOther   = 64 << 10 // bytes of any other box at the top of a segment (styp, prft, emsg)
	MaxSamples = 16 << 10 // samples of one fragment
	MaxTime    = 1 << 53  // ticks; players count them in doubles
)
