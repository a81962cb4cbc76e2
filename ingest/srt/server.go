package srt

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"reflect"
	"sync"
	"sync/atomic"
	"time"

	gosrt "github.com/datarhei/gosrt"

	"github.com/sluice-live/sluice/ingest/quota"
	"github.com/sluice-live/sluice/ingest/upload"
	"github.com/sluice-live/sluice/public/panics"
)

const readBytes = 2048 // more than a packet has

// Options are what a Server is made of.
type Options struct {
	Listen         string // host:port
	Passphrase     string // that all media is encrypted with; "": none
	MaxConnections int    // one more is rejected
	MaxPerAddress  int    // of one client
	Silence        time.Duration
	Open           upload.Opener
	Logger         *slog.Logger
}

// Server receives streams over SRT.
type Server struct {
	options  Options
	listener gosrt.Listener
	places   *quota.Pool
}

// Listen binds the address. Run gives it back.
func Listen(o Options) (*Server, error) {
	listener, err := gosrt.Listen("srt", o.Listen, gosrt.DefaultConfig())
	if err != nil {
		return nil, err
	}
	return &Server{o, listener, quota.NewPool(o.MaxConnections, o.MaxPerAddress)}, nil
}

// Addr is where it listens.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Run serves until ctx ends, and then closes all connections and waits for their goroutines.
func (s *Server) Run(ctx context.Context) {
	var serving sync.WaitGroup
	defer serving.Wait()
	defer context.AfterFunc(ctx, s.listener.Close)()
	defer s.listener.Close()
	for {
		request, err := s.accept()
		if request == nil && err == nil {
			continue
		}
		if errors.Is(err, gosrt.ErrListenerClosed) || ctx.Err() != nil {
			return
		}
		if err != nil {
			s.options.Logger.Error("SRT cannot be received any more", "error", err)
			return
		}
		client := quota.ClientOf(request.RemoteAddr().String())
		if s.places.Take(client) != nil {
			request.Reject(gosrt.REJ_RESOURCE)
			continue
		}
		serving.Go(func() {
			defer s.places.Release(client)
			_ = panics.Contain(s.options.Logger, "a connection of SRT", func() { s.serve(request) })
		})
	}
}

// accept waits for the next client; nil is one whose handshake could not be read.
func (s *Server) accept() (gosrt.ConnRequest, error) {
	return contained(s.options.Logger, s.listener.Accept2)
}

// contained calls what reads a handshake, and returns nothing where that panics, which gosrt does of some that are cut short. Anybody may send these, so
// that is no fault to be counted, and no line of the log that everybody sees.
func contained[T any](log *slog.Logger, read func() (T, error)) (got T, err error) {
	defer func() {
		if value := recover(); value != nil {
			log.Debug("a handshake of SRT cannot be read", "error", value)
		}
	}()
	return read()
}

// serve serves one client.
func (s *Server) serve(request gosrt.ConnRequest) {
	address := request.RemoteAddr().String()
	log := s.options.Logger.With("address", address)
	reject := func(reason gosrt.RejectionReason, why string) {
		request.Reject(reason)
		log.Warn("SRT publisher is refused", "reason", why) // what it calls its stream may be a key
	}
	if !fits(request) {
		reject(gosrt.REJ_ROGUE, "its packets are too small")
		return
	}
	if reason, why := s.decrypt(request); why != "" {
		reject(reason, why)
		return
	}
	stream, key, err := parseStreamID(request.StreamId())
	if err != nil {
		reject(gosrt.REJX_BAD_MODE, err.Error())
		return
	}
	live, refused := s.options.Open(upload.Publication{Stream: stream, Key: key, Address: address}, func(fed io.Reader) upload.Container { return newMedia(fed) })
	if refused != nil {
		if refused.Status == http.StatusUnauthorized {
			refused.Detail = "Put a key that this server knows into the stream ID: publish:NAME:KEY."
		}
		reject(reasonOf(refused.Status), refused.Detail)
		return
	}
	conn, err := request.Accept()
	if err != nil {
		live.End(err)
		log.Debug("SRT connection has come to nothing", "error", err)
	} else {
		s.feed(conn, live)
		_ = conn.Close()
	}
	if why := live.Result(); why != nil && live.Unplayable() {
		log.Warn("SRT publisher sends what cannot be taken", "stream", stream, "reason", why.Detail)
	}
}

// fits reports whether the packets that a client asks for have room for anything. gosrt 0.10 takes any size, of one below that of its headers for one
// of 4 GiB, and makes a buffer of it; and it tells nobody.
func fits(request gosrt.ConnRequest) bool {
	size := reflect.ValueOf(request).Elem().FieldByName("config").FieldByName("PayloadSize").Uint()
	return size >= gosrt.MIN_PAYLOAD_SIZE && size <= gosrt.MAX_PAYLOAD_SIZE
}

// decrypt says by what a connection is encrypted, or why it cannot be taken.
func (s *Server) decrypt(request gosrt.ConnRequest) (gosrt.RejectionReason, string) {
	secret := s.options.Passphrase
	switch {
	case secret == "" && request.IsEncrypted():
		return gosrt.REJ_UNSECURE, "it is encrypted, and this server has no srt.passphrase"
	case secret == "":
		return 0, ""
	case !request.IsEncrypted():
		return gosrt.REJ_UNSECURE, "it is not encrypted, as srt.passphrase wants it to be"
	}
	if err := request.SetPassphrase(secret); err != nil {
		return gosrt.REJ_BADSECRET, "its passphrase is not srt.passphrase"
	}
	return 0, ""
}

// reasonOf is the reason of SRT for a status of HTTP.
func reasonOf(status int) gosrt.RejectionReason {
	switch status {
	case http.StatusUnauthorized:
		return gosrt.REJX_UNAUTHORIZED
	case http.StatusForbidden:
		return gosrt.REJX_FORBIDDEN
	case http.StatusConflict:
		return gosrt.REJX_CONFLICT
	case http.StatusBadRequest:
		return gosrt.REJX_BAD_REQUEST
	}
	return gosrt.REJX_OVERLOAD
}

// feed passes on what comes until the connection or the stream ends.
func (s *Server) feed(conn gosrt.Conn, live *upload.Live) {
	var silent atomic.Bool
	silence := panics.AfterFunc(s.options.Silence, s.options.Logger, "a connection of SRT", func() {
		silent.Store(true)
		_ = conn.Close()
	})
	defer silence.Stop()
	defer live.OnClosing(func() { _ = conn.Close() })()
	buffer := make([]byte, readBytes)
	for {
		n, err := conn.Read(buffer)
		if n > 0 {
			silence.Reset(s.options.Silence)
			if live.Feed(buffer[:n]) != nil {
				return
			}
		}
		if err != nil {
			if err = io.EOF; silent.Load() {
				err = os.ErrDeadlineExceeded
			}
			live.End(err)
			return
		}
	}
}
