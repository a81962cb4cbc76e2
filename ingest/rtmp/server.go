package rtmp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/sluice-live/sluice/ingest/quota"
	"github.com/sluice-live/sluice/ingest/refusal"
	"github.com/sluice-live/sluice/ingest/upload"
	"github.com/sluice-live/sluice/public/panics"
)

const (
	feedBytes = 32 << 10        // that are read at once
	parting   = 5 * time.Second // for a client to read why it is ended: encoders look for that between pictures only
)

// Options are what a Server is made of.
type Options struct {
	Listen           string // host:port; "": nowhere without TLS
	TLSListen        string // host:port of RTMPS; "": nowhere with TLS
	TLS              *tls.Config
	ListenTCP        func(option, address string) (*net.TCPListener, error) // for the options RTMPListen and RTMPSListen of a server of media
	MaxConnections   int                                                    // further ones wait
	MaxPerAddress    int                                                    // of one client; further ones are closed
	Connect, Silence time.Duration
	Open             upload.Opener
	Logger           *slog.Logger
}

// Server receives streams over RTMP, and over RTMPS, which is RTMP in TLS.
type Server struct {
	options       Options
	plain, secure *quota.Listener // nil: there is none
}

// ListenError says which of the addresses could not be bound.
type ListenError struct {
	Address string
	Err     error
}

// Error is that of the address.
func (e *ListenError) Error() string { return e.Err.Error() }

// Unwrap returns what the system says.
func (e *ListenError) Unwrap() error { return e.Err }

// Listen binds the addresses; its error is a [*ListenError]. Run gives them back.
func Listen(o Options) (*Server, error) {
	s, places := &Server{options: o}, quota.NewConnections(o.MaxConnections, o.MaxPerAddress, nil, o.Logger)
	for _, at := range []struct {
		option, address string
		listener        **quota.Listener
	}{{"RTMPListen", o.Listen, &s.plain}, {"RTMPSListen", o.TLSListen, &s.secure}} {
		if at.address == "" {
			continue
		}
		bound, err := o.ListenTCP(at.option, at.address)
		if err != nil {
			s.Close()
			return nil, &ListenError{at.address, err}
		}
		*at.listener = places.Listen(bound)
	}
	return s, nil
}

// Addr is where it listens without TLS; nil: nowhere.
func (s *Server) Addr() net.Addr { return addressOf(s.plain) }

// TLSAddr is where it listens with TLS; nil: nowhere.
func (s *Server) TLSAddr() net.Addr { return addressOf(s.secure) }

func addressOf(l *quota.Listener) net.Addr {
	if l == nil {
		return nil
	}
	return l.Addr()
}

// Close gives the addresses back, of a server that is not run.
func (s *Server) Close() {
	for _, l := range []*quota.Listener{s.plain, s.secure} {
		if l != nil {
			l.CloseAll()
		}
	}
}

// Run serves until ctx ends, and then closes all connections and waits for their goroutines.
func (s *Server) Run(ctx context.Context) {
	var serving sync.WaitGroup
	defer serving.Wait()
	stop := context.AfterFunc(ctx, s.Close)
	defer func() {
		stop()
		s.Close()
	}()
	if s.secure != nil {
		secure := func() {
			s.accept(s.secure, &serving, func(conn net.Conn) net.Conn { return tls.Server(conn, s.options.TLS) })
		}
		serving.Go(func() { panics.Keep(ctx, s.options.Logger, "the server of RTMPS", secure) })
	}
	if s.plain != nil {
		s.accept(s.plain, &serving, func(conn net.Conn) net.Conn { return conn })
	} else {
		<-ctx.Done()
	}
}

// accept serves the connections of a listener, as open makes them, until it is closed.
func (s *Server) accept(l *quota.Listener, serving *sync.WaitGroup, open func(net.Conn) net.Conn) {
	for {
		bound, err := l.Accept()
		if err != nil {
			return // it is closed
		}
		serving.Go(func() {
			conn := open(bound)
			defer func() { _ = conn.Close() }()
			_ = panics.Contain(s.options.Logger, "a connection of RTMP", func() { s.serve(conn) })
		})
	}
}

// source is what a conversation is read from: the connection, and later what has been fed of it.
type source struct{ io.Reader }

// serve serves one client.
func (s *Server) serve(conn net.Conn) {
	log := s.options.Logger.With("address", conn.RemoteAddr().String())
	_ = conn.SetDeadline(time.Now().Add(s.options.Connect)) // of the handshake of TLS, too
	from, out := &source{conn}, &line{conn: conn}
	in := newChunkReader(from)
	stream, key, err := greet(in, out)
	if err != nil {
		log.Debug("RTMP connection has come to nothing", "error", err)
		return
	}
	live, refused := s.options.Open(upload.Publication{Stream: stream, Key: key, Address: conn.RemoteAddr().String()}, func(fed io.Reader) upload.Container {
		from.Reader, in.media = fed, true
		return &media{in: in, out: out}
	})
	if refused != nil {
		if refused.Status == http.StatusUnauthorized {
			refused.Detail = "Put a key that this server knows behind the name of the stream: NAME?key=KEY."
		}
		log.Warn("RTMP publisher is refused", "status", refused.Status, "reason", refused.Detail) // what it calls its stream may be a key
		s.part(conn, out, refused)
		return
	}
	if err := out.status("status", "NetStream.Publish.Start", "Publishing "+stream+"."); err != nil {
		live.End(err)
	} else {
		s.feed(conn, out, in, live)
	}
	if refused = live.Result(); refused != nil {
		if live.Unplayable() {
			log.Warn("RTMP publisher sends what cannot be taken", "stream", stream, "reason", refused.Detail)
		}
		s.part(conn, out, refused)
	}
}

// part tells a client why it is ended, and gives it the time to read that: closing a connection with unread bytes would take it back.
func (s *Server) part(conn net.Conn, out *line, why *refusal.Refusal) {
	code := "NetStream.Publish.BadName" // of which encoders say that the stream key is wrong
	if why.Status != http.StatusBadRequest && why.Status != http.StatusUnauthorized && why.Status != http.StatusForbidden && why.Status != http.StatusConflict {
		code = "NetStream.Publish.Failed"
	}
	if out.status("error", code, why.Detail) != nil {
		return
	}
	if half, ok := conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
	_ = conn.SetReadDeadline(time.Now().Add(parting))
	_, _ = io.CopyN(io.Discard, conn, 4*maxVideo)
}

// endOf is the end that a stream has because its connection has: a lost one is no fault of what came over it.
func endOf(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	return io.EOF
}

// feed passes on what comes until the connection or the stream ends.
func (s *Server) feed(conn net.Conn, out *line, in *chunkReader, live *upload.Live) {
	defer live.OnClosing(func() { _ = conn.SetReadDeadline(time.Now()) })()
	buffer, told, count := make([]byte, feedBytes), uint64(0), uint64(0)
	for {
		_ = conn.SetReadDeadline(time.Now().Add(s.options.Silence))
		select {
		case <-live.Closing(): // whose deadline has been overwritten
			live.End(errors.New("the stream has ended"))
			return
		default:
		}
		n, err := conn.Read(buffer)
		if n > 0 && live.Feed(buffer[:n]) != nil {
			return
		}
		if err != nil {
			live.End(endOf(err))
			return
		}
		count += uint64(n)
		if w := uint64(in.told.Load()); w > 0 && count-told >= w {
			told = count
			if err := out.control(typeAcknowledgement, uint32(count)); err != nil {
				live.End(fmt.Errorf("acknowledge: %w", err))
				return
			}
		}
	}
}
