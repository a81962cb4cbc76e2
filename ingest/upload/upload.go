package upload

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sluice-live/sluice/ingest/media"
	"github.com/sluice-live/sluice/ingest/refusal"
	"github.com/sluice-live/sluice/ingest/session"
	"github.com/sluice-live/sluice/ingest/webm"
)

// Why uploads end, besides what ends all sessions.
var (
	ErrUploaded     = errors.New("the recording has ended")
	ErrUploadSilent = errors.New("nothing has come for too long")
)

// errRecording marks what is wrong with a recording itself.
var errRecording = errors.New("read the recording")

// uploadReport is the time between two reports of how time stamps relate.
const uploadReport = time.Second

// Timers are how long things in uploads may take.
type Timers struct {
	Idle  time.Duration // until a byte comes; default 30 s
	Chunk time.Duration // for a chunk that others have come after; default 2 s
}

// Config is what uploads are made of.
type Config struct {
	Sessions *session.Registry
	Packets  *media.PacketPool
	Timers   Timers
	Connect  time.Duration // until the recording tells its tracks
	Body     time.Duration // for the body of a chunk, and for an answer
	// OnPublish is called for each upload when its tracks are known. An error refuses it.
	OnPublish func(*session.Publisher) error
	Logger    *slog.Logger
}

// Uploads are all of them.
type Uploads struct {
	config Config
	reads  chan struct{} // a place for each chunk that is being received

	mu      sync.Mutex
	chunked map[string]*chunkedUpload // by stream and the client's name for it
}

// NewUploads makes no upload yet.
func NewUploads(c Config) *Uploads {
	if c.Timers.Idle == 0 {
		c.Timers.Idle = 30 * time.Second
	}
	if c.Timers.Chunk == 0 {
		c.Timers.Chunk = 2 * time.Second
	}
	return &Uploads{config: c, reads: make(chan struct{}, chunkReads), chunked: map[string]*chunkedUpload{}}
}

// upload is a publisher whose media comes as a recording: WebM, as a browser's MediaRecorder makes it.
type upload struct {
	session   *session.Session
	publisher *session.Publisher
	config    *Config
	pacer     pacer
	tracks    []*track

	received atomic.Int64 // bytes
}

// newUpload makes the session of an upload, which is to be played.
func (us *Uploads) newUpload(r *http.Request, stream string) (*upload, *refusal.Refusal) {
	at := session.NewReservation(r, session.KindUpload, stream)
	if p := us.config.Sessions.Reserve(at); p != nil {
		return nil, p
	}
	sess := session.NewDetached(at, us.config.Connect)
	us.config.Sessions.Start(sess)
	return &upload{session: sess, publisher: session.NewPublisher(sess), config: &us.config}, nil
}

// play makes a stream of what in has, and ends the session with it. When the session ends first, interrupt makes in return. play
// does not wait: result does.
func (u *upload) play(in io.Reader, interrupt func()) {
	u.session.Go(func() {
		carried, interrupted := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(interrupted)
			select {
			case <-u.session.Closing():
				interrupt()
			case <-carried:
			}
		}()
		err := u.carry(webm.NewReader(counted{in, &u.received}))
		close(carried)
		<-interrupted
		if err == nil {
			err = ErrUploaded
		}
		u.session.Close(err)
		u.config.Logger.Info("upload has ended", "stream", u.publisher.Stream(), "session", u.session.ID(), "bytes", u.received.Load(),
			"late", u.session.LateFrames.Load(), "reason", u.session.Err())
	})
}

// result waits for the end; nil is that of the recording.
func (u *upload) result() error {
	<-u.session.Done()
	if err := u.session.Err(); !errors.Is(err, ErrUploaded) {
		return err
	}
	return nil
}

// refusal is the answer to who has sent what ended for a reason.
func (u *upload) refusal(err error) *refusal.Refusal {
	switch {
	case session.IsUnready(err), errors.Is(err, session.ErrStopping):
		return refusal.New(http.StatusServiceUnavailable, "%v.", err).After(5)
	case errors.Is(err, ErrUploadSilent), errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, session.ErrTimedOut):
		return refusal.New(http.StatusRequestTimeout, "The recording has stopped coming: %v.", ErrUploadSilent)
	case errors.Is(err, errRecording):
		return refusal.New(http.StatusBadRequest, "The recording cannot be played: %v.", err)
	}
	return refusal.New(http.StatusGone, "The upload has been ended: %v.", err)
}

// counted counts what is read.
type counted struct {
	io.Reader
	n *atomic.Int64
}

func (c counted) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	c.n.Add(int64(n))
	return n, err
}

// carry publishes the recording, from its first frame on.
func (u *upload) carry(in *webm.Reader) error {
	recorded, err := in.Tracks()
	if err != nil {
		return unreadable(err)
	}
	if u.tracks, err = newTracks(recorded, u.config.Packets); err != nil {
		return unreadable(err)
	}
	for _, t := range u.tracks {
		u.session.Adopt(t.Track)
	}
	if err := u.config.OnPublish(u.publisher); err != nil {
		return session.Unready(err)
	}
	u.session.Connect()
	u.config.Sessions.Announce(u.publisher)
	return u.forward(in)
}

// forward passes on what is recorded when it is due.
func (u *upload) forward(in *webm.Reader) error {
	reported := -uploadReport
	for {
		block, err := in.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, errHole):
			u.waitForKeyFrame()
			in.Resume()
			continue
		case err != nil:
			return unreadable(err)
		}
		now, late, err := u.wait(block.Time)
		if err != nil {
			return err
		}
		if late {
			u.session.LateFrames.Add(1)
			u.waitForKeyFrame()
			continue
		}
		if block.Time-reported >= uploadReport {
			reported = block.Time
			u.report(block.Time)
		}
		if err := u.send(block, now); err != nil {
			return unreadable(err)
		}
	}
}

// wait returns when the frame of an instant is due.
func (u *upload) wait(at time.Duration) (now time.Time, late bool, err error) {
	now = time.Now()
	due, late := u.pacer.due(now, at)
	if late {
		return now, true, nil
	}
	if pause := due.Sub(now); pause > 0 {
		timer := time.NewTimer(pause)
		defer timer.Stop()
		select {
		case now = <-timer.C:
		case <-u.session.Closing():
			return now, false, u.session.Err()
		}
	}
	return now, false, nil
}

func (u *upload) send(block webm.Block, now time.Time) error {
	for _, t := range u.tracks {
		if t.number == block.Track {
			return t.send(block.Data, block.Time, now)
		}
	}
	return nil
}

func (u *upload) report(at time.Duration) {
	for _, t := range u.tracks {
		t.report(u.pacer.begun, at)
	}
}

func (u *upload) waitForKeyFrame() {
	for _, t := range u.tracks {
		t.waiting = t.Kind() == media.KindVideo
	}
}

// unreadable says that the recording itself is at fault, unless its bytes have not come.
func unreadable(err error) error {
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		err = errors.New("it is cut short")
	case errors.Is(err, errInterrupted), errors.Is(err, os.ErrDeadlineExceeded):
		return ErrUploadSilent
	}
	return fmt.Errorf("%w: %w", errRecording, err)
}
