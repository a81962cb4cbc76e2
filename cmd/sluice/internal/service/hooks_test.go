package service

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/cmd/sluice/internal/access"
	"github.com/sluice-live/sluice/cmd/sluice/internal/broadcast"
	"github.com/sluice-live/sluice/cmd/sluice/internal/clock"
	"github.com/sluice-live/sluice/cmd/sluice/internal/config"
	"github.com/sluice-live/sluice/cmd/sluice/internal/webhook"
	"github.com/sluice-live/sluice/depay"
	"github.com/sluice-live/sluice/ingest/room"
	"github.com/sluice-live/sluice/packager"
	"github.com/sluice-live/sluice/packager/recording"
	"github.com/sluice-live/sluice/transcode"
)

// told is an event as it comes, with its data as text.
type told struct {
	Type      string
	Timestamp time.Time
	Data      json.RawMessage
}

// listen makes a service that tells a server what is done to it, and returns the first event that comes.
func listen(t *testing.T, do func(*Service)) (event told) {
	t.Helper()
	came := make(chan told, 100)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var e told
		_ = json.Unmarshal(body, &e)
		came <- e
	}))
	defer server.Close()
	hooks, err := webhook.New(webhook.Options{
		Targets: []webhook.Target{{URL: server.URL, Secret: strings.Repeat("s", 32)}}, Dir: t.TempDir(), Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	log := slog.New(slog.DiscardHandler)
	s := &Service{hooks: hooks, clock: clock.New(), log: log, streams: newStreams(nil, nil), gate: access.New(config.Auth{}, access.Secret{}, log)}
	s.audience = newAudience(s.log, s.tellPeak)
	stop := s.tellWebhooks(context.Background())
	defer stop()
	do(s)
	select {
	case event = <-came:
	case <-time.After(2 * time.Minute):
		require.Fail(t, "nothing is told")
	}
	return event
}

// Everything that is told is what the documents say.
func TestWhatIsTold(t *testing.T) {
	started := time.Date(2026, 11, 20, 19, 45, 0, 0, time.UTC)
	info := recording.Info{Stream: "cam", Name: "20261120T194500Z", State: recording.StateFinished, Started: started, Ended: started.Add(time.Minute), Duration: 60, Bytes: 7, MP4: true}
	for name, tc := range map[string]struct {
		do   func(*Service)
		data string
	}{
		webhook.StreamStarted: {
			func(s *Service) {
				s.tellBroadcast("cam", started, broadcast.Event{Kind: broadcast.EventStarted, Address: "192.0.2.1:7", Video: depay.VP8})
			},
			`{"stream":"cam","startedAt":"2026-11-20T19:45:00Z","address":"192.0.2.1:7","video":"VP8"}`,
		},
		webhook.StreamInterrupted: {
			func(s *Service) {
				s.tellBroadcast("cam", started, broadcast.Event{Kind: broadcast.EventInterrupted, Reason: "gone"})
			},
			`{"stream":"cam","startedAt":"2026-11-20T19:45:00Z","reason":"gone"}`,
		},
		webhook.StreamResumed: {
			func(s *Service) {
				s.tellBroadcast("cam", started, broadcast.Event{Kind: broadcast.EventResumed, Audio: depay.Opus})
			},
			`{"stream":"cam","startedAt":"2026-11-20T19:45:00Z","audio":"opus"}`,
		},
		webhook.LadderReduced: {
			func(s *Service) {
				s.tellBroadcast("cam", started, broadcast.Event{Kind: broadcast.EventReduced, Reason: "slow", Encoded: transcode.DefaultLadder()[1:]})
			},
			`{"stream":"cam","renditions":["480p","240p"],"reason":"slow"}`,
		},
		webhook.LadderRestored: {
			func(s *Service) { s.tellBroadcast("cam", started, broadcast.Event{Kind: broadcast.EventRestored}) },
			`{"stream":"cam","renditions":[]}`,
		},
		webhook.RecordingReady: {
			func(s *Service) { s.packagerOptions().OnRecording(recording.StepReady, info) },
			`{"stream":"cam","recording":"20261120T194500Z","path":"/recordings/cam/20261120T194500Z/","mp4":"/recordings/cam/20261120T194500Z/video.mp4",
			"state":"finished","startedAt":"2026-11-20T19:45:00Z","endedAt":"2026-11-20T19:46:00Z","seconds":60,"bytes":7}`,
		},
		webhook.RecordingFailed: {
			func(s *Service) {
				s.packagerOptions().OnRecording(recording.StepFailed, recording.Info{Stream: "cam", State: recording.StateFailed, Error: "full", Started: started})
			},
			`{"stream":"cam","state":"failed","error":"full","startedAt":"2026-11-20T19:45:00Z","seconds":0,"bytes":0}`,
		},
		webhook.ParticipantJoined: {
			func(s *Service) {
				s.ingestOptions().OnRoom(room.Passage{Room: "den", Mode: room.ModeSFU, ID: "x", Name: "Ann", Participants: 2})
			},
			`{"room":"den","mode":"sfu","participant":{"id":"x","name":"Ann"},"participants":2}`,
		},
		webhook.DiskFailed: {
			func(s *Service) { s.packagerOptions().OnDisk(packager.Disk{Fault: "the disk is full", Free: 5}) },
			`{"fault":"the disk is full","free":5}`,
		},
		webhook.DiskRecovered: {
			func(s *Service) { s.packagerOptions().OnDisk(packager.Disk{Free: -1}) },
			`{}`,
		},
		webhook.StreamViewerPeak: {
			func(s *Service) { s.ingestOptions().OnViewers("cam", 3) },
			`{"stream":"cam","viewers":3}`,
		},
		webhook.StreamEnded: {
			func(s *Service) {
				s.tellBroadcast("cam", started, broadcast.Event{Kind: broadcast.EventEnded, At: started.Add(90 * time.Second), Reason: "ffmpeg is broken", Failed: true})
			},
			`{"stream":"cam","startedAt":"2026-11-20T19:45:00Z","error":"ffmpeg is broken","seconds":90,"viewerPeak":0}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			event := listen(t, tc.do)
			require.Equal(t, name, event.Type)
			require.JSONEq(t, tc.data, string(event.Data))
			require.WithinDuration(t, time.Now(), event.Timestamp, time.Hour)
		})
	}
}
