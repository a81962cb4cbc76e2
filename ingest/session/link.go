package session

import (
	"sync/atomic"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtcp"

	"github.com/sluice-live/sluice/ingest/bandwidth"
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

// feedback counts the RTCP that one connection sends.
type feedback struct {
	interceptor.NoOp
	nacks, plis atomic.Uint64
}

// NewInterceptor implements interceptor.Factory: it counts for one connection only.
func (f *feedback) NewInterceptor(string) (interceptor.Interceptor, error) { return f, nil }

// BindRTCPWriter implements interceptor.Interceptor.
func (f *feedback) BindRTCPWriter(next interceptor.RTCPWriter) interceptor.RTCPWriter {
	return interceptor.RTCPWriterFunc(func(packets []rtcp.Packet, a interceptor.Attributes) (int, error) {
		for _, p := range packets {
			f.count(p)
		}
		return next.Write(packets, a)
	})
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
