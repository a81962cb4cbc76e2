package upload

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
	"github.com/pion/webrtc/v4"

	"github.com/sluice-live/sluice/depay/h264"
	"github.com/sluice-live/sluice/depay/opus"
	"github.com/sluice-live/sluice/ingest/media"
	"github.com/sluice-live/sluice/ingest/offer"
	"github.com/sluice-live/sluice/ingest/webm"
)

// track puts the frames of a recorded track into RTP packets.
type track struct {
	media.Packetizer
	number     uint64
	payloader  rtp.Payloader // of pictures
	parameters *h264.Config  // of H.264 with lengths instead of start codes
	buffer     []byte        // a picture with start codes; reused
	aac        *aac          // sound that is made Opus of; nil: it is Opus
	transcoder *transcoder   // does that
	next       time.Duration // when the next packet of sound is expected
	begun      bool
	waiting    bool          // for a key frame
	newest     time.Duration // time of the newest frame, if there is one
	placed     bool          // there is one
}

// newTracks makes tracks of the first of each kind that a recording has and we know, and tells which ones are ignored.
func newTracks(recorded []webm.Track, pool *media.PacketPool) (tracks []*track, ignored []string, err error) {
	for _, r := range recorded {
		u := &track{number: r.Number, Packetizer: media.NewPacketizer(nil)}
		f, unknown := u.understand(r)
		if unknown != nil {
			ignored, err = append(ignored, unknown.Error()), cmp.Or(err, unknown)
			continue
		}
		kind := media.KindAudio
		if f.Codec != nil {
			kind, u.waiting = media.KindVideo, true
		}
		if slices.ContainsFunc(tracks, func(other *track) bool { return other.Kind() == kind }) {
			ignored = append(ignored, "there is another track of "+r.Codec)
			continue
		}
		u.Track = media.NewRecordedTrack(kind, f, pool)
		tracks = append(tracks, u)
	}
	switch {
	case len(tracks) > 0:
		return tracks, ignored, nil
	case err != nil:
		return nil, nil, err
	}
	return nil, nil, errors.New("it has no tracks")
}

// understand finds out how the frames of a track are sent (RFC 9559 §27.4 has the names).
func (u *track) understand(r webm.Track) (media.Format, error) {
	picture := func(mimeType, parameters string) media.Format {
		return media.Format{Codec: offer.VideoCodecOf(mimeType), Parameters: parameters}
	}
	if r.Encoded {
		return media.Format{}, fmt.Errorf("the recording's %s is compressed or encrypted by its container", r.Codec)
	}
	switch r.Codec {
	case "V_VP8":
		u.payloader = &codecs.VP8Payloader{EnablePictureID: true}
		return picture(webrtc.MimeTypeVP8, ""), nil
	case "V_VP9":
		u.payloader = &codecs.VP9Payloader{}
		return picture(webrtc.MimeTypeVP9, "profile-id=0"), nil
	case "V_AV1":
		u.payloader = &codecs.AV1Payloader{}
		return picture(webrtc.MimeTypeAV1, ""), nil
	case "V_MPEG4/ISO/AVC":
		u.payloader = &codecs.H264Payloader{}
		if len(r.Private) == 0 { // as Chromium records H.264 in WebM: start codes, and parameter sets before each key frame
			return picture(webrtc.MimeTypeH264, "packetization-mode=1"), nil
		}
		parameters, err := h264.ParseConfig(r.Private)
		if err != nil {
			return media.Format{}, errors.New("the recording's H.264 parameters cannot be read")
		}
		u.parameters = &parameters
		if len(parameters.SPS) == 0 { // they stand before each key frame, as in avc3
			return picture(webrtc.MimeTypeH264, "packetization-mode=1"), nil
		}
		return picture(webrtc.MimeTypeH264, offer.H264Format(&parameters)), nil
	case "A_OPUS":
		return media.Format{}, nil
	case "A_AAC":
		config, err := parseAAC(r.Private)
		if err != nil {
			return media.Format{}, err
		}
		u.aac = &config
		return media.Format{}, nil
	}
	return media.Format{}, fmt.Errorf("it has %s: record VP8, VP9, H.264 or AV1, with Opus or AAC", r.Codec)
}

// open starts what makes Opus of the track, if it needs that.
func (u *track) open(run Run, ffmpeg string) (err error) {
	if u.aac == nil {
		return nil
	}
	u.transcoder, err = startTranscoder(run, ffmpeg, *u.aac, func(made webm.Block) {
		_ = u.sendSound(made.Data, u.smooth(made, made.Time), time.Now()) // ffmpeg makes no packets that are damaged
	})
	return err
}

// close ends it, at once or when all is made.
func (u *track) close(atOnce bool) {
	if u.transcoder != nil {
		u.transcoder.close(atOnce)
	}
}

// send passes a frame on as of now. Pictures begin with a key frame. An error is a frame that is damaged.
func (u *track) send(block webm.Block, at time.Duration, now time.Time) error {
	data := block.Data
	switch {
	case u.transcoder != nil:
		return u.transcoder.write(data, at)
	case u.Kind() == media.KindAudio:
		return u.sendSound(data, u.smooth(block, at), now)
	}
	if u.parameters != nil {
		u.change(block.Private)
		stream, err := u.parameters.AppendAnnexB(u.buffer[:0], data)
		if err != nil {
			return errors.New("a picture of H.264 is cut short")
		}
		u.buffer, data = stream, stream
	}
	parts := u.payloader.Payload(media.MaxPayload, data)
	if u.waiting && !slices.ContainsFunc(parts, u.Format().Codec.KeyFrameStarts) {
		return nil
	}
	u.waiting = false
	for i, part := range parts {
		u.pass(i == len(parts)-1, at, now, part)
	}
	return nil
}

// change takes other parameters of H.264 for what follows, which begins with a key frame.
func (u *track) change(private []byte) {
	if private == nil {
		return
	}
	if parameters, err := h264.ParseConfig(private); err == nil {
		u.parameters, u.waiting = &parameters, true
	}
}

// sendSound passes a packet of Opus on, as packets of one frame each when it is too long: recorders make packets of 60 ms.
func (u *track) sendSound(packet []byte, at time.Duration, now time.Time) error {
	frames, err := opus.Frames(packet)
	switch {
	case err != nil:
		return errors.New("a packet of its sound is not Opus")
	case len(packet) <= media.MaxPayload:
		u.pass(!u.begun, at, now, packet)
		return nil
	}
	duration := opusDuration(packet) / time.Duration(len(frames))
	for i, frame := range frames {
		u.pass(!u.begun, at+time.Duration(i)*duration, now, []byte{opus.SingleTOC(packet)}, frame)
	}
	return nil
}

// pass delivers an RTP packet whose payload is all the parts together.
func (u *track) pass(marker bool, at time.Duration, now time.Time, parts ...[]byte) {
	u.begun = true
	u.Send(marker, at, now, parts...)
}

// smooth returns when a packet of sound begins: recorders round to milliseconds, and sound follows on itself, in laced blocks always.
func (u *track) smooth(block webm.Block, at time.Duration) time.Duration {
	const rounding = 5 * time.Millisecond
	if u.begun && (block.Laced || (at-u.next).Abs() < rounding) {
		at = u.next
	}
	u.next = at + opusDuration(block.Data)
	return at
}

// opusDuration returns how long a packet plays; 0 for one that is cut short.
func opusDuration(packet []byte) time.Duration {
	samples, _ := opus.Duration(packet)
	return time.Duration(samples) * time.Second / opus.SampleRate
}
