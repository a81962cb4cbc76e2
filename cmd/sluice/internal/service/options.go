package service

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"time"

	"github.com/sluice-live/sluice/cmd/sluice/internal/access"
	"github.com/sluice-live/sluice/cmd/sluice/internal/broadcast"
	"github.com/sluice-live/sluice/cmd/sluice/internal/cluster"
	"github.com/sluice-live/sluice/cmd/sluice/internal/config"
	"github.com/sluice-live/sluice/cmd/sluice/internal/tracing"
	"github.com/sluice-live/sluice/ingest"
	"github.com/sluice-live/sluice/ingest/media"
	"github.com/sluice-live/sluice/ingest/pull"
	"github.com/sluice-live/sluice/ingest/refusal"
	"github.com/sluice-live/sluice/ingest/session"
	"github.com/sluice-live/sluice/ingest/signal"
	"github.com/sluice-live/sluice/ingest/transformed"
	"github.com/sluice-live/sluice/packager"
	"github.com/sluice-live/sluice/packager/live"
	"github.com/sluice-live/sluice/packager/recording"
	"github.com/sluice-live/sluice/transcode"
	"github.com/sluice-live/sluice/transcode/sandbox"
)

func (s *Service) packagerOptions() packager.Options {
	options := s.cfg.Packager()
	options.Remux, options.MendSource, options.Wall, options.Logger = s.remux, broadcast.MendSource, s.clock.Now, s.log
	options.OnRecording, options.OnDisk, options.OnUnclaimed = s.tellRecording, s.tellDisk, s.tellUnclaimed
	options.Fenced = s.cfg.IsNode()
	if s.tracer != nil {
		options.OnListed = func(p live.Listed) { s.tracer.Part(tracing.Part(p)) }
	}
	options.Snapshot = func(ctx context.Context, media io.Reader, number int, format string) ([]byte, error) {
		return transcode.Snapshot(ctx, s.cfg.FFmpeg, media, number, format)
	}
	return options
}

// remux makes the MP4 of a recording.
func (s *Service) remux(ctx context.Context, inputs []recording.RemuxInput, out string) error {
	runs := make([]transcode.RemuxInput, 0, len(inputs))
	for _, input := range inputs {
		runs = append(runs, transcode.RemuxInput(input))
	}
	return transcode.Remux(ctx, s.cfg.FFmpeg, runs, out)
}

func (s *Service) ingestOptions() ingest.Options {
	options := s.cfg.Ingest()
	options.MaxTCPConnections, options.MaxTCPConnectionsPerAddress = s.connections.ICE, s.connections.ICEPerAddress
	options.MaxRelays = s.connections.Relays
	options.Sockets, options.Logger, options.OnPublish = s.sockets, s.log, s.streams.publish
	options.Certificate = s.certificate
	options.MayEnter, options.MayWatch = s.judge(access.Publish), s.judge(access.Watch)
	options.Hidden = s.hidden
	options.OnRoom, options.OnViewers = s.tellPassage, s.audience.countWebRTC
	options.Frames = s.pictureTools()
	options.RunFFmpeg, options.Transform = runConfined, s.transform
	if s.cluster != nil {
		options.Beside, options.SessionPrefix = true, cluster.Prefix(s.cluster.ID())
		options.Origin = func(r *http.Request, stream string) pull.Origin { return s.cluster.Origin(s.gate, r, stream) }
	}
	if s.cfg.Transcode == config.TranscodeAuto {
		options.Reduce, options.Room = s.reduce, roomToReduce
	}
	return options
}

// hidden are streams that no list has. Where it takes a right to watch, who lists by GStreamer's signalling is not told of any.
func (s *Service) hidden(stream string) bool {
	return s.IsUnlisted(stream) || !s.gate.Open(access.Watch)
}

// judge asks whether somebody may do that; nil where everybody may.
func (s *Service) judge(action access.Action) session.Judge {
	if s.gate.Open(action) {
		return nil
	}
	return func(r *http.Request, name, token string) (right session.Right, refused *refusal.Refusal) {
		question := access.Of(r, action, name)
		question.Token = token
		grant, err := s.gate.May(r.Context(), question)
		if why := (*access.RefusedError)(nil); errors.As(err, &why) {
			refused = refusal.New(why.Status, "%s", why.Detail)
		}
		return session.Right{Until: grant.Until, Hold: s.gate.Holding(question, grant), Ends: grant.Key != ""}, refused
	}
}

// transform makes what viewers over WebRTC get who ask for a stream transformed.
func (s *Service) transform(ctx context.Context, stream string, video *media.Track, out *transformed.Output) error {
	b := s.Find(stream)
	if b == nil {
		return broadcast.ErrEnded
	}
	return b.TransformLive(ctx, video, out)
}

// reduce makes what viewers over WebRTC get whose networks are too slow for what is published.
func (s *Service) reduce(ctx context.Context, video *media.Track, to transformed.Reduction, out *transformed.Output) error {
	return broadcast.ReduceLive(ctx, transcode.LiveOptions{FFmpeg: s.cfg.FFmpeg, Bitrate: to.Bitrate, Side: to.Side}, video, out, s.log)
}

// What has to be left of the machine for one more encoder of reduced video, in cores, about twice what it takes; and for how long that is measured.
const (
	reduceNeeds    = 0.5
	reduceMeasured = 500 * time.Millisecond
)

// roomToReduce returns an error where the machine has no room for one more encoder of reduced video.
func roomToReduce(ctx context.Context) error {
	idle, err := transcode.IdleCores(ctx, reduceMeasured)
	if err == nil && idle < reduceNeeds {
		return fmt.Errorf("%.1f cores have nothing to do, and it takes %.1f", idle, reduceNeeds)
	}
	return err
}

// runConfined runs a program that reads what strangers send, and writes to its pipes alone.
func runConfined(program *exec.Cmd, started func()) error {
	return sandbox.Run(program, sandbox.Policy{}, started)
}

// openBroadcast opens the timeline of a stream, which may take as long as the disk does, and makes its broadcast.
func (s *Service) openBroadcast(stream string) (*broadcast.Broadcast, error) {
	timeline, err := s.packager.Open(stream)
	if err != nil {
		return nil, err
	}
	return s.newBroadcast(stream, timeline), nil
}

// newBroadcast makes the broadcast of a timeline that has just been opened.
func (s *Service) newBroadcast(stream string, timeline *packager.Stream) *broadcast.Broadcast {
	return broadcast.New(broadcast.Options{
		Stream: stream, Timeline: timeline, Disk: s.packager.Disk, Wall: s.clock.At,
		FFmpeg: s.cfg.FFmpeg, Ladder: s.encoding.Ladder, FixedLadder: !s.cfg.LadderReduce, Encoder: s.encoding.Encoder, Passthrough: s.cfg.Passthrough,
		Segment: s.cfg.Segment, Part: s.cfg.Part, KeyFrames: s.cfg.KeyFrames(), Buffer: s.cfg.Buffer(),
		Slates: s.encoding.Slates, Logo: logoFile(s.cfg), Faces: s.finder, OnFaces: func(f broadcast.Faces) { s.ingest.Channels().Tell(stream, signal.Faces, f) },
		Linger: s.cfg.Linger, RecordIVF: s.cfg.Record.Source == config.SourceIVF, KeepOnStop: s.cfg.OnStop == config.OnStopKeep,
		OnEvent: func(e broadcast.Event) { s.tellBroadcast(stream, timeline.Info().Started, e) },
		Logger:  s.log,
	})
}

// Tracer traces requests and parts; nil where nothing is traced.
func (s *Service) Tracer() *tracing.Tracer { return s.tracer }
