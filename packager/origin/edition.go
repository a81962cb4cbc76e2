package origin

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/sluice-live/sluice/packager/dash"
	"github.com/sluice-live/sluice/packager/manifest"
	"github.com/sluice-live/sluice/packager/timeline"
)

// dash.js asks for the MPD again at the pace of minimumUpdatePeriod only once it has seen the element's play event, which a page that
// calls play() before the MPD is there takes away from it: at the end of the Period it would stand still for ever. What it does
// obey is the event by which a manifest says that it is no longer valid. So each edition of the MPD carries such an event, and a Location that
// asks for the next one; the answer to that waits, as a blocking playlist reload does, until the Periods have changed or the edition is as old as
// updatePeriod: it is the wait that sets the pace, wherever the player is and whether it plays or not. Browsers pause video without sound while a
// page is hidden, and dash.js that is behind by more Periods than the MPD has does not find the way back by itself. Events need a new
// id in each edition, because each is obeyed once.

const (
	// directiveAfter names the edition that a client has: it wants the next one.
	directiveAfter = "_DASH_after"
	// maxForeignQuery bounds what is repeated in Location of a query that is for somebody else, bytes; a longer one gets no Location.
	maxForeignQuery = 2 << 10

	// nearEdge is how long before the end of the media a player that begins asks for its first edition after that which it has.
	nearEdge = 300 * time.Millisecond
	// foundWithin is how long players take to find their place, or a part if that is longer.
	foundWithin = 200 * time.Millisecond
	// pastEdge is how long events last: players forget those that they have missed. Who begins while ffmpeg is late is ahead of the media, and whose
	// machine slept finds its place by the clock in an MPD of before.
	pastEdge = 365 * 24 * time.Hour
)

// editions are the versions of a live MPD. Between two of the same Periods only the events, the Location and publishTime differ.
type editions struct {
	mu     sync.Mutex
	newest *edition
}

// edition is one version of the MPD.
type edition struct {
	of        *timeline.Presentation
	number    uint32
	made      time.Time     // with a monotonic reading
	published time.Time     // publishTime
	reached   time.Duration // by the media of the newest Period, from its start
	due       time.Duration // by the clock
	begins    time.Duration // less than that is how far behind the clock players begin
	first     *document     // for players that begin
	next      *document     // for those that have an edition
	signed    signed[*document]
}

// serveMPD answers with the newest edition of a live MPD, or with the one after that which the client has.
func (s *Stream) serveMPD(w http.ResponseWriter, r *http.Request, now *snapshot) {
	q, v := parseMPDQuery(r.URL.RawQuery), viewerOf(r)
	if v.signature != "" {
		q = q.signedBy(v)
	}
	var e *edition
	if !q.apart {
		e, now = s.awaitEdition(r, q)
	}
	d, cacheControl := now.mpd, mpdCC
	if q.private {
		cacheControl = mpdPrivateCC
	}
	switch {
	case e != nil && q.foreign != "":
		d = s.live(e, q)
	case e != nil && q.signature != "":
		d = e.signed.of(q.signature+strconv.FormatBool(q.follows), func() *document { return s.live(e, q) })
	case e != nil && q.follows:
		d = e.next
	case e != nil:
		d = e.first
	}
	if d == nil {
		notFound(w, "The stream "+s.name+" has no such file.")
		return
	}
	d.serve(w, r, cacheControl)
}

// mpdQuery is what a client asks of the MPD.
type mpdQuery struct {
	follows   bool
	after     uint32
	foreign   string // what is for somebody else, and goes into Location: players would lose it
	private   bool   // a viewer's own key is in it, and so in the answer: shared caches, which may leave it out of theirs, must not keep that
	signature string // of the address in Location
	apart     bool   // there is too much in it: then there is no Location
}

// parseMPDQuery reads a query. What players add themselves with every request (CTA-5004) is left out.
func parseMPDQuery(query string) (q mpdQuery) {
	if query == "" {
		return q
	}
	var foreign []string
	for parameter := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(parameter, "=")
		switch name {
		case directiveAfter:
			if n, err := strconv.ParseUint(value, 10, 32); err == nil {
				q.after, q.follows = uint32(n), true
			}
		case "CMCD", "":
		default:
			q.private = q.private || name == "token"
			foreign = append(foreign, parameter)
		}
	}
	if q.foreign = strings.Join(foreign, "&"); len(q.foreign) > maxForeignQuery {
		q.apart = true
	}
	return q
}

// signedBy is the query of a viewer who gets an address that stands for his right, in place of the token that he has come with.
func (q mpdQuery) signedBy(v viewer) mpdQuery {
	q.signature, q.private = v.signature, v.private
	if strings.Contains(q.foreign, "token") {
		kept := slices.DeleteFunc(strings.Split(q.foreign, "&"), func(parameter string) bool {
			name, _, _ := strings.Cut(parameter, "=")
			return name == "token"
		})
		q.foreign = strings.Join(kept, "&")
	}
	return q
}

// awaitEdition returns the newest edition; for who has that, the next one, once it is due. Of an ended stream there is none.
func (s *Stream) awaitEdition(r *http.Request, q mpdQuery) (*edition, *snapshot) {
	for {
		e, now, due := s.editionAfter(q)
		if due <= 0 {
			return e, now
		}
		timer := time.NewTimer(due)
		select {
		case <-now.represented:
		case <-timer.C:
		case <-r.Context().Done():
			timer.Stop()
			return e, now
		}
		timer.Stop()
	}
}

// editionAfter returns the newest edition, which is made if there is none that is young enough. Who has that is to come again.
func (s *Stream) editionAfter(q mpdQuery) (newest *edition, now *snapshot, due time.Duration) {
	s.editions.mu.Lock()
	defer s.editions.mu.Unlock()
	now = s.snapshot.Load()
	if now.Presentation == nil || now.Presentation.Ended {
		return nil, now, 0
	}
	last := s.editions.newest
	if last != nil && last.of == now.Presentation {
		switch left := updatePeriod - time.Since(last.made); {
		case left <= 0:
		case q.follows && q.after == last.number:
			return last, now, left
		default:
			return last, now, 0
		}
	}
	s.editions.newest = s.newEdition(now, last)
	return s.editions.newest, now, 0
}

// newEdition makes the one that follows last, or the first.
func (s *Stream) newEdition(now *snapshot, last *edition) *edition {
	p := now.Presentation
	e := &edition{of: p, made: time.Now()}
	e.published = p.Published.Add(e.made.Sub(now.since).Truncate(time.Millisecond))
	// The numbers go on where those of a process before this one were, and players' knowledge of events with them.
	e.number = uint32(max(1, e.published.Sub(p.Start)/time.Second))
	if last != nil {
		e.number = max(e.number, last.number+1)
		if !e.published.After(last.published) {
			e.published = last.published.Add(time.Millisecond)
		}
	}
	e.begins = time.Duration(s.origin.timing.Target)*s.origin.timing.Part - max(foundWithin, s.origin.timing.Part)
	if n := len(p.Periods); n > 0 {
		newest := &p.Periods[n-1]
		e.reached, e.due = now.reached(newest), e.published.Sub(p.Start.Add(newest.Start))
	}
	e.first, e.next = s.live(e, mpdQuery{}), s.live(e, mpdQuery{follows: true})
	return e
}

// live is the document of an edition, with what makes players ask for the one after it.
func (s *Stream) live(e *edition, q mpdQuery) *document {
	return s.document(manifest.MIMEDASH, func() []byte {
		m := s.origin.mpd(e.of)
		leaveImplied(m.Periods)
		m.PublishTime = e.published
		m.Location = viewer{signature: q.signature}.sign(manifest.MPDName) + "?" + directiveAfter + "=" + strconv.FormatUint(uint64(e.number), 10)
		if q.foreign != "" {
			m.Location += "&" + q.foreign
		}
		if n := len(m.Periods); n > 0 {
			start := uint64(e.of.Periods[n-1].Start.Milliseconds())
			m.Periods[n-1].EventStreams = []dash.EventStream{{
				Descriptor: dash.Descriptor{Scheme: dash.SchemeEvent, Value: "1"}, Timescale: 1000, PresentationTimeOffset: start, Events: []dash.Event{e.event(start, q.follows)},
			}}
		}
		return m.Append(nil)
	})
}

// event makes players ask for the next edition: wherever they are, but for who begins, and has to find its place before it can bear with another
// one. Its times are of the presentation, in which the Period starts at start ms.
func (e *edition) event(start uint64, follows bool) dash.Event {
	from := uint64(1) // at 0 is who has not found its place
	if !follows {
		edge := max(e.reached-nearEdge, e.due-e.begins, 0)
		from = max(from, start+uint64(edge.Milliseconds()))
	}
	return dash.Event{Time: from, Duration: uint64(pastEdge.Milliseconds()), ID: uint64(e.number)}
}

// reached is how far the media of a Period has come in every rendition, from the Period's start.
func (s *snapshot) reached(period *timeline.Period) time.Duration {
	least := time.Duration(-1)
	for _, d := range period.Renditions {
		if p := s.playlist(d.ID); p != nil {
			if end := p.endOf(period.Epoch); least < 0 || end < least {
				least = end
			}
		}
	}
	return max(0, least)
}

// endOf is the end of what is there of an epoch, from its media time 0. Gaps do not count.
func (p *playlist) endOf(epoch string) time.Duration {
	of := func(s *timeline.Segment) time.Duration {
		if s.EpochName() != epoch {
			return 0
		}
		for i := len(s.Parts) - 1; i >= 0; i-- {
			if part := s.Parts[i]; !part.Gap {
				return timeline.FromTicks(part.Start+part.Duration, s.Timescale)
			}
		}
		if s.Gap || len(s.Parts) > 0 {
			return 0
		}
		return timeline.FromTicks(s.End(), s.Timescale)
	}
	if p.Growing != nil {
		if end := of(p.Growing); end > 0 {
			return end
		}
	}
	for i := len(p.Segments) - 1; i >= 0; i-- {
		if end := of(&p.Segments[i]); end > 0 {
			return end
		}
	}
	return 0
}
