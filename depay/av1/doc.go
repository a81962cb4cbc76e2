// Package av1 knows as much of AV1 as a server needs that passes pictures on without decoding them: the RTP aggregation
// header (RTP Payload Format For AV1, version 1.0.0, §4.4), OBUs, the sequence header and the start of the frame header (AV1
// bitstream specification, version 1.0.0 with errata 1, §5.3 to §5.9), temporal units, one that repeats the last picture, a
// black key frame, and how files store it (AV1 Codec ISO Media File Format Binding §2).
//
// It assembles no packets, decodes no pixels and starts no goroutine. References is the only thing that keeps state, and it
// is its owner's.
package av1
