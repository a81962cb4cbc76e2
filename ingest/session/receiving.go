package session

import (
	"github.com/pion/interceptor"
	"github.com/pion/rtp"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"
	"github.com/sluice-live/sluice/ingest/media"
)

// trackStarted reads a declared source from its first packet on. There is one track of each kind at most. What comes with redundancy may
// come without, too, packet by packet.
func (s *Session) trackStarted(remote *webrtc.TrackRemote, receiver *webrtc.RTPReceiver) {
	t := s.Track(media.Kind(remote.Kind().String()))
	ssrc := uint32(remote.SSRC())
	switch {
	case t == nil || !t.Format().ComesAs(remote.Codec().MimeType):
	case t.IsSimulcast():
		t.DescribedIn(s.extension(t, media.DescriptorURI))
		s.layerStarted(t, remote, receiver)
	default:
		t.DescribedIn(s.extension(t, media.DescriptorURI))
		source := s.add(t, ssrc)
		s.Go(func() { t.ReadRTP(remote, source.Push) })
		s.Go(func() { t.ReadReports(receiver, ssrc, source.Report) })
	}
}

func (s *Session) add(t *media.Track, ssrc uint32) *media.Source {
	return t.AddSource(ssrc, func() { s.RequestKeyFrame(ssrc) })
}

// layerStarted reads a layer of a simulcast from its first packet on.
func (s *Session) layerStarted(t *media.Track, remote *webrtc.TrackRemote, receiver *webrtc.RTPReceiver) {
	name, ssrc := remote.RID(), uint32(remote.SSRC())
	push, report, added := t.AddLayer(name, ssrc)
	if !added {
		return
	}
	s.Go(func() { t.ReadRTP(remote, push) })
	s.Go(func() { t.ReadReports(layerReports{receiver, name}, ssrc, report) })
}

// layerReports reads the RTCP of one layer.
type layerReports struct {
	receiver *webrtc.RTPReceiver
	name     string
}

func (l layerReports) Read(b []byte) (int, interceptor.Attributes, error) {
	return l.receiver.ReadSimulcast(b, l.name)
}

// adopt reads a source that was not declared, if its packets are of a track by their payload type: that of a client that declares none, or
// goes on under another SSRC without a new offer, and its retransmissions.
// It is called by pion's only reader, and waits for nobody.
func (s *Session) adopt(stream *rtpStream, packet []byte) bool {
	payload := packet[1] & 0x7f
	for _, t := range s.Tracks() {
		switch {
		case t.IsSimulcast():
			if t.Format().ComesIn(payload) && s.adoptLayer(t, stream, packet) {
				return true
			}
		case t.Format().RepairedBy(payload):
			s.Go(func() { t.ReadRTP(s.bind(t, stream, payload), t.PushRepair) })
			return true
		case t.Format().ComesIn(payload):
			t.DescribedIn(s.extension(t, media.DescriptorURI))
			source := s.add(t, stream.ssrc)
			s.Go(func() { t.ReadRTP(s.bind(t, stream, payload), ofTrack(t, source.Push)) })
			s.Go(func() { t.ReadReports(s.Reports(stream.ssrc), stream.ssrc, source.Report) })
			return true
		}
	}
	return false
}

// adoptLayer reads the new source of a layer that has had another: pion would exchange what is read while somebody reads it. The first of
// each layer is pion's.
func (s *Session) adoptLayer(t *media.Track, stream *rtpStream, packet []byte) bool {
	var header rtp.Header
	if _, err := header.Unmarshal(packet); err != nil {
		return false
	}
	name := string(header.GetExtension(s.extension(t, sdp.SDESRTPStreamIDURI)))
	if name == "" || !t.HasLayer(name) {
		return false
	}
	push, report, added := t.AddLayer(name, stream.ssrc)
	if added {
		s.Go(func() { t.ReadRTP(s.bind(t, stream, header.PayloadType), ofTrack(t, push)) })
		s.Go(func() { t.ReadReports(s.Reports(stream.ssrc), stream.ssrc, report) })
	}
	return added
}

// extension is the number of a header extension in the packets of a track; 0 if it has not been agreed.
func (s *Session) extension(t *media.Track, uri string) uint8 {
	for _, tr := range s.pc.GetTransceivers() {
		if tr.Kind().String() != string(t.Kind()) {
			continue
		}
		for _, e := range tr.Receiver().GetParameters().HeaderExtensions {
			if e.URI == uri {
				return uint8(e.ID)
			}
		}
	}
	return 0
}

// ofTrack leaves out packets whose payload type is not of the track.
func ofTrack(t *media.Track, push func(*media.Packet)) func(*media.Packet) {
	return func(p *media.Packet) {
		if t.Format().ComesIn(p.RTP.PayloadType) {
			push(p)
		} else {
			t.CountMalformed()
		}
	}
}

// bind gives a source what pion gives those that it reads itself: interceptors that ask for what is lost, and tell what has come.
func (s *Session) bind(t *media.Track, rtp *rtpStream, payload uint8) media.Reader {
	codec := t.Format().Capability()
	info := &interceptor.StreamInfo{
		SSRC: rtp.ssrc, PayloadType: payload, MimeType: codec.MimeType, ClockRate: codec.ClockRate, Channels: codec.Channels,
		Attributes: interceptor.Attributes{},
	}
	for _, tr := range s.pc.GetTransceivers() {
		if tr.Kind().String() != string(t.Kind()) {
			continue
		}
		parameters := tr.Receiver().GetParameters()
		for _, e := range parameters.HeaderExtensions {
			info.RTPHeaderExtensions = append(info.RTPHeaderExtensions, interceptor.RTPHeaderExtension{URI: e.URI, ID: e.ID})
		}
		if t.Format().RepairedBy(payload) {
			break // NACKs are about what it repairs (RFC 4588 §6.3)
		}
		for _, c := range parameters.Codecs[:min(len(parameters.Codecs), 1)] {
			for _, fb := range c.RTCPFeedback {
				info.RTCPFeedback = append(info.RTCPFeedback, interceptor.RTCPFeedback{Type: fb.Type, Parameter: fb.Parameter})
			}
		}
		break
	}
	return bound{s.link.chain.BindRemoteStream(info, interceptor.RTPReaderFunc(func(b []byte, a interceptor.Attributes) (int, interceptor.Attributes, error) {
		n, err := rtp.take(b)
		return n, a, err
	}))}
}

// Reports reads the RTCP of a source beside pion.
func (s *Session) Reports(ssrc uint32) media.Reader {
	stream := s.link.streams.rtcpOf(ssrc)
	return bound{s.link.chain.BindRTCPReader(interceptor.RTCPReaderFunc(func(b []byte, a interceptor.Attributes) (int, interceptor.Attributes, error) {
		n, err := stream.Read(b)
		return n, a, err
	}))}
}

// bound reads what interceptors have seen.
type bound struct{ interceptor.RTPReader }

// Read implements media.Reader.
func (b bound) Read(buf []byte) (int, interceptor.Attributes, error) {
	return b.RTPReader.Read(buf, nil)
}
