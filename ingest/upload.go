package ingest

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"github.com/sluice-live/sluice/ingest/media"
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

// upload is a publisher whose media comes as a recording: WebM, as a browser's MediaRecorder makes it.
type upload struct {
	*Publisher
	server *Server
	pace   uploadPace
	tracks []*uploadTrack

	received atomic.Int64 // bytes
}

// newUpload takes a place for an upload and makes its session, which is to be played.
func (s *Server) newUpload(r *http.Request, stream string) (*upload, *problem) {
	at := &place{client: clientOf(r), publishes: stream}
	if p := s.reserve(at); p != nil {
		return nil, p
	}
	sess := newDetached("/upload/"+stream+"/", at.client, r.RemoteAddr, s.timers.connect)
	s.start(sess, at)
	return &upload{Publisher: &Publisher{session: sess, stream: stream}, server: s}, nil
}

// play makes a stream of what in has, and ends the session with it. When the session ends first, interrupt makes in return. play
// does not wait: result does.
func (u *upload) play(in io.Reader, interrupt func()) {
	u.loop(func() {
		carried, interrupted := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(interrupted)
			select {
			case <-u.closing:
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
		u.close(err)
		u.server.log.Info("upload has ended", "stream", u.stream, "session", u.id, "bytes", u.received.Load(), "late", u.late.Load(), "reason", u.endReason())
	})
}

// result waits for the end; nil is that of the recording.
func (u *upload) result() error {
	<-u.done
	if err := u.endReason(); !errors.Is(err, ErrUploaded) {
		return err
	}
	return nil
}

// refusal is the answer to who has sent what ended for a reason.
func (u *upload) refusal(err error) *problem {
	var fault unready
	switch {
	case errors.As(err, &fault), errors.Is(err, ErrStopping):
		return refuse(http.StatusServiceUnavailable, "%v.", err).after(5)
	case errors.Is(err, ErrUploadSilent), errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, ErrTimedOut):
		return refuse(http.StatusRequestTimeout, "The recording has stopped coming: %v.", ErrUploadSilent)
	case errors.Is(err, errRecording):
		return refuse(http.StatusBadRequest, "The recording cannot be played: %v.", err)
	}
	return refuse(http.StatusGone, "The upload has been ended: %v.", err)
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

// carry publishes the recording.
func (u *upload) carry(in *webm.Reader) error {
	recorded, err := in.Tracks()
	if err != nil {
		return unreadable(err)
	}
	if u.tracks, err = uploadTracks(recorded, u.server.packets); err != nil {
		return unreadable(err)
	}
	for _, t := range u.tracks {
		u.adopt(t.Track)
	}
	if err := u.server.opts.OnPublish(u.Publisher); err != nil {
		return unready{err}
	}
	u.timer.Stop()
	u.setState(StateConnected)
	u.connectedOnce.Do(func() { close(u.connected) })
	u.server.settle(u.Publisher)
	u.server.show(u.Publisher)
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
			u.late.Add(1)
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
	due, late := u.pace.due(now, at)
	if late {
		return now, true, nil
	}
	if pause := due.Sub(now); pause > 0 {
		timer := time.NewTimer(pause)
		defer timer.Stop()
		select {
		case now = <-timer.C:
		case <-u.closing:
			return now, false, u.endReason()
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
		t.report(u.pace.begun, at)
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
