package broadcast

import (
	"slices"
	"time"

	"github.com/sluice-live/sluice/depay"
	"github.com/sluice-live/sluice/ingest"
)

// input is whoever publishes to the broadcast now, with the taps of its tracks; a track that it does not send has none.
// A nil input is nobody; all but dropped and close may be called on it.
type input struct {
	*ingest.Publisher
	video, audio *ingest.Tap
	media        bool // anything has arrived
	since        time.Time
	copied       bool // its pictures have been passed on
}

func (p *input) heard() bool { return p != nil && p.media }

func (p *input) videoReady() <-chan struct{} {
	if p == nil || p.video == nil {
		return nil
	}
	return p.video.Ready()
}

func (p *input) audioReady() <-chan struct{} {
	if p == nil || p.audio == nil {
		return nil
	}
	return p.audio.Ready()
}

func (p *input) codecs() (video, audio depay.Codec) {
	if p == nil {
		return 0, 0
	}
	for _, track := range p.Tracks() {
		switch c := depayCodec(track.MimeType()); track.Kind() {
		case ingest.KindVideo:
			video = c
		case ingest.KindAudio:
			audio = c
		}
	}
	return video, audio
}

// parameterSets are those of the publisher's offer, when it sends H.264.
func (p *input) parameterSets() [][]byte {
	if p == nil {
		return nil
	}
	for _, track := range p.Tracks() {
		if depayCodec(track.MimeType()) == depay.H264 {
			return parameterSets(track)
		}
	}
	return nil
}

// recorded reports that what comes was recorded elsewhere.
func (p *input) recorded() bool {
	return p != nil && slices.ContainsFunc(p.Tracks(), (*ingest.Track).Recorded)
}

func (p *input) gone() bool {
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

// dropped counts the packets that this end was too slow for.
func (p *input) dropped() (packets uint64) {
	for _, tap := range []*ingest.Tap{p.video, p.audio} {
		if tap != nil {
			packets += tap.Dropped()
		}
	}
	return packets
}

func (p *input) close() {
	for _, tap := range []*ingest.Tap{p.video, p.audio} {
		if tap != nil {
			tap.Close()
		}
	}
}
