package main

import (
	"github.com/sluice-live/sluice/depay"
	"github.com/sluice-live/sluice/ingest"
)

// feed is whoever publishes to the broadcast now, with the taps of its tracks; a track that it does not send has none.
// A nil feed is nobody; all but dropped and close may be called on it.
type feed struct {
	*ingest.Publisher
	video, audio *ingest.Tap
	media        bool // anything has arrived
}

func (p *feed) heard() bool { return p != nil && p.media }

func (p *feed) videoReady() <-chan struct{} {
	if p == nil || p.video == nil {
		return nil
	}
	return p.video.Ready()
}

func (p *feed) audioReady() <-chan struct{} {
	if p == nil || p.audio == nil {
		return nil
	}
	return p.audio.Ready()
}

func (p *feed) codecs() (video, audio depay.Codec) {
	if p != nil && p.video != nil {
		video = depay.VP8
	}
	if p != nil && p.audio != nil {
		audio = depay.Opus
	}
	return video, audio
}

func (p *feed) gone() bool {
	if p == nil {
		return false
	}
	select {
	case <-p.Done():
		return true
	default:
		return false
	}
}

func (p *feed) requestKeyFrame() {
	if p == nil {
		return
	}
	for _, track := range p.Tracks() {
		if track.Kind() == ingest.KindVideo {
			track.RequestKeyFrame()
		}
	}
}

// dropped counts the packets that this end was too slow for.
func (p *feed) dropped() (packets uint64) {
	for _, tap := range []*ingest.Tap{p.video, p.audio} {
		if tap != nil {
			packets += tap.Dropped()
		}
	}
	return packets
}

func (p *feed) close() {
	for _, tap := range []*ingest.Tap{p.video, p.audio} {
		if tap != nil {
			tap.Close()
		}
	}
}
