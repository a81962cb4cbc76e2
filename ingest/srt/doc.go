// Package srt makes streams of what encoders send over SRT (draft-sharabayko-srt-01): H.264 with AAC or Opus in MPEG-TS. The media goes the way of uploads,
// by package upload.
//
// The protocol is gosrt's, MPEG-TS is read by mediacommon (ISO/IEC 13818-1), before which packets are counted here: neither bounds how long a unit
// may be that never ends.
//
// Nobody can play over SRT. The server does not know who may publish what: a function says so. A [Client] publishes to other servers.
//
// Goroutines: one that accepts, for each connection one that receives, which Run waits for, and those of gosrt, which end with the listener. A Client has one, which
// Close waits for.
package srt
