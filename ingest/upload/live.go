package upload

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/sluice-live/sluice/ingest/refusal"
	"github.com/sluice-live/sluice/ingest/session"
	"github.com/sluice-live/sluice/public/panics"
)

// Publication is what an encoder wants to publish over a protocol of its own.
type Publication struct {
	Stream  string // as the encoder says it, which may be no name
	Key     string // "": none
	Address string // host:port of the encoder
}

// Opener begins the stream of a publication, or refuses it; read gets the bytes that are fed, and makes the Container that they are read by.
type Opener func(p Publication, read func(io.Reader) Container) (*Live, *refusal.Refusal)

// Live is a stream whose media comes over a connection of a protocol of its own, as it is made, and is carried as an upload is.
type Live struct{ *upload }

// Open makes the session of such a stream; open gets the bytes that are fed, and makes the Container that they are read by. Whoever feeds it
// calls End, and then Result.
func (us *Uploads) Open(at *session.Reservation, open func(io.Reader) Container) (*Live, *refusal.Refusal) {
	if us.budget.full() {
		return nil, us.budget.refuse()
	}
	if p := us.config.Sessions.Reserve(at); p != nil {
		return nil, p
	}
	sess := session.NewDetached(at, us.config.Connect)
	us.config.Sessions.Start(sess)
	l := &Live{us.newUploadOf(sess)}
	l.open = open
	l.play()
	return l, nil
}

// Feed passes a copy of the next bytes on, when there is room for them. It is called by one goroutine; an error says that the stream has ended.
func (l *Live) Feed(b []byte) error { return l.pipe.writeWhenFree(bytes.Clone(b)) }

// End says that no more comes: io.EOF, or why not.
func (l *Live) End(why error) { l.pipe.close(why) }

// Closing is closed when the end of the stream's session has begun.
func (l *Live) Closing() <-chan struct{} { return l.session.Closing() }

// OnClosing has f called when the end of the stream's session begins, unless stop is called before, which waits for f.
func (l *Live) OnClosing(f func()) (stop func()) {
	stopped := make(chan struct{})
	var waiting sync.WaitGroup
	waiting.Go(func() {
		_ = panics.Contain(l.config.Logger, "the end of a stream", func() {
			select {
			case <-l.session.Closing():
				f()
			case <-stopped:
			}
		})
	})
	return func() {
		close(stopped)
		waiting.Wait()
	}
}

// Result waits for the end of the session, and says why it has ended where that is not because the client has: nil is the regular end.
func (l *Live) Result() *refusal.Refusal {
	err := l.result()
	switch {
	case err == nil:
		return nil
	case l.Unplayable():
		return refusal.New(http.StatusBadRequest, "The stream cannot be taken: %s.", strings.TrimPrefix(err.Error(), errRecording.Error()+": "))
	}
	return l.refusal(err)
}

// Unplayable reports whether the stream has ended because what came could not be read, or is not taken.
func (l *Live) Unplayable() bool { return errors.Is(l.session.Err(), errRecording) }
