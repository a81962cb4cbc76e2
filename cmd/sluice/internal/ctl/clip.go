package ctl

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/sluice-live/sluice/cmd/sluice/internal/config"
	"github.com/sluice-live/sluice/cmd/sluice/internal/exit"
	"github.com/sluice-live/sluice/cmd/sluice/internal/httpapi/api"
	"github.com/sluice-live/sluice/packager/recording"
)

// clipCommand is sluice ctl clip.
type clipCommand struct {
	streamArgument
	Last      time.Duration `default:"30s" placeholder:"DURATION" help:"how much of the live stream, back from now (default 30s)"`
	Recording string        `placeholder:"NAME" help:"cut it out of this recording instead, as sluice ctl recordings lists it"`
	Start     time.Duration `placeholder:"DURATION" help:"where it begins in the recording (default 0s)"`
	End       time.Duration `placeholder:"DURATION" help:"where it ends in the recording (default: 30s later)"`
	Title     string        `placeholder:"TEXT" help:"its title"`
	Out       string        `placeholder:"FILE" help:"where to save it as MP4"`
}

// clipWithin is how long a clip is waited for: its last segment has to be made, and its MP4, behind others.
const clipWithin = 2 * time.Minute

func (c clipCommand) request() api.ClipRequest {
	if c.Recording == "" {
		return api.ClipRequest{Title: c.Title, Last: c.Last.Seconds()}
	}
	end := c.End
	if end == 0 {
		end = c.Start + 30*time.Second
	}
	return api.ClipRequest{Title: c.Title, Recording: c.Recording, Start: c.Start.Seconds(), End: end.Seconds()}
}

// Run cuts a clip, and waits until it can be downloaded.
func (c clipCommand) Run(ctx context.Context, out io.Writer, from config.Surroundings, ctl *Ctl) error {
	if err := c.check(); err != nil {
		return err
	}
	if c.Recording == "" && (c.Start != 0 || c.End != 0) {
		return exit.Usage(errorf("flags --start and --end: are of a recording (--recording)"))
	}
	if c.Last <= 0 || c.Start < 0 || c.End < 0 {
		return exit.Usage(errorf("flags --last, --start and --end: must not be negative, and --last more than 0"))
	}
	service, err := ctl.connect(from)
	if err != nil {
		return err
	}
	var clip recording.Info
	if err := service.do(ctx, "POST", c.path()+"/clips", c.request(), &clip); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, clipWithin)
	defer cancel()
	if err := c.await(ctx, service, &clip); err != nil {
		return err
	}
	if c.Out != "" {
		if err := service.save(ctx, pathOf(clip)+"video.mp4", c.Out); err != nil {
			return err
		}
	}
	return ctl.print(out, clip, func() error {
		_, err := fmt.Fprintf(out, "A clip of %s, %s: %s%svideo.mp4\n", seconds(clip.Duration), size(clip.Bytes), service.base, pathOf(clip))
		return err
	})
}

func pathOf(r recording.Info) string { return "/recordings/" + r.Stream + "/" + r.Name + "/" }

// await asks for the clip until its MP4 is there.
func (c clipCommand) await(ctx context.Context, service *connection, clip *recording.Info) error {
	path := c.path() + "/clips/" + clip.Name
	for {
		var now recording.Info
		switch err := service.do(ctx, "GET", path, nil, &now); {
		case ctx.Err() != nil:
			return errorf("the clip %s is not ready yet: see sluice ctl clips %s", clip.Name, c.Stream)
		case err != nil:
			return err
		case now.MP4:
			*clip = now
			return nil
		case now.Error != "":
			return errorf("the clip has failed: %s", now.Error)
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

// save writes what is at a path into a file.
func (c *connection) save(ctx context.Context, path, file string) error {
	request, err := http.NewRequestWithContext(ctx, "GET", c.base+path, nil)
	if err != nil {
		return err
	}
	if c.token != "" {
		request.Header.Set("Authorization", "Bearer "+c.token)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("download %s: %w", path, bare(err))
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return c.refusal(response)
	}
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	if _, err = io.Copy(f, response.Body); err != nil {
		_ = f.Close()
		return fmt.Errorf("download %s: %w", path, err)
	}
	return f.Close()
}

// clipsCommand is sluice ctl clips.
type clipsCommand struct {
	streamArgument
	Delete string `placeholder:"CLIP" help:"delete the clip of this name"`
}

// Run lists the clips of a stream, or deletes one.
func (c clipsCommand) Run(ctx context.Context, out io.Writer, from config.Surroundings, ctl *Ctl) error {
	if err := c.check(); err != nil {
		return err
	}
	path := c.path() + "/clips"
	if c.Delete != "" {
		return ctl.steer(ctx, from, out, "DELETE", path+"/"+url.PathEscape(c.Delete), nil, "The clip "+c.Delete+" has been deleted.")
	}
	list, err := gather(ctx, ctl, from, path, 0, api.ClipList{Clips: []recording.Info{}}, func(all, page *api.ClipList) (int, string) {
		all.Clips = append(all.Clips, page.Clips...)
		return len(all.Clips), page.Next
	})
	if err != nil {
		return err
	}
	return ctl.print(out, list, func() error {
		rows := table{{"CLIP", "TITLE", "FROM", "LENGTH", "SIZE", "STATE", "MP4"}}
		for _, r := range list.Clips {
			of := recording.Clip{}
			if r.Clip != nil {
				of = *r.Clip
			}
			rows = append(rows, []string{r.Name, orDash(plain(of.Title)), when(of.From), seconds(r.Duration), size(r.Bytes), r.State, yesNo(r.MP4)})
		}
		return rows.print(out, "No clips.")
	})
}
