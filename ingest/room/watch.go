package room

import (
	"errors"
	"maps"
	"slices"

	"github.com/pion/webrtc/v4"

	"github.com/sluice-live/sluice/ingest/egress"
	"github.com/sluice-live/sluice/ingest/media"
	"github.com/sluice-live/sluice/ingest/signal"
)

// watch is what a participant gets of another one: a viewer on the participant's connection.
type watch struct {
	*egress.Viewer
	of      *participant
	senders []*webrtc.RTPSender
	over    chan struct{} // closed to end the viewer
}

// watchOthers makes the participant's connection send what those send whom it is to see, and reports whether that has changed.
func (p *participant) watchOthers() (changed bool, err error) {
	p.spare, p.leaving = append(p.spare, p.leaving...), nil // that has been negotiated
	others := p.room.watchedBy(p)
	for of, w := range p.watches {
		if !slices.Contains(others, of) {
			w.end()
			delete(p.watches, of)
			changed = true
			for _, sender := range w.senders {
				err = errors.Join(err, p.unsend(sender))
			}
		}
	}
	maps.DeleteFunc(p.asked, func(of *participant, _ egress.Ask) bool { return !slices.Contains(others, of) })
	for _, of := range others {
		if p.watches[of] == nil {
			changed = true
			err = errors.Join(err, p.watch(of))
		}
	}
	return changed, err
}

// view follows in which sizes the client shows others, those too whose media it has not got yet. Of who is not there, or has just left, there is
// nothing to keep.
func (p *participant) view(views []signal.Viewed) {
	others := p.room.watchedBy(p)
	for _, view := range views {
		i := slices.IndexFunc(others, func(of *participant) bool { return of.session.ID() == view.Participant })
		if i < 0 {
			continue
		}
		of, ask := others[i], egress.Shown(view.Width, view.Height)
		p.asked[of] = ask
		if w := p.watches[of]; w != nil {
			w.Ask(ask)
		}
	}
}

// watch begins to send what another one sends, in a MediaStream of its name.
func (p *participant) watch(of *participant) error {
	over := make(chan struct{})
	v := egress.NewViewer(p.session, p.share, p.room.rooms.config.Forwarders, &p.room.dropped, over)
	w := &watch{Viewer: v, of: of, over: over}
	for _, kind := range []media.Kind{media.KindAudio, media.KindVideo} {
		sender, err := v.Add(kind, roomFormat(kind), of.session.ID(), p.send)
		if err != nil {
			return err
		}
		w.senders = append(w.senders, sender)
	}
	p.watches[of] = w
	v.Ask(p.asked[of])
	p.session.Go(v.Run)
	p.room.mu.Lock()
	defer p.room.mu.Unlock()
	of.watchers[v] = struct{}{}
	v.Follow(of.tracks)
	return nil
}

// send adds a medium to what the connection sends, in a section that has been used before if there is one. Those in which the client sends are
// left alone, or it would have to be asked whether it takes media there too.
func (p *participant) send(local webrtc.TrackLocal) (*webrtc.RTPSender, error) {
	for i, tr := range p.spare {
		if tr.Kind() == local.Kind() {
			p.spare = slices.Delete(p.spare, i, i+1)
			sender, err := p.api.NewRTPSender(local, p.session.PeerConnection().SCTP().Transport())
			if err != nil {
				return nil, err
			}
			return sender, tr.SetSender(sender, local)
		}
	}
	tr, err := p.session.PeerConnection().AddTransceiverFromTrack(local, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
	if err != nil {
		return nil, err
	}
	return tr.Sender(), nil
}

// unsend takes a medium away. Its section can be used again when that has been negotiated: a client that finds another's media in it at
// once would not see the change.
func (p *participant) unsend(sender *webrtc.RTPSender) error {
	for _, tr := range p.session.PeerConnection().GetTransceivers() {
		if tr.Sender() == sender {
			p.leaving = append(p.leaving, tr)
		}
	}
	return p.session.PeerConnection().RemoveTrack(sender)
}

func (w *watch) end() {
	close(w.over)
	w.Withdraw()
	w.of.room.mu.Lock()
	defer w.of.room.mu.Unlock()
	delete(w.of.watchers, w.Viewer)
}
