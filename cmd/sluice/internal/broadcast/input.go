package broadcast

import (
	"slices"
	"time"

	"github.com/sluice-live/sluice/depay"
	"github.com/sluice-live/sluice/ingest/media"
	"github.com/sluice-live/sluice/ingest/session"
)

// tapPackets is how many packets of a track wait at most, as they do while an ffmpeg ends: 2 s of video of 10 Mbit/s. A tap that is full
// goes on at the next key frame, which may be far.
const tapPackets = 2048

// input is whoever publishes to the broadcast now, or is about to, with the taps of its tracks; a track that it does not send has none.
// A nil input is nobody; all but dropped and close may be called on it.
type input struct {
	*session.Publisher
	video, audio *media.Tap
	since        time.Time // that its media comes
	heard        bool      // anything has been read
	passedOn     bool      // its video has been passed on
}

// newInput taps the tracks of a publisher.
func newInput(p *session.Publisher) *input {
	in := &input{Publisher: p}
	for _, track := range p.Tracks() {
		switch track.Kind() {
		case media.KindVideo:
			in.video = track.Tap(tapPackets)
		case media.KindAudio:
			in.audio = track.Tap(tapPackets)
		}
	}
	return in
}

func (in *input) videoReady() <-chan struct{} {
	if in == nil || in.video == nil {
		return nil
	}
	return in.video.Ready()
}

func (in *input) audioReady() <-chan struct{} {
	if in == nil || in.audio == nil {
		return nil
	}
	return in.audio.Ready()
}

// codecs are those of its tracks, 0 for one that it does not send.
func (in *input) codecs() (video, audio depay.Codec) {
	if in == nil {
		return 0, 0
	}
	for _, track := range in.Tracks() {
		switch c := codecOf(track.MimeType()); track.Kind() {
		case media.KindVideo:
			video = c
		case media.KindAudio:
			audio = c
		}
	}
	return video, audio
}

// videoTrack is the track of video, nil where there is none.
func (in *input) videoTrack() *media.Track {
	if in == nil {
		return nil
	}
	for _, track := range in.Tracks() {
		if track.Kind() == media.KindVideo {
			return track
		}
	}
	return nil
}

// isSimulcast reports whether layers of video have been offered.
func (in *input) isSimulcast() bool {
	track := in.videoTrack()
	return track != nil && track.LayersOffered() > 0
}

// simulcastComplete reports whether all layers of a simulcast have come, or will not: what is passed on before that soon has
// another size. It is so where there is none.
func (in *input) simulcastComplete() bool {
	track := in.videoTrack()
	return track == nil || 1+len(track.Layers()) >= track.LayersOffered() || time.Since(in.since) > layersWithin
}

// parameterSets are those of the publisher's offer, when it sends H.264.
func (in *input) parameterSets() [][]byte {
	if track := in.videoTrack(); track != nil && codecOf(track.MimeType()) == depay.H264 {
		return parameterSets(track.FormatParameters())
	}
	return nil
}

// recorded reports whether what comes was recorded elsewhere.
func (in *input) recorded() bool {
	return in != nil && slices.ContainsFunc(in.Tracks(), (*media.Track).Recorded)
}

// begun reports whether its media has begun to come.
func (in *input) begun() bool {
	select {
	case <-in.Begun():
		return true
	default:
		return false
	}
}

// gone reports whether the publisher has left.
func (in *input) gone() bool {
	if in == nil {
		return false
	}
	select {
	case <-in.Done():
		return true
	default:
		return false
	}
}

// dropped counts the packets that this end was too slow for.
func (in *input) dropped() (packets uint64) {
	for _, tap := range []*media.Tap{in.video, in.audio} {
		if tap != nil {
			packets += tap.Dropped()
		}
	}
	return packets
}

func (in *input) close() {
	for _, tap := range []*media.Tap{in.video, in.audio} {
		if tap != nil {
			tap.Close()
		}
	}
}
