// Package h264 knows as much of H.264 as a server needs that passes pictures on without decoding them: the RTP payload
// format (RFC 6184, packetization modes 0 and 1), the parameter sets and the slice header (ITU-T H.264 §7.3), how files store
// it (ISO/IEC 14496-15 §5.3), and two pictures made by hand: one that repeats the last picture and leaves the decoder as it was, and
// a black key frame.
//
// A key frame is an IDR picture whose parameter sets are known. A recovery point (SEI payload 6: open GOP, intra refresh)
// is none, for a player cannot begin there without showing garbage, and no container marks it as a sync sample.
//
// Section numbers without a name are those of ITU-T H.264. The package assembles no packets, decodes no macroblock, starts
// no goroutine, and what it keeps between calls is in Sets and State.
package h264
