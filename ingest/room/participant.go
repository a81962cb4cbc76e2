package room

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
	"github.com/pion/webrtc/v4"
	"golang.org/x/time/rate"

	"github.com/sluice-live/sluice/ingest/channel"
	"github.com/sluice-live/sluice/ingest/egress"
	"github.com/sluice-live/sluice/ingest/media"
	"github.com/sluice-live/sluice/ingest/offer"
	"github.com/sluice-live/sluice/ingest/session"
	"github.com/sluice-live/sluice/ingest/signal"
)

const (
	participantInbox = 64              // events that wait for a participant's goroutine; then its client waits
	sendsWithin      = 2 * time.Second // a medium that flows has had a packet so lately
)

// participant is somebody in a room: a signalling session for its events and, unless the room is a mesh, a connection for its media. It sends
// at most one picture and one sound, VP8 and Opus: what every browser can send and play, so that nobody is left out.
//
// One goroutine negotiates, the server being the impolite peer of perfect negotiation (WebRTC §10.7): where both have offered, the
// client's offer is ignored, and the client takes the server's and offers again.
type participant struct {
	session     *session.Session
	mode        Mode
	name        string
	metadata    json.RawMessage // that others are told with all that it says
	offersFirst bool            // the client does, so that the server has to wait
	simulcast   bool            // the client sends its picture in layers if it is asked to
	share       *egress.Share   // of the connection, among those whose media it gets
	signalling  *signal.Session
	room        *room // set once, when it is admitted
	log         *slog.Logger

	inbox chan signal.Event
	wake  chan struct{} // receives when it has to look at whom to watch, or has come back

	// Of the negotiating goroutine.
	offered    struct{ id, repeated uint64 } // events of the server's newest offer
	offers     *rate.Limiter                 // of the client
	candidates []string                      // that have come: before a description they have to wait
	waiting    int                           // how many of them do, the last ones
	watches    map[*participant]*watch
	asked      map[*participant]egress.Ask // of those whose media it gets, or is about to
	api        *webrtc.API
	spare      []*webrtc.RTPTransceiver // that send nothing
	leaving    []*webrtc.RTPTransceiver // that send nothing any more, once that is negotiated

	// Under the room's lock.
	shown    signal.Participant // what others have been told
	tracks   []*media.Track     // that it sends now, one of each kind
	watchers map[*egress.Viewer]struct{}

	channel  atomic.Pointer[channel.Line] // the newest for events; nil: it has none
	follows  atomic.Bool                  // it wants the list of streams and rooms
	list     string                       // that it has got; of the room's goroutine
	returned atomic.Uint64                // its client has come back, with that as the last event that it has seen
	loudness atomic.Int32                 // of its sound lately, in dB above the lowest
}

// newParticipant makes somebody who is in no room yet.
func (rs *Rooms) newParticipant(at *session.Reservation, e signal.Event, mode Mode) (*participant, error) {
	p := &participant{
		mode: mode, log: rs.config.Logger, name: e.Name, metadata: e.Metadata, offersFirst: e.Offers, simulcast: e.Simulcast, inbox: make(chan signal.Event, participantInbox), wake: make(chan struct{}, 1),
		offers: rate.NewLimiter(offersPerSecond, offersAtOnce), watches: map[*participant]*watch{}, asked: map[*participant]egress.Ask{}, watchers: map[*egress.Viewer]struct{}{},
	}
	p.signalling = signal.NewSession(p.receive)
	if e.InData {
		p.signalling.TellInData()
	}
	if mode == ModeMesh {
		p.session = session.NewDetached(at, 0) // its media is none of ours
		return p, nil
	}
	return p, p.connect(rs, at)
}

// connect makes the connection for a participant's media.
func (p *participant) connect(rs *Rooms, at *session.Reservation) error {
	api, sent, err := rs.config.Peers.Meet(p.simulcast, roomFormat(media.KindVideo), roomFormat(media.KindAudio))
	if err != nil {
		return err
	}
	pc, err := api.NewPeerConnection(session.Bundled())
	if err != nil {
		return err
	}
	p.api = api
	p.session = session.New(at, pc, sent, rs.config.Connect)
	p.share = egress.NewShare(p.session.Bandwidth())
	p.acceptChannels(rs.config.Messages)
	pc.OnTrack(func(remote *webrtc.TrackRemote, receiver *webrtc.RTPReceiver) {
		defer p.session.Contain()
		p.trackStarted(remote, receiver)
	})
	for _, kind := range []media.Kind{media.KindAudio, media.KindVideo} {
		p.session.Adopt(media.NewTrack(kind, roomFormat(kind), rs.config.Packets))
		init := webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}
		if _, err := pc.AddTransceiverFromKind(webrtc.NewRTPCodecType(string(kind)), init); err != nil {
			return errors.Join(err, pc.Close())
		}
	}
	p.tracks = p.session.Tracks()
	return nil
}

// roomFormat is what is sent in rooms.
func roomFormat(kind media.Kind) media.Format {
	if kind == media.KindAudio {
		return media.Format{Payload: "111", Parameters: "minptime=10;useinbandfec=1"}
	}
	return media.Format{Payload: "96", Repair: "97", Codec: offer.VideoCodecOf(webrtc.MimeTypeVP8)}
}

// receive hears the client. It waits when too much has come, so that the client has to.
func (p *participant) receive(e signal.Event) {
	switch {
	case e.Kind == signal.Leave:
		p.session.Close(ErrLeft)
	case e.Kind == signal.List:
		p.follows.Store(true)
	case e.IsMessage(), p.mode == ModeMesh && (e.To != "" || e.Recipients != nil):
		p.room.pass(p, e)
	case p.mode == ModeMesh, e.To != "", e.Recipients != nil:
		p.refuse(http.StatusBadRequest, "In a mesh offers, answers and candidates are for a participant, and elsewhere for the server: set “to” so.")
	default:
		select {
		case p.inbox <- e:
		case <-p.session.Closing():
		}
	}
}

// refuse tells the client that something it has sent is of no use.
func (p *participant) refuse(status int, detail string) {
	p.signalling.Send(signal.Event{Kind: signal.Error, Code: status, Detail: detail})
}

// look has the participant see whom it gets media from.
func (p *participant) look() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// run negotiates until the session ends, and leaves the room.
func (p *participant) run() {
	defer p.leave()
	for {
		select {
		case <-p.session.Closing():
			return
		case e := <-p.inbox:
			if err := p.hear(e); err != nil {
				p.refuse(http.StatusBadRequest, fmt.Sprintf("The %s is of no use: %v.", e.Kind, err))
			}
		case <-p.wake:
		}
		if p.mode == ModeMesh {
			continue
		}
		if err := p.offer(); err != nil {
			p.session.Close(err)
		}
	}
}

// leave gives up the signalling session and the place in the room.
func (p *participant) leave() {
	for _, w := range p.watches {
		w.end()
	}
	if p.room != nil {
		p.room.rooms.dismiss(p)
	}
	reason := p.session.Err()
	p.log.Info("participant has left", "room", p.roomName(), "session", p.session.ID(), "reason", reason)
	p.signalling.End(closeCode(reason), reason.Error())
}

func (p *participant) roomName() string {
	if p.room == nil {
		return ""
	}
	return p.room.name
}

// closeCode is that of the close frame (RFC 6455 §7.4.1) for the end of a session.
func closeCode(reason error) int {
	switch {
	case errors.Is(reason, ErrLeft):
		return int(websocket.StatusNormalClosure)
	case errors.Is(reason, session.ErrStopping):
		return int(websocket.StatusGoingAway)
	case errors.Is(reason, ErrRemoved):
		return signal.StatusRemoved
	}
	return signal.StatusExpired
}

// sends reports whether a medium flows. The caller holds the room's lock.
func (p *participant) sends(kind media.Kind, now time.Time) bool {
	t := media.TrackOf(p.tracks, kind)
	return t != nil && now.Sub(t.LastPacket()) < sendsWithin
}

// flows reports whether the participant's media is there although its events may not be.
func (p *participant) flows() bool {
	return p.session.PeerConnection() != nil && p.session.State() == session.StateConnected
}
