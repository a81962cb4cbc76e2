// Package mp4 reads fragmented MP4 as it comes: the bytes that a browser's MediaRecorder uploads (ISO/IEC 14496-12 §8.8), without seeking
// and without knowing where the file ends. It keeps one fragment and the tracks in memory, each within a limit, decodes no media, starts no
// goroutine, and does not close the reader that it was given.
//
// Boxes that hold others are walked here, with every size checked against what there is; those that hold fields are read by mp4ff.
package mp4

import "time"

// Limits of what is read; anything larger is an error, found before memory is taken for it.
const (
	maxMovie    = 1 << 20  // bytes of a moov
	maxHead     = 1 << 20  // bytes of a moof
	maxFragment = 8 << 20  // bytes of an mdat
	maxSkipped  = 64 << 20 // bytes of any other box
	maxTracks   = 8        // of any type
	maxSamples  = 20_000   // in a fragment
	maxPrivate  = 64 << 10 // bytes of a codec's configuration
	maxTicks    = 1 << 62  // of a time stamp, in ns
)

// Track describes a track with audio or video.
type Track struct {
	ID            uint32
	Codec         string // of the sample entry, such as avc1, avc3, vp09, av01, mp4a, Opus
	Private       []byte // of avc1 and avc3 the AVCDecoderConfigurationRecord, of mp4a the AudioSpecificConfig; nil when absent
	Video         bool   // else audio
	Channels      int    // of audio
	Width, Height int    // of video, in pixels
}

// Sample is one frame of a track.
type Sample struct {
	Track uint32        // Track.ID
	Time  time.Duration // when it is presented
	Data  []byte        // valid until the next call of Next; not empty
}
