package depay

import "fmt"

// DropReason tells why a frame was not emitted.
type DropReason uint8

// The reasons for which frames are dropped.
const (
	DropIncomplete  DropReason = iota // some of its packets were lost
	DropMissing                       // all of its packets were lost; known from PictureID (VP8, VP9), or frame_num if it is a reference (H264)
	DropAwaitingKey                   // it decodes from a frame that was dropped, or came before the first key frame
	DropTooLarge                      // more bytes or pixels than a frame may have
	DropMalformed                     // no decoder would take it
	DropBeforeZero                    // sound from before the first picture
	DropTooLate                       // audio whose time was filled with silence (Frame.Late), or taken by other audio, before it came
	DropBFrames                       // H264 that is not sent in the order that it is shown in: the publisher is to turn B-frames off
	DropInterlaced                    // H264 of fields: the publisher is to send progressive pictures
	DropReasons                       // how many reasons there are
)

// String returns the reason as metrics label it.
func (r DropReason) String() string {
	names := [DropReasons]string{
		"incomplete", "missing", "awaiting_key", "too_large", "malformed", "before_zero", "too_late", "b_frames", "interlaced",
	}
	if r < DropReasons {
		return names[r]
	}
	return fmt.Sprintf("reason %d", uint8(r))
}

// Stats counts since New. Detach resets nothing.
type Stats struct {
	Video, Audio     TrackStats
	Layers           TrackStats // all of Options.Layers together
	KeyFrameRequests uint64
	ReportsIgnored   uint64  // sender reports that were absurd, or came before their track's first packet
	Synchronized     bool    // sender reports relate video to audio at present
	AVOffset         int64   // 1/90000 s by which reports have moved video against audio, compared with arrival
	DriftPPM         float64 // smoothed rate at which the sender's clock loses against the server's, in millionths
}

// TrackStats counts one track. FramesIn = FramesOut + the sum of Dropped, always; a frame in progress is not yet in.
type TrackStats struct {
	Sources    uint64 // publishers, or SSRCs of one, that have fed the track
	Packets    uint64 // received
	Duplicates uint64 // packets that had come before
	Late       uint64 // packets that came after they had been given up
	Padding    uint64 // packets without media
	Malformed  uint64 // packets with a broken header, or too long
	Stray      uint64 // packets with an absurd sequence number that none followed
	Lost       uint64 // packets that were given up

	FramesIn  uint64
	FramesOut uint64
	Dropped   [DropReasons]uint64 // by DropReason
	Stamped   uint64              // frames out whose PTS was moved forward, behind what had been emitted
	Fillers   uint64              // emitted beside FramesOut
	BFrames   uint64              // of H264, whose time stamps are of decoding, so that they were kept
}

// FramesDropped returns how many frames were dropped, for whatever reason.
func (s *TrackStats) FramesDropped() (n uint64) {
	for _, v := range s.Dropped {
		n += v
	}
	return n
}

func (s *TrackStats) drop(r DropReason, n uint64) {
	s.FramesIn += n
	s.Dropped[r] += n
}
