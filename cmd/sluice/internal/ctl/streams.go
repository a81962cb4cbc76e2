package ctl

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/sluice-live/sluice/cmd/sluice/internal/config"
	"github.com/sluice-live/sluice/cmd/sluice/internal/exit"
	"github.com/sluice-live/sluice/cmd/sluice/internal/httpapi/api"
	"github.com/sluice-live/sluice/public/name"
	"github.com/sluice-live/sluice/transcode"
)

// streamArgument is the name of a stream on the command line.
type streamArgument struct {
	Stream string `arg:"" help:"name of the stream"`
}

func (s streamArgument) path() string { return "/api/v1/streams/" + s.Stream }

func (s streamArgument) check() error { return checkName(s.Stream) }

func checkName(stream string) error {
	if !name.Valid(stream) {
		return exit.Usage(errorf("%q is no name of a stream: it is %s", stream, name.Rule))
	}
	return nil
}

// serverCommand is sluice ctl server.
type serverCommand struct{}

// Run tells of the service.
func (serverCommand) Run(ctx context.Context, out io.Writer, from config.Surroundings, c *Ctl) error {
	return fetch(ctx, c, from, out, "/api/v1/server", func(out io.Writer, s api.Server) error {
		return facts(out, [][2]string{
			{"Version", s.Version}, {"Publishing", open(s.AuthPublish)}, {"Watching", open(s.AuthWatch)}, {"Ladder", strings.TrimPrefix(s.LadderReason, "ladder ")},
			{"Transforms", words(s.Transforms)}, {"STUN and TURN", words(s.ICEServers)}, {"Linger", seconds(s.Linger)},
		})
	})
}

// readyCommand is sluice ctl ready.
type readyCommand struct{}

// Run fails unless streams may begin.
func (readyCommand) Run(ctx context.Context, out io.Writer, from config.Surroundings, c *Ctl) error {
	return fetch(ctx, c, from, out, "/readyz", func(out io.Writer, _ api.Status) error {
		_, err := io.WriteString(out, "Streams may begin.\n")
		return err
	})
}

func open(needsKey bool) string {
	if needsKey {
		return "with a key"
	}
	return "everybody"
}

// streamsCommand is sluice ctl streams.
type streamsCommand struct{}

// Run lists the streams.
func (streamsCommand) Run(ctx context.Context, out io.Writer, from config.Surroundings, c *Ctl) error {
	list, err := gather(ctx, c, from, "/api/v1/streams", 0, api.StreamList{Streams: []api.Stream{}}, func(all, page *api.StreamList) (int, string) {
		all.Streams = append(all.Streams, page.Streams...)
		return len(all.Streams), page.Next
	})
	if err != nil {
		return err
	}
	return c.print(out, list, func() error {
		rows := table{{"STREAM", "STATE", "FOR", "VIDEO", "AUDIO", "BITRATE", "LOST", "VIEWERS", "RECORDING"}}
		inCluster := slices.ContainsFunc(list.Streams, func(s api.Stream) bool { return s.Node != "" })
		if inCluster {
			rows[0] = append(rows[0], "NODE")
		}
		for _, s := range list.Streams {
			video, audio, bits, lost := "–", "–", "–", "–"
			if p := s.Publisher; p != nil {
				video, audio, bits, lost = videoOf(p.Video), audioOf(p.Audio), bitrate(p.Bitrate), fmt.Sprint(p.Lost)
			}
			recording := "–"
			if s.Recording != nil {
				recording = size(s.Recording.Bytes)
			}
			row := []string{s.Name, s.State, age(s.StartedAt), video, audio, bits, lost, fmt.Sprint(s.Audience.Viewers), recording}
			if inCluster {
				row = append(row, s.Node)
			}
			rows = append(rows, row)
		}
		return rows.print(out, "No streams.")
	})
}

func videoOf(v *api.Video) string {
	if v == nil {
		return "–"
	}
	return fmt.Sprintf("%s %dx%d %.0f fps", v.Codec, v.Width, v.Height, v.FPS)
}

func audioOf(a *api.Audio) string {
	if a == nil {
		return "–"
	}
	return a.Codec
}

// showCommand is sluice ctl show.
type showCommand struct{ streamArgument }

// Run tells of one stream.
func (s showCommand) Run(ctx context.Context, out io.Writer, from config.Surroundings, c *Ctl) error {
	if err := s.check(); err != nil {
		return err
	}
	return fetch(ctx, c, from, out, s.path(), func(out io.Writer, s api.Stream) error {
		var renditions []string
		for _, r := range s.Renditions {
			renditions = append(renditions, fmt.Sprintf("%s (%s)", r.ID, bitrate(float64(r.Bandwidth))))
		}
		rows := [][2]string{
			{"Stream", s.Name}, {"Node", s.Node}, {"State", s.State}, {"Error", s.Error}, {"Fault", s.Fault}, {"Since", when(s.StartedAt)}, {"Viewers", fmt.Sprintf("%d over WebRTC, %d over HLS, %d over DASH", s.Audience.WebRTC, s.Audience.HLS, s.Audience.DASH)},
			{"Renditions", strings.Join(renditions, ", ")}, {"Reduced", s.Encoder.Reduced}, {"Encoder", fmt.Sprintf("%.2f times real time, %d dropped, %d restarts", s.Encoder.Speed, s.Encoder.Drops, s.Encoder.Restarts)},
			{"Transform", string(s.Encoder.Transform)}, {"HLS", s.URLs.HLS}, {"DASH", s.URLs.DASH}, {"WHEP", s.URLs.WHEP}, {"Page", s.URLs.Watch},
		}
		if p := s.Publisher; p != nil {
			rows = append(rows, [2]string{"Publisher", "since " + when(p.Since)}, [2]string{"Video", videoOf(p.Video)}, [2]string{"Audio", audioOf(p.Audio)},
				[2]string{"Received", fmt.Sprintf("%s, %d packets lost, round trip %s", bitrate(p.Bitrate), p.Lost, milliseconds(p.RTT))}, [2]string{"Advice", p.Advice})
		}
		if r := s.Recording; r != nil {
			rows = append(rows, [2]string{"Recording", fmt.Sprintf("%s, %s, %s", r.State, size(r.Bytes), r.Path)}, [2]string{"", r.Error})
		}
		return facts(out, append(rows, forwardsOf(s.Forwards)...))
	})
}

// forwardsOf tells of targets.
func forwardsOf(targets []api.Forward) (rows [][2]string) {
	for _, f := range targets {
		since := ""
		if !f.Since.IsZero() {
			since = " since " + when(f.Since)
		}
		told := fmt.Sprintf("to %s: %s%s, %s, %d parts dropped, %d retries", f.Target, f.State, since, size(int64(f.Bytes)), f.Dropped, f.Retries)
		rows = append(rows, [2]string{"Forwarded", told}, [2]string{"", f.Error})
	}
	return rows
}

// kickCommand is sluice ctl kick.
type kickCommand struct{ streamArgument }

// Run ends the publisher's session.
func (k kickCommand) Run(ctx context.Context, out io.Writer, from config.Surroundings, c *Ctl) error {
	if err := k.check(); err != nil {
		return err
	}
	return c.steer(ctx, from, out, "DELETE", k.path(), nil, "The publisher of "+k.Stream+" has been disconnected.")
}

// transformCommand is sluice ctl transform.
type transformCommand struct {
	streamArgument
	Name string `arg:"" help:"transform, one of those that sluice ctl server names, or none"`
}

// Run changes the transform.
func (t transformCommand) Run(ctx context.Context, out io.Writer, from config.Surroundings, c *Ctl) error {
	if err := t.check(); err != nil {
		return err
	}
	transform, done := transcode.Transform(t.Name), "The pictures of "+t.Stream+" are transformed: "+t.Name+"."
	if t.Name == "none" {
		transform, done = transcode.TransformNone, "The pictures of "+t.Stream+" are as they come."
	}
	return c.steer(ctx, from, out, "PUT", t.path()+"/transform", api.TransformRequest{Transform: &transform}, done)
}
