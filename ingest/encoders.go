package ingest

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"

	"github.com/sluice-live/sluice/ingest/refusal"
	"github.com/sluice-live/sluice/ingest/rtmp"
	"github.com/sluice-live/sluice/ingest/session"
	"github.com/sluice-live/sluice/ingest/srt"
	"github.com/sluice-live/sluice/ingest/upload"
	"github.com/sluice-live/sluice/public/name"
	"github.com/sluice-live/sluice/public/panics"
)

// connectionsPerStream are those of encoders that may be open at once, for each stream that there may be: some are on their way in or out.
const connectionsPerStream = 2

// listenEncoders binds the addresses of what is received beside WebRTC and HTTP.
func (s *Server) listenEncoders() error {
	if err := s.listenRTMP(); err != nil {
		return err
	}
	if err := s.listenSRT(); err != nil {
		if s.rtmp != nil {
			s.rtmp.Close()
		}
		return err
	}
	return nil
}

// listenRTMP binds the address of RTMP if streams are to be received there.
func (s *Server) listenRTMP() (err error) {
	if s.opts.RTMPListen == "" && s.opts.RTMPSListen == "" {
		return nil
	}
	s.rtmp, err = rtmp.Listen(rtmp.Options{
		Listen: s.opts.RTMPListen, TLSListen: s.opts.RTMPSListen, ListenTCP: s.opts.Sockets.ListenTCP, TLS: &tls.Config{GetCertificate: s.opts.Certificate, MinVersion: tls.VersionTLS12},
		MaxConnections: connectionsPerStream * s.opts.MaxStreams, MaxPerAddress: s.opts.MaxSessionsPerAddress,
		Connect: s.timers.connect, Silence: s.timers.silence, Logger: s.opts.Logger,
		Open: s.opener(session.KindRTMP),
	})
	if why := (*rtmp.ListenError)(nil); errors.As(err, &why) {
		return listenError("TCP", why.Address, why.Err)
	}
	return err
}

// listenSRT binds the address of SRT if streams are to be received there.
func (s *Server) listenSRT() (err error) {
	if s.opts.SRTListen == "" {
		return nil
	}
	s.srt, err = srt.Listen(srt.Options{
		Listen: s.opts.SRTListen, Passphrase: s.opts.SRTPassphrase, MaxConnections: connectionsPerStream * s.opts.MaxStreams, MaxPerAddress: s.opts.MaxSessionsPerAddress,
		Silence: s.timers.silence, Logger: s.opts.Logger,
		Open: s.opener(session.KindSRT),
	})
	if err != nil {
		return listenError("UDP", s.opts.SRTListen, err)
	}
	return nil
}

// RTMPAddr is where streams are received over RTMP; nil when that is off.
func (s *Server) RTMPAddr() net.Addr {
	if s.rtmp == nil {
		return nil
	}
	return s.rtmp.Addr()
}

// RTMPSAddr is where they are received over RTMP in TLS; nil when that is off.
func (s *Server) RTMPSAddr() net.Addr {
	if s.rtmp == nil {
		return nil
	}
	return s.rtmp.TLSAddr()
}

// SRTAddr is where streams are received over SRT; nil when that is off.
func (s *Server) SRTAddr() net.Addr {
	if s.srt == nil {
		return nil
	}
	return s.srt.Addr()
}

// receive serves the protocols of encoders until stop is called, which waits for their connections.
func (s *Server) receive(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var receiving sync.WaitGroup
	if s.rtmp != nil {
		receiving.Go(func() { panics.Keep(ctx, s.opts.Logger, "the server of RTMP", func() { s.rtmp.Run(ctx) }) })
	}
	if s.srt != nil {
		receiving.Go(func() { panics.Keep(ctx, s.opts.Logger, "the server of SRT", func() { s.srt.Run(ctx) }) })
	}
	return func() {
		cancel()
		receiving.Wait()
	}
}

// opener begins streams that come over a protocol without requests, or refuses them as one with requests would be.
func (s *Server) opener(kind session.Kind) upload.Opener {
	return func(p upload.Publication, read func(io.Reader) upload.Container) (*upload.Live, *refusal.Refusal) {
		r := &http.Request{Method: http.MethodPost, URL: &url.URL{Path: kind.Path(p.Stream, "")}, Header: http.Header{}, RemoteAddr: p.Address}
		if !s.mayAsk(r) {
			return nil, refusal.New(http.StatusTooManyRequests, "Your address asks too often: wait a second.").After(1)
		}
		if !name.Valid(p.Stream) {
			return nil, refusal.New(http.StatusBadRequest, "A stream's name is "+name.Rule+".")
		}
		right, refused := s.opts.MayEnter.Judge(r, p.Stream, p.Key)
		if refused != nil {
			return nil, refused
		}
		return s.uploads.Open(session.NewReservation(session.By(r, right), kind, p.Stream), read)
	}
}
