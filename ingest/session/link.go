package session

import (
	"slices"
	"sync/atomic"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtcp"

	"github.com/sluice-live/sluice/ingest/bandwidth"
	"github.com/sluice-live/sluice/ingest/media"
)

// Link is what a session knows of its connection beside pion: the feedback that it sends, and the streams that its peer opens.
type Link struct {
	sent    feedback
	streams streams
	control *bandwidth.Controller   // of what is sent; nil: its client does not tell of it
	chain   interceptor.Interceptor // all of the connection's
}

// keptChain makes the interceptors of a connection, and keeps them for streams that are read beside pion.
type keptChain struct {
	registry *interceptor.Registry
	link     *Link
}

// NewInterceptor implements interceptor.Factory.
func (k keptChain) NewInterceptor(id string) (interceptor.Interceptor, error) {
	chain, err := k.registry.Build(id)
	k.link.chain = chain
	return chain, err
}

// feedback counts the RTCP that one connection sends, and asks for nothing again that has come: pion does not know what retransmissions
// (RFC 4588) have brought, and would ask for it ten times a second until it is long past.
type feedback struct {
	interceptor.NoOp
	nacks, plis atomic.Uint64
	has         atomic.Pointer[func(ssrc uint32, sequence uint16) bool] // nil: nothing is known
}

// NewInterceptor implements interceptor.Factory: it counts for one connection only.
func (f *feedback) NewInterceptor(string) (interceptor.Interceptor, error) { return f, nil }

// BindRTCPWriter implements interceptor.Interceptor.
func (f *feedback) BindRTCPWriter(next interceptor.RTCPWriter) interceptor.RTCPWriter {
	return interceptor.RTCPWriterFunc(func(packets []rtcp.Packet, a interceptor.Attributes) (int, error) {
		packets = slices.DeleteFunc(packets, f.needless)
		for _, p := range packets {
			f.count(p)
		}
		if len(packets) == 0 {
			return 0, nil
		}
		return next.Write(packets, a)
	})
}

// needless takes what has come out of what is asked for again, and reports whether nothing is left of it.
func (f *feedback) needless(p rtcp.Packet) bool {
	nack, is := p.(*rtcp.TransportLayerNack)
	has := f.has.Load()
	if !is || has == nil {
		return false
	}
	var missing []uint16
	for _, pair := range nack.Nacks {
		missing = append(missing, pair.PacketList()...)
	}
	missing = slices.DeleteFunc(missing, func(sequence uint16) bool { return (*has)(nack.MediaSSRC, sequence) })
	nack.Nacks = rtcp.NackPairsFromSequenceNumbers(missing)
	return len(missing) == 0
}

func (f *feedback) count(p rtcp.Packet) {
	switch p := p.(type) {
	case *rtcp.TransportLayerNack:
		for _, pair := range p.Nacks {
			f.nacks.Add(uint64(len(pair.PacketList())))
		}
	case *rtcp.PictureLossIndication:
		f.plis.Add(1)
	}
}

// has reports whether a packet has come.
func (s *Session) has(ssrc uint32, sequence uint16) bool {
	return slices.ContainsFunc(s.Tracks(), func(t *media.Track) bool { return t.Has(ssrc, sequence) })
}

// Bandwidth follows what the connection carries of what is sent; nil when that is not asked of its client.
func (s *Session) Bandwidth() *bandwidth.Controller { return s.link.control }

// heedFeedback has the client's feedback about all packets followed.
func (s *Session) heedFeedback() {
	control := s.link.control
	if control == nil {
		return
	}
	s.link.streams.onFeedback(func(packet []byte) {
		defer s.Contain()
		control.Feedback(packet, time.Now())
	})
}
