package ctl

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/sluice-live/sluice/cmd/sluice/internal/access"
	"github.com/sluice-live/sluice/cmd/sluice/internal/config"
	"github.com/sluice-live/sluice/cmd/sluice/internal/exit"
	"github.com/sluice-live/sluice/cmd/sluice/internal/httpapi/api"
	"github.com/sluice-live/sluice/packager/recording"
)

// recordingsCommand is sluice ctl recordings.
type recordingsCommand struct {
	Limit int `default:"50" placeholder:"N" help:"how many at most, 0 for all (default 50)"`
}

// Run lists the recordings.
func (r recordingsCommand) Run(ctx context.Context, out io.Writer, from config.Surroundings, c *Ctl) error {
	if r.Limit < 0 {
		return exit.Usage(errorf("flag --limit: must not be negative"))
	}
	list, err := gather(ctx, c, from, "/recordings", r.Limit, api.RecordingList{Recordings: []recording.Info{}}, func(all, page *api.RecordingList) (int, string) {
		all.Recordings = append(all.Recordings, page.Recordings...)
		return len(all.Recordings), page.Next
	})
	if err != nil {
		return err
	}
	return c.print(out, list, func() error {
		rows := table{{"STREAM", "RECORDING", "STARTED", "LENGTH", "SIZE", "STATE", "MP4"}}
		for _, r := range list.Recordings {
			rows = append(rows, []string{r.Stream, r.Name, when(r.Started), seconds(r.Duration), size(r.Bytes), r.State, yesNo(r.MP4)})
		}
		return rows.print(out, "No recordings.")
	})
}

// linkCommand is sluice ctl link.
type linkCommand struct {
	streamArgument
	Action string        `default:"watch" placeholder:"ACTION" help:"what the link is for: watch, record or publish (default watch)"`
	For    time.Duration `default:"24h" placeholder:"DURATION" help:"how long it is good (default 24h)"`
	Who    string        `placeholder:"TEXT" help:"for whom it is; the log names them so"`
}

// Run makes a link.
func (l linkCommand) Run(ctx context.Context, out io.Writer, from config.Surroundings, c *Ctl) error {
	if err := l.check(); err != nil {
		return err
	}
	if l.For <= 0 {
		return exit.Usage(errorf("flag --for: must be more than 0"))
	}
	service, err := c.connect(from)
	if err != nil {
		return err
	}
	var link api.Link
	request := api.LinkRequest{Action: access.Action(l.Action), Stream: l.Stream, Who: l.Who, Until: time.Now().Add(l.For).UTC().Truncate(time.Second)}
	if err := service.do(ctx, "POST", "/api/v1/links", request, &link); err != nil {
		return err
	}
	return c.print(out, link, func() error {
		rows := [][2]string{{"Good until", when(link.Until)}, {"Token", link.Token}}
		for _, row := range [][2]string{
			{"Watch", link.URLs.Watch}, {"HLS", link.URLs.HLS}, {"DASH", link.URLs.DASH}, {"WHEP", link.URLs.WHEP}, {"Recordings", link.URLs.Recordings}, {"Publish", link.URLs.Publish},
		} {
			if row[1] != "" {
				rows = append(rows, [2]string{row[0], service.origin() + row[1]})
			}
		}
		if link.Open {
			rows = append(rows, [2]string{"But", "everybody may do that on this server, without a link too (auth.play, auth.publish)"})
		}
		return facts(out, rows)
	})
}

// logsCommand is sluice ctl logs.
type logsCommand struct {
	Stream string `placeholder:"STREAM" help:"only what the ffmpeg of a stream has said"`
}

// Run prints the log.
func (l logsCommand) Run(ctx context.Context, out io.Writer, from config.Surroundings, c *Ctl) error {
	return fetch(ctx, c, from, out, "/api/v1/logs", func(out io.Writer, list api.LogLines) error {
		for _, line := range list.Lines {
			if l.Stream != "" && line.Stream != l.Stream {
				continue
			}
			source := "sluice"
			if line.Stream != "" {
				source = "ffmpeg of " + line.Stream
			}
			if _, err := fmt.Fprintf(out, "%s %-5s %s: %s\n", line.At.Local().Format(time.DateTime), line.Level, source, plain(line.Text)); err != nil {
				return err
			}
		}
		return nil
	})
}
