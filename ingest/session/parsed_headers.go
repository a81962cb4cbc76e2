package session

import (
	"github.com/pion/interceptor"
	"github.com/pion/rtp"
)

// parsedHeaders is an interceptor next to the socket that parses each packet's header into the same memory. The others find
// it there; left to themselves they allocate three times for every packet. It relies on a stream being read by one goroutine
// at a time, and on nobody using a header after the next read. Both hold for pion's interceptors (the one for transport-wide
// feedback hands the header to a goroutine that does not look at it), and the race detector would tell if they did not.
type parsedHeaders struct{ interceptor.NoOp }

// NewInterceptor implements interceptor.Factory.
func (parsedHeaders) NewInterceptor(string) (interceptor.Interceptor, error) {
	return &parsedHeaders{}, nil
}

// BindRemoteStream implements interceptor.Interceptor.
func (*parsedHeaders) BindRemoteStream(_ *interceptor.StreamInfo, next interceptor.RTPReader) interceptor.RTPReader {
	var header *rtp.Header
	shared := interceptor.Attributes{}
	return interceptor.RTPReaderFunc(func(b []byte, a interceptor.Attributes) (int, interceptor.Attributes, error) {
		n, _, err := next.Read(b, a)
		if err != nil {
			return n, nil, err
		}
		if header == nil { // GetRTPHeader keeps the header it returns
			header, err = shared.GetRTPHeader(b[:n])
		} else {
			_, err = header.Unmarshal(b[:n])
		}
		return n, shared, err
	})
}
