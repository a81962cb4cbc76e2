package session

import (
	"sync/atomic"

	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
)

// Link is what a session knows of its connection beside pion: the feedback that it sends, and the streams that its peer opens.
type Link struct {
	sent    feedback
	streams streams
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
