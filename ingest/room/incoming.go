package room

import (
	"strings"

	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"

	"github.com/sluice-live/sluice/ingest/media"
)

// layers are those in which a client is asked to send its picture, the smallest first, each half the next.
var layers = []string{"q", "h", "f"}

// askForLayers offers to take a simulcast of these layers in the section that the client sends its picture in, the first one (RFC 8853 §5.3.1): pion
// offers none before the client has described one, and takes one that is answered.
func askForLayers(desc *sdp.SessionDescription, names []string) {
	for _, m := range desc.MediaDescriptions {
		if m.MediaName.Media != string(media.KindVideo) {
			continue
		}
		if _, offered := m.Attribute("simulcast"); !offered {
			for _, name := range names {
				m.WithValueAttribute("rid", name+" recv")
			}
			m.WithValueAttribute("simulcast", "recv "+strings.Join(names, ";"))
		}
		return
	}
}

// sentLayers are those that a client has described, or, where it has none, those that it is asked for.
func sentLayers(d *webrtc.SessionDescription) (names []string) {
	desc := &sdp.SessionDescription{}
	if d == nil || desc.UnmarshalString(d.SDP) != nil {
		return layers
	}
	for _, m := range desc.MediaDescriptions {
		for _, a := range m.Attributes {
			if name, sent := strings.CutSuffix(a.Value, " send"); sent && a.Key == "rid" && m.MediaName.Media == string(media.KindVideo) {
				names = append(names, name)
			}
		}
	}
	if names == nil {
		return layers
	}
	return names
}

// trackStarted reads a medium, or a layer of one, from its first packet on. One that comes in the place of another is a new track.
func (p *participant) trackStarted(remote *webrtc.TrackRemote, receiver *webrtc.RTPReceiver) {
	ssrc := uint32(remote.SSRC())
	if name := remote.RID(); name != "" {
		p.layerStarted(name, remote)
		return
	}
	request := func() { p.session.RequestKeyFrame(ssrc) }
	t := p.track(media.Kind(remote.Kind().String()), func(t *media.Track) bool { return t.Bind(request) })
	if t == nil {
		return
	}
	if t.Kind() == media.KindAudio {
		t.Subscribe(&loudnessMeter{out: &p.loudness, extension: audioLevelID(receiver)})
	}
	p.session.Go(func() { t.ReadRTP(remote, t.Push) })
	p.session.Go(func() { t.ReadReports(receiver, ssrc, t.PushReport) })
}

// layerStarted reads a layer of a simulcast. The first one makes the track of them all.
func (p *participant) layerStarted(name string, remote *webrtc.TrackRemote) {
	looked := false
	t := p.track(media.KindVideo, func(t *media.Track) bool {
		if looked {
			t.MakeSimulcast(len(layers), p.session.RequestKeyFrame)
		}
		looked = true
		return t.IsSimulcast()
	})
	if t == nil {
		return
	}
	ssrc := uint32(remote.SSRC())
	push, report, added := t.AddLayer(name, ssrc)
	if !added {
		return
	}
	p.session.Go(func() { t.ReadRTP(remote, push) })
	// When a second description comes before the connection is there, pion looks for reports where none come.
	p.session.Go(func() { t.ReadReports(p.session.Reports(ssrc), ssrc, report) })
}

// track returns the track of a kind, or the next one if that does not take what comes; nil: neither does. All who watch are let know of a new
// one.
func (p *participant) track(kind media.Kind, takes func(*media.Track) bool) *media.Track {
	r := p.room
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, t := range p.tracks {
		switch {
		case t.Kind() != kind:
			continue
		case takes(t):
			return t
		}
		next := media.NewTrack(kind, t.Format(), r.rooms.config.Packets)
		if !takes(next) || !p.session.Replace(t, next) {
			return nil
		}
		tracks := append([]*media.Track{}, p.tracks...)
		tracks[i] = next
		p.tracks = tracks
		for v := range p.watchers {
			v.Follow(tracks)
		}
		t.End()
		return next
	}
	return nil
}
