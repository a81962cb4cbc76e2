package upload

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sluice-live/sluice/ingest/media"
	"github.com/sluice-live/sluice/ingest/quota"
	"github.com/sluice-live/sluice/ingest/refusal"
	"github.com/sluice-live/sluice/ingest/session"
	"github.com/sluice-live/sluice/ingest/webm"
	"github.com/sluice-live/sluice/public/panics"
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
	FFmpeg   string        // the program that makes Opus of AAC; default ffmpeg
	Run      Run           // runs that, and keeps it from all else; default: it may do what this process may
	// OnPublish is called for each upload when its tracks are known. An error refuses it.
	OnPublish func(*session.Publisher) error
	Logger    *slog.Logger
}

// Uploads are all of them.
type Uploads struct {
	config Config
	budget *budget
	reads  *quota.Pool // a place for each chunk that is being received

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
	c.FFmpeg = cmp.Or(c.FFmpeg, "ffmpeg")
	if c.Run == nil {
		c.Run = unconfined
	}
	return &Uploads{config: c, budget: &budget{limit: heldBytes}, reads: quota.NewPool(chunkReads, chunkShare), chunked: map[string]*chunkedUpload{}}
}

// upload is a publisher whose media comes as a recording: WebM or MP4, as a browser's MediaRecorder makes it.
type upload struct {
	session   *session.Session
	publisher *session.Publisher
	config    *Config
	budget    *budget
	pipe      *pipe
	open      func(io.Reader) Container // reads what comes through the pipe
	pacer     pacer
	reported  time.Duration // when it was last told how time stamps relate
	tracks    []*track

	received atomic.Int64 // bytes
	damaged  uint64       // frames that could not be sent
	reading  int          // bytes that the reader of the recording holds
	finally  func(error)  // called with why it ends, before its session does
}

// newUpload makes the session of an upload, which is to be played.
func (us *Uploads) newUpload(r *http.Request, stream string) (*upload, *refusal.Refusal) {
	if us.budget.full() {
		return nil, us.budget.refuse()
	}
	at := session.NewReservation(r, session.KindUpload, stream)
	if p := us.config.Sessions.Reserve(at); p != nil {
		return nil, p
	}
	sess := session.NewDetached(at, us.config.Connect)
	us.config.Sessions.Start(sess)
	return us.newUploadOf(sess), nil
}

// play makes a stream of what comes through the pipe, and ends the session with it; when the session ends first, it stops. What is in the
// pipe then is forgotten. play does not wait: result does.
func (u *upload) play() {
	u.session.Go(func() {
		carried, interrupted := make(chan struct{}), make(chan struct{})
		panics.Go(u.config.Logger, "the upload", func() {
			defer close(interrupted)
			select {
			case <-u.session.Closing():
				u.pipe.drop(errInterrupted)
			case <-carried:
			}
		})
		err := u.carry(counted{u.pipe, &u.received})
		u.tracks = nil
		close(carried)
		<-interrupted
		u.pipe.drop(errInterrupted)
		if err == nil {
			err = ErrUploaded
		}
		u.finally(err)
		u.session.Close(err)
		u.config.Logger.Info("upload has ended", "kind", u.session.Kind(), "stream", u.publisher.Stream(), "session", u.session.ID(), "bytes", u.received.Load(),
			"late", u.session.LateFrames.Load(), "damaged", u.session.DamagedFrames.Load(), "reason", u.session.Err())
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

// carry publishes the recording, from its first frame on.
func (u *upload) carry(bytes io.Reader) error {
	in := u.open(bytes)
	defer u.account(0)
	recorded, err := in.Tracks()
	if err != nil {
		return unreadable(err)
	}
	tracks, ignored, err := newTracks(recorded, u.config.Packets)
	if err != nil {
		return unreadable(err)
	}
	u.tracks = tracks
	if len(ignored) > 0 {
		u.session.Ignore(ignored)
		u.config.Logger.Warn("tracks of an upload are ignored", "stream", u.publisher.Stream(), "session", u.session.ID(), "tracks", strings.Join(ignored, ", "))
	}
	for _, t := range u.tracks {
		if err := t.open(u.config.Run, u.config.FFmpeg); err != nil {
			return session.Unready(err)
		}
		defer func() { t.close(u.session.Err() != nil) }()
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
func (u *upload) forward(in Container) error {
	for {
		block, err := in.Next()
		u.account(in.Held())
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
		if err := u.pass(block); err != nil {
			return err
		}
		u.session.DamagedFrames.Store(in.Damaged() + u.damaged)
	}
}

// account counts the bytes that the reader of the recording holds among those of all uploads.
func (u *upload) account(held int) {
	u.budget.held.Add(int64(held - u.reading))
	u.reading = held
}

// pass passes a frame on when it is due.
func (u *upload) pass(block webm.Block) error {
	t := u.trackOf(block.Track)
	if t == nil {
		return nil
	}
	at, due, late := u.place(block.Time, t)
	if late {
		u.session.LateFrames.Add(1)
		u.waitForKeyFrame()
		return nil
	}
	now, err := u.wait(due)
	if err != nil {
		return err
	}
	if since := at - u.reported; since.Abs() >= uploadReport {
		u.reported = at
		u.report(at)
	}
	if err := t.send(block, at, now); err != nil {
		u.damaged++
		t.waiting = t.Kind() == media.KindVideo
	}
	return nil
}

// place finds out when a frame is due.
func (u *upload) place(stamp time.Duration, t *track) (at time.Duration, due time.Time, late bool) {
	now := time.Now()
	came, starved := u.pipe.arrival()
	seen := sighting{now: now, came: came, live: now.Sub(starved) < liveWithin, stamp: stamp}
	if t.placed {
		seen.newest = &t.newest
	}
	at, due, late = u.pacer.place(seen)
	if !late {
		t.newest, t.placed = max(at, t.newest), true
	}
	return at, due, late
}

// wait returns when a frame is due.
func (u *upload) wait(due time.Time) (now time.Time, err error) {
	now = time.Now()
	if pause := due.Sub(now); pause > 0 {
		timer := time.NewTimer(pause)
		defer timer.Stop()
		select {
		case now = <-timer.C:
		case <-u.session.Closing():
			return now, u.session.Err()
		}
	}
	return now, nil
}

func (u *upload) trackOf(number uint64) *track {
	for _, t := range u.tracks {
		if t.number == number {
			return t
		}
	}
	return nil
}

func (u *upload) report(at time.Duration) {
	for _, t := range u.tracks {
		t.Report(u.pacer.begun, at)
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
