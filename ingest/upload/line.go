package upload

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sluice-live/sluice/ingest/channel"
	"github.com/sluice-live/sluice/ingest/session"
)

// farewell is how long the last event may take to reach the client of a channel.
const farewell = time.Second

// ofRecordings is what a client may send over a channel: its bitrate is bounded like that of all media.
var ofRecordings = channel.Rate{Messages: 4000, Bytes: 8 << 20}

// Accept takes a recording over the data channel that the session's client opens under the label Protocol: the same messages as over the
// WebSocket, but of channel.MaxMessage at most. Other channels are closed, and so is a second one. It is to be ordered and reliable.
func (us *Uploads) Accept(s *session.Session, c *channel.Counters) error {
	if us.budget.full() {
		return session.Unready(errors.New("all uploads together hold as much as they may"))
	}
	l := &lineUpload{upload: us.newUploadOf(s)}
	l.heard.Store(time.Now().UnixNano())
	l.upload.finally = l.finish
	l.play()
	s.Go(l.tell)
	channel.Accept(s, c, l.open)
	return nil
}

func (us *Uploads) newUploadOf(s *session.Session) *upload {
	return &upload{
		reported: -uploadReport, session: s, publisher: session.NewPublisher(s), config: &us.config, budget: us.budget, pipe: newPipe(us.budget), open: openContainer, finally: func(error) {},
	}
}

// lineUpload is an upload over a data channel.
type lineUpload struct {
	*upload
	heard atomic.Int64 // when the client was last heard, or had to wait; Unix nanoseconds

	mu   sync.Mutex
	line *channel.Line
}

func (l *lineUpload) open(label string, line *channel.Line) channel.Hearing {
	l.mu.Lock()
	defer l.mu.Unlock()
	if label != Protocol || l.line != nil {
		return channel.Hearing{}
	}
	l.line = line
	return channel.Hearing{Rate: ofRecordings, Hear: l.hear, Gone: func() { l.pipe.close(io.EOF) }} // closing says that it was all
}

func (l *lineUpload) hear(m channel.Message) {
	piece, end := m.Data, false
	if m.Text {
		var err error
		if piece, end, err = parseText(m.Data); err != nil {
			l.pipe.close(fmt.Errorf("%w: %w", errRecording, err))
			return
		}
	}
	if end {
		l.pipe.close(io.EOF)
		return
	}
	l.heard.Store(time.Now().Add(l.config.Timers.Idle).UnixNano()) // the client has to wait now, not we
	_ = l.pipe.writeWhenFree(piece)                                // what fails has ended the upload
	l.heard.Store(time.Now().UnixNano())
}

// tell tells the client each second how it stands, and ends an upload of which nothing comes.
func (l *lineUpload) tell() {
	each := time.NewTicker(socketStatus)
	defer each.Stop()
	for {
		select {
		case <-l.session.Closing():
			return
		case now := <-each.C:
			if now.Sub(time.Unix(0, l.heard.Load())) > l.config.Timers.Idle && l.pipe.closed() == nil {
				l.session.Close(ErrUploadSilent)
				return
			}
			l.write("status", "")
		}
	}
}

// finish tells how the upload has ended, before its connection does.
func (l *lineUpload) finish(err error) {
	event, detail := "ended", ""
	if !errors.Is(err, ErrUploaded) {
		event, detail = "error", l.refusal(err).Detail
	}
	if line := l.write(event, detail); line != nil {
		line.Flush(farewell, l.session.Closing())
	}
}

func (l *lineUpload) write(event, detail string) *channel.Line {
	l.mu.Lock()
	line := l.line
	l.mu.Unlock()
	if line == nil {
		return nil
	}
	buffered := l.pipe.buffered()
	text, err := json.Marshal(Event{
		Event: event, Detail: detail, Received: l.received.Load(), Buffered: buffered, Late: l.session.LateFrames.Load(),
		Ignored: l.session.Ignored(), SlowDown: buffered > uploadBuffer/2,
	})
	if err == nil { // which counts and sentences cannot be the cause of
		line.Send(channel.Message{Text: true, Data: text})
	}
	return line
}
