package ingest

import (
	"context"
	"net/http"
	"time"

	"github.com/sluice-live/sluice/ingest/media"
	"github.com/sluice-live/sluice/ingest/offer"
	"github.com/sluice-live/sluice/ingest/pull"
	"github.com/sluice-live/sluice/ingest/refusal"
	"github.com/sluice-live/sluice/ingest/session"
)

// How long streams of an origin, and their viewers, stay.
const (
	pullQuiet = time.Second
	pullAway  = 2 * time.Minute

	lookForPictures = 50 * time.Millisecond
	showsPictures   = 2 * pullQuiet // that the stream has some; else it is sound alone
	showsMedia      = 8 * pullQuiet // that it has something, from an origin that is slow to connect
)

// pullStreams makes what pulls streams; nil where the server has its own.
func (s *Server) pullStreams() *pull.Streams {
	if s.opts.Origin == nil {
		return nil
	}
	times := s.timers.pulled
	times.Wanted = s.opts.ViewerLinger
	return pull.New(pull.Config{
		Sessions: s.sessions, Peers: s.peers, Packets: s.packets, End: s.viewers.End, Carry: s.channels.Carry, PublicIPs: s.opts.PublicIPs, Logger: s.opts.Logger,
		Timers: times,
	})
}

// viewerLinger is how long viewers stay by themselves while nobody publishes their stream. Where that is pulled, they are ended before.
func (o Options) viewerLinger() time.Duration {
	if o.Origin == nil || o.Beside {
		return o.ViewerLinger
	}
	return o.ViewerLinger + 2*pullAway
}

// Pulled counts the streams that are pulled from an origin.
func (s *Server) Pulled() pull.Stats {
	if s.pulls == nil {
		return pull.Stats{}
	}
	return s.pulls.Stats()
}

// originOf is where a stream is pulled from; nil where it is published here.
func (s *Server) originOf(r *http.Request, stream string) pull.Origin {
	if s.opts.Origin == nil {
		return nil
	}
	return s.opts.Origin(r, stream)
}

// postPulled sets up a viewer of a stream that is pulled.
func (s *Server) postPulled(w http.ResponseWriter, r *http.Request, stream string, origin pull.Origin) *refusal.Refusal {
	body, problem := s.readBody(w, r, typeSDP, s.opts.MaxSDP)
	if problem != nil {
		return problem
	}
	if _, problem = offer.Parse(body, offer.Watching(nil)); problem != nil { // the origin need not be asked
		return problem
	}
	leave, problem := s.pulls.Enter(r.Context(), stream, func() pull.Origin { return origin })
	if problem != nil {
		return problem
	}
	if problem = s.openPulled(w, r, stream, body, leave); problem != nil {
		leave()
	}
	return problem
}

func (s *Server) openPulled(w http.ResponseWriter, r *http.Request, stream string, body []byte, leave func()) *refusal.Refusal {
	p, live := s.sessions.Publisher(stream)
	if !live {
		return refusal.New(http.StatusServiceUnavailable, "The server that has this stream is away: ask again in a second.").After(1)
	}
	format := sentFormat(p, false)
	o, problem := offer.Parse(body, offer.Watching(format))
	if problem != nil && format != nil && hasNoPictures(r.Context(), p) {
		o, problem = offer.Parse(body, offer.Watching(nil))
	}
	if problem != nil {
		return problem
	}
	offer.ReceiveOnly(o.Description)
	at := session.NewReservation(r, session.KindViewer, stream)
	return s.open(w, r, o, at, s.watching(stream, at, s.viewers.Add, leave))
}

// hasNoPictures reports whether a stream is sound alone, once that can be seen: an origin agrees on pictures whether it has some or not.
func hasNoPictures(ctx context.Context, p *session.Publisher) bool {
	sound, pictures := p.Track(media.KindAudio), p.Track(media.KindVideo)
	look := time.NewTicker(lookForPictures)
	defer look.Stop()
	for sound != nil && pictures.LastPacket().IsZero() {
		lasts := time.Since(p.Started())
		if heard := !sound.LastPacket().IsZero(); lasts > showsMedia || heard && lasts > showsPictures {
			return heard
		}
		select {
		case <-look.C:
		case <-p.Done():
			return false
		case <-ctx.Done():
			return false
		}
	}
	return false
}
