package service

import (
	"context"
	"time"

	"github.com/sluice-live/sluice/cmd/sluice/internal/broadcast"
	"github.com/sluice-live/sluice/cmd/sluice/internal/webhook"
	"github.com/sluice-live/sluice/depay"
	"github.com/sluice-live/sluice/ingest/room"
	"github.com/sluice-live/sluice/packager"
	"github.com/sluice-live/sluice/packager/recording"
	"github.com/sluice-live/sluice/public/panics"
	"github.com/sluice-live/sluice/transcode"
)

// What webhooks are told of streams, rooms and the disk; cmd/sluice/README.md describes it.
type (
	streamData struct {
		Stream     string    `json:"stream"`
		StartedAt  time.Time `json:"startedAt"`
		Address    string    `json:"address,omitempty"`
		Video      string    `json:"video,omitempty"`
		Audio      string    `json:"audio,omitempty"`
		Reason     string    `json:"reason,omitempty"`
		Error      string    `json:"error,omitempty"`
		Seconds    *float64  `json:"seconds,omitempty"`
		ViewerPeak *int      `json:"viewerPeak,omitempty"`
	}
	viewersData struct {
		Stream  string `json:"stream"`
		Viewers int    `json:"viewers"`
	}
	ladderData struct {
		Stream     string   `json:"stream"`
		Renditions []string `json:"renditions"`
		Reason     string   `json:"reason,omitempty"`
	}
	recordingData struct {
		Stream    string    `json:"stream"`
		Recording string    `json:"recording,omitempty"`
		Title     string    `json:"title,omitempty"` // of a clip
		Path      string    `json:"path,omitempty"`
		MP4       string    `json:"mp4,omitempty"`
		State     string    `json:"state"`
		Error     string    `json:"error,omitempty"`
		StartedAt time.Time `json:"startedAt"`
		EndedAt   time.Time `json:"endedAt,omitzero"`
		Seconds   float64   `json:"seconds"`
		Bytes     int64     `json:"bytes"`
	}
	passageData struct {
		Room         string      `json:"room"`
		Mode         string      `json:"mode"`
		Participant  participant `json:"participant"`
		Participants int         `json:"participants"`
		Reason       string      `json:"reason,omitempty"`
		Seconds      *float64    `json:"seconds,omitempty"`
	}
	participant struct {
		ID   string `json:"id"`
		Name string `json:"name"`
	}
	diskData struct {
		Fault string `json:"fault,omitempty"`
		Free  *int64 `json:"free,omitempty"`
	}
)

const (
	maxReason = 500 // bytes of what is told of an error
	aboutDisk = "disk"
	// toldWithin is for the last events when the service stops; a disk that does not answer is not waited for.
	toldWithin = 3 * time.Second
)

// aboutStream is what events of a stream, its ladder and its recordings have their order of.
func aboutStream(name string) string { return "stream " + name }

// tellWebhooks tells what happens until stop is called, which waits for that, but not for long.
func (s *Service) tellWebhooks(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	panics.Go(s.log, "the webhooks", func() {
		defer close(done)
		s.hooks.Run(ctx)
	})
	return func() {
		cancel()
		select {
		case <-done:
		case <-time.After(toldWithin):
		}
	}
}

func (s *Service) tell(name, about string, data any) {
	s.hooks.Tell(webhook.Event{Type: name, About: about, At: s.clock.Now(), Data: data})
}

// tellBroadcast tells what has happened to a stream. It is called by the stream's goroutine, and waits for nothing.
func (s *Service) tellBroadcast(stream string, started time.Time, e broadcast.Event) {
	data := streamData{Stream: stream, StartedAt: started.UTC().Truncate(time.Millisecond), Reason: short(e.Reason)}
	name := ""
	switch e.Kind {
	case broadcast.EventStarted, broadcast.EventResumed:
		name = webhook.StreamStarted
		if e.Kind == broadcast.EventResumed {
			name = webhook.StreamResumed
		}
		data.Address, data.Video, data.Audio = e.Address, codecName(e.Video), codecName(e.Audio)
	case broadcast.EventInterrupted:
		name = webhook.StreamInterrupted
	case broadcast.EventEnded:
		name = webhook.StreamEnded
		if e.Failed {
			data.Reason, data.Error = "", data.Reason
		}
		seconds, peak := s.clock.At(e.At).Sub(started).Round(time.Millisecond).Seconds(), s.audience.end(stream)
		data.Seconds, data.ViewerPeak = &seconds, &peak
	default:
		s.tellLadder(stream, e)
		return
	}
	s.tell(name, aboutStream(stream), data)
}

func (s *Service) tellLadder(stream string, e broadcast.Event) {
	name := webhook.LadderReduced
	if e.Kind == broadcast.EventRestored {
		name = webhook.LadderRestored
	}
	s.tell(name, aboutStream(stream), ladderData{stream, renditionNames(e.Encoded), short(e.Reason)})
}

func renditionNames(ladder transcode.Ladder) []string {
	names := []string{}
	for _, r := range ladder {
		names = append(names, r.Name)
	}
	return names
}

// codecName is "" for none.
func codecName(c depay.Codec) string {
	if c == 0 {
		return ""
	}
	return c.String()
}

// tellPeak tells that a stream has more viewers than before.
func (s *Service) tellPeak(stream string, viewers int) {
	s.tell(webhook.StreamViewerPeak, aboutStream(stream), viewersData{stream, viewers})
}

// tellWaiting tells of the streams that the end of an earlier process has cut.
func (s *Service) tellWaiting() {
	for _, stream := range s.packager.Waiting() {
		s.tell(webhook.StreamInterrupted, aboutStream(stream), streamData{
			Stream: stream, StartedAt: s.packager.Stream(stream).Info().Started.UTC(), Reason: "the service has been started anew",
		})
	}
}

// tellUnclaimed tells of the end of such a stream to which nobody has come back.
func (s *Service) tellUnclaimed(stream string, started time.Time) {
	seconds := s.clock.Now().Sub(started).Round(time.Millisecond).Seconds()
	s.tell(webhook.StreamEnded, aboutStream(stream), streamData{
		Stream: stream, StartedAt: started.UTC(), Reason: "its publisher has not come back", Seconds: &seconds,
	})
}

func (s *Service) tellRecording(step recording.Step, info recording.Info) {
	data := recordingData{
		Stream: info.Stream, Recording: info.Name, State: info.State, Error: short(info.Error),
		StartedAt: info.Started, EndedAt: info.Ended, Seconds: info.Duration, Bytes: info.Bytes,
	}
	if info.Name != "" {
		data.Path = "/recordings/" + info.Stream + "/" + info.Name + "/"
	}
	if info.MP4 {
		data.MP4 = data.Path + "video.mp4"
	}
	name := map[recording.Step]string{
		recording.StepBegun: webhook.RecordingStarted, recording.StepFinished: webhook.RecordingFinished,
		recording.StepFailed: webhook.RecordingFailed, recording.StepReady: webhook.RecordingReady,
	}[step]
	if info.Clip != nil {
		data.Title = info.Clip.Title
		name = map[recording.Step]string{recording.StepFailed: webhook.ClipFailed, recording.StepReady: webhook.ClipReady}[step]
	}
	if name == "" {
		return
	}
	s.tell(name, aboutStream(info.Stream), data)
}

func (s *Service) tellDisk(d packager.Disk) {
	data, name := diskData{Fault: d.Fault}, webhook.DiskFailed
	if d.Fault == "" {
		name = webhook.DiskRecovered
	}
	if d.Free >= 0 {
		data.Free = &d.Free
	}
	s.tell(name, aboutDisk, data)
}

func (s *Service) tellPassage(p room.Passage) {
	name, data := webhook.ParticipantJoined, passageData{
		Room: p.Room, Mode: string(p.Mode), Participant: participant{p.ID, p.Name}, Participants: p.Participants, Reason: short(p.Reason),
	}
	if p.Left {
		seconds := time.Since(p.Since).Round(time.Millisecond).Seconds()
		name, data.Seconds = webhook.ParticipantLeft, &seconds
	}
	s.tell(name, "room "+p.Room, data)
}

// short is what is told of an error that may be long.
func short(text string) string {
	if len(text) > maxReason {
		text = text[:maxReason] + "…"
	}
	return text
}
