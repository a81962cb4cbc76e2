package session

import (
	"log/slog"
	"slices"
	"time"

	"github.com/sluice-live/sluice/ingest/media"
)

// A track is silent when nothing has come of it for so long although something else has within the last second: with DTX sound comes each
// 0.4 s.
const (
	muteAfter   = 10 * time.Second
	flowsWithin = time.Second
)

// silent lists the tracks of which nothing comes although the peer sends otherwise.
func (s *Session) silent(tracks []*media.Track, now time.Time) (found []*media.Track) {
	since := s.connectedAt.Load()
	if since == nil || now.Sub(*since) < muteAfter {
		return nil
	}
	heard := s.link.streams.strayed()
	for _, t := range tracks {
		if last := t.LastPacket(); last.After(heard) {
			heard = last
		}
	}
	if now.Sub(heard) > flowsWithin {
		return nil
	}
	for _, t := range tracks {
		if now.Sub(t.LastPacket()) >= muteAfter {
			found = append(found, t)
		}
	}
	return found
}

// watch reports each track that falls silent, once, and a client that sends too much, until the session is to end.
func (s *Session) watch(bitrate int64, log *slog.Logger) {
	defer s.Contain()
	look := time.NewTicker(bitrateWindow)
	defer look.Stop()
	var told []*media.Track
	meter := rateMeter{limit: bitrate, since: time.Now()}
	for {
		select {
		case <-s.closing:
			return
		case now := <-look.C:
			meter.look(s, now, log)
			if s.at.Kind == KindPublisher || s.at.Kind == KindProducer || s.at.Kind == KindEcho {
				told = s.report(told, now, log)
			}
		}
	}
}

// report adds the tracks to those told that have fallen silent since.
func (s *Session) report(told []*media.Track, now time.Time, log *slog.Logger) []*media.Track {
	for _, t := range s.silent(s.Tracks(), now) {
		if !slices.Contains(told, t) {
			told = append(told, t)
			log.Warn("nothing comes of a track that was negotiated, though its client sends otherwise: switch it on in the client, or connect without it",
				"track", t.Kind(), "codec", t.MimeType(), "name", s.at.name, "session", s.id, "address", s.RemoteAddr())
		}
	}
	return told
}

// stats returns the counters of tracks.
func (s *Session) stats(tracks []*media.Track, now time.Time) []media.TrackStats {
	silent := s.silent(tracks, now)
	all := make([]media.TrackStats, 0, len(tracks))
	for _, t := range tracks {
		st := t.Stats()
		st.Silent = slices.Contains(silent, t)
		all = append(all, st)
	}
	return all
}
