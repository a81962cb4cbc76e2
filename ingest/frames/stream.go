package frames

import (
	"errors"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/pion/rtp/codecs"
	"github.com/pion/webrtc/v4"
	"golang.org/x/time/rate"

	"github.com/sluice-live/sluice/ingest/media"
	"github.com/sluice-live/sluice/ingest/offer"
	"github.com/sluice-live/sluice/ingest/refusal"
	"github.com/sluice-live/sluice/ingest/session"
)

const (
	repeatAfter = time.Second // without a picture the newest one is encoded again
	reportEvery = time.Second // how time stamps relate to the clock
)

// job is one picture.
type job struct {
	data    []byte
	process string // the processor's name; "": none
	format  string // of the picture that comes back, which it does only with a processor
	answer  chan *result
}

// result is what has become of a picture.
type result struct {
	frame         uint64
	width, height int
	faces         []Box
	image         []byte // processed

	decoding, processing, took time.Duration

	refused *refusal.Refusal // then nothing else holds
}

// stream is a publisher of pictures.
type stream struct {
	frames    *Frames
	session   *session.Session
	publisher *session.Publisher
	jobs      chan *job
	limit     *rate.Limiter
	hold      atomic.Int64  // how long the newest picture stands, ns
	dropped   atomic.Uint64 // pictures for which there was no place
	soundOf   string        // the stream whose audio it gets, if any
	finally   func(error)   // called with why it ends, before its session does

	// Of the goroutine that runs it.
	taken         uint64
	begun         time.Time // of the first picture
	at, reported  time.Duration
	newest        *Picture
	encoder       Encoder
	width, height int // of the encoder
	payloader     codecs.VP8Payloader
	out           media.Packetizer
	sound         *sound // nil: there is none
	processing
}

// enqueue gives a picture its place. It is refused when there is none.
func (s *stream) enqueue(j *job) *refusal.Refusal {
	if !s.limit.Allow() {
		s.dropped.Add(1)
		return refusal.New(http.StatusTooManyRequests, "A stream takes %d pictures a second: send fewer.", Rate).After(1)
	}
	select {
	case s.jobs <- j:
		return nil
	default:
		s.dropped.Add(1)
		return refusal.New(http.StatusTooManyRequests, "Pictures come faster than they can be taken (%d wait): send the next one when one has been answered.", queueLength).After(1)
	}
}

// run takes pictures until the session ends.
func (s *stream) run() {
	defer s.close()
	last := time.Now()
	each := time.NewTimer(repeatAfter)
	defer each.Stop()
	for {
		select {
		case <-s.session.Closing():
			return
		case j := <-s.jobs:
			r := s.take(j)
			j.answer <- r
			if r.refused == nil {
				last = time.Now()
				each.Reset(repeatAfter)
			}
		case <-each.C:
			each.Reset(repeatAfter)
			patience := time.Duration(s.hold.Load())
			if s.newest == nil {
				patience = max(patience, s.frames.config.Connect)
			}
			if time.Since(last) >= patience {
				s.end(ErrSilent)
				return
			}
			if s.newest == nil {
				continue
			}
			if err := s.send(s.newest); err != nil {
				s.end(session.Unready(err))
				return
			}
		}
	}
}

// end ends the stream, whose client is told before.
func (s *stream) end(reason error) {
	s.finally(reason)
	s.session.Close(reason)
}

func (s *stream) close() {
	if s.encoder != nil {
		s.encoder.Close()
	}
	s.processing.close()
	s.newest = nil
	s.frames.forget(s)
	s.frames.config.Logger.Info("stream of pictures has ended", "stream", s.publisher.Stream(), "session", s.session.ID(), "pictures", s.taken,
		"dropped", s.dropped.Load(), "reason", s.session.Err())
}

// take decodes a picture, has it processed, and passes it on.
func (s *stream) take(j *job) *result {
	began := time.Now()
	s.session.PictureBytes.Add(uint64(len(j.data)))
	picture, p := s.decode(j.data)
	if p != nil {
		return &result{refused: p}
	}
	r := &result{width: picture.Width, height: picture.Height, decoding: time.Since(began)}
	changed := time.Now()
	if j.process != "" {
		var err error
		if r.faces, err = s.process(s.frames.config.NewProcessor, j.process, s.publisher.Stream(), picture); err != nil {
			s.frames.config.Logger.Warn("picture cannot be processed", "stream", s.publisher.Stream(), "process", j.process, "error", err)
			return &result{refused: refusal.New(http.StatusServiceUnavailable, "The picture could not be processed (%s): try again in a few seconds.", shorten(err.Error())).After(5)}
		}
	}
	r.processing = time.Since(changed)
	if err := s.pass(picture); err != nil {
		s.end(err)
		return &result{refused: s.refusal(err)}
	}
	s.taken++
	s.frames.taken.Add(1)
	r.frame = s.taken
	if j.process != "" {
		r.image = encode(picture, j.format)
		s.frames.processed.Add(1)
	}
	r.took = time.Since(began)
	return r
}

// decode waits for its turn: decoding takes memory.
func (s *stream) decode(data []byte) (*Picture, *refusal.Refusal) {
	select {
	case s.frames.decoders <- struct{}{}:
		defer func() { <-s.frames.decoders }()
	case <-s.session.Closing():
		return nil, s.refusal(s.session.Err())
	}
	h, p := inspect(data)
	if p != nil {
		return nil, p
	}
	m, p := decode(data)
	if p != nil {
		return nil, p
	}
	return newPicture(m, h.format), nil
}

// pass makes a picture the newest of the stream, which begins with the first one.
func (s *stream) pass(picture *Picture) error {
	if s.newest == nil {
		if err := s.begin(); err != nil {
			return err
		}
	}
	s.newest = picture
	if err := s.send(picture); err != nil {
		return session.Unready(err)
	}
	return nil
}

func (s *stream) begin() error {
	c := s.frames.config
	track := media.NewRecordedTrack(media.KindVideo, media.Format{Codec: offer.VideoCodecOf(webrtc.MimeTypeVP8)}, c.Packets)
	s.out, s.payloader.EnablePictureID = media.NewPacketizer(track), true
	s.session.Adopt(track)
	if s.soundOf != "" {
		s.addSound()
	}
	if err := c.OnPublish(s.publisher); err != nil {
		return session.Unready(err)
	}
	s.session.Connect()
	c.Sessions.Announce(s.publisher)
	s.begun, s.reported = time.Now(), -reportEvery
	if s.sound != nil {
		s.sound.begun = s.begun
		s.session.Go(s.sound.run)
	}
	return nil
}

// send encodes a picture as of now, and passes it on.
func (s *stream) send(picture *Picture) error {
	if s.encoder != nil && (s.width != picture.Width || s.height != picture.Height) {
		s.encoder.Close()
		s.encoder = nil
	}
	if s.encoder == nil {
		encoder, err := s.frames.config.NewEncoder(picture.Width, picture.Height)
		if err != nil {
			return err
		}
		s.encoder, s.width, s.height = encoder, picture.Width, picture.Height
	}
	s.at = max(time.Since(s.begun), s.at+time.Millisecond)
	frame, err := s.encoder.Encode(picture.Data, s.at)
	if err != nil {
		return err
	}
	now := time.Now()
	if s.at-s.reported >= reportEvery {
		s.reported = s.at
		s.out.Report(s.begun, s.at)
	}
	parts := s.payloader.Payload(media.MaxPayload, frame)
	for i, part := range parts {
		s.out.Send(i == len(parts)-1, s.at, now, part)
	}
	return nil
}

// refusal is the answer to who has sent a picture to a stream that ended for a reason.
func (s *stream) refusal(err error) *refusal.Refusal {
	switch {
	case session.IsUnready(err), errors.Is(err, session.ErrStopping):
		return refusal.New(http.StatusServiceUnavailable, "%v.", err).After(5)
	case errors.Is(err, ErrSilent), errors.Is(err, session.ErrTimedOut):
		return refusal.New(http.StatusRequestTimeout, "The stream has ended: %v.", ErrSilent)
	}
	return refusal.New(http.StatusGone, "The stream has been ended: %v.", err)
}
