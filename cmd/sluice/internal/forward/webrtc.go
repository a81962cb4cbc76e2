package forward

import (
	"context"
	"errors"
	"time"

	"github.com/sluice-live/sluice/cmd/sluice/internal/whip"
	"github.com/sluice-live/sluice/ingest"
	"github.com/sluice-live/sluice/ingest/session"
)

// WebRTC sends the stream to another server, which is called name: see ingest.Server.Forward.
type WebRTC func(ctx context.Context, stream, name string, exchange ingest.Exchange) (*session.Session, error)

// errConnect says that the addresses of the other server cannot be reached.
var errConnect = errors.New("no connection: none of the server's addresses can be reached")

// publish forwards by WHIP. Without an error the stream has ended.
func (r *run) publish(ctx context.Context, ended <-chan struct{}) error {
	r.connecting()
	client := &whip.Client{Endpoint: r.url.String(), Token: r.Token}
	defer func() { _ = client.Delete() }() // the other server sees the end of the connection all the same
	answering, cancel := context.WithTimeout(ctx, connectWithin)
	defer cancel()
	sess, err := r.options.WebRTC(answering, r.options.Stream, r.url.Host, func(ctx context.Context, offer []byte) ([]byte, error) {
		answer, err := client.Offer(ctx, string(offer), func(error) {})
		return []byte(answer), err
	})
	if err != nil {
		return err
	}
	defer func() {
		sess.Close(session.ErrStreamEnded)
		<-sess.Done()
		r.session.Store(nil)
		r.bytes.Add(sess.Sent())
	}()
	select {
	case <-sess.Connected():
	case <-sess.Closing():
		if err := sess.Err(); !errors.Is(err, session.ErrTimedOut) {
			return err
		}
		return errConnect
	case <-ended:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
	r.session.Store(sess)
	r.change(func(s *State) { s.State, s.Since, s.Error = StateForwarding, time.Now(), "" })
	r.log.Info("stream is forwarded")
	select {
	case <-sess.Closing():
		return sess.Err()
	case <-ended:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
