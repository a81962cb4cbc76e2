package ctl

import (
	"context"
	"io"
	"net/url"
	"time"

	"github.com/sluice-live/sluice/cmd/sluice/internal/access"
	"github.com/sluice-live/sluice/cmd/sluice/internal/config"
	"github.com/sluice-live/sluice/cmd/sluice/internal/exit"
	"github.com/sluice-live/sluice/cmd/sluice/internal/httpapi/api"
)

// keysCommand is sluice ctl keys.
type keysCommand struct{}

// Run lists the keys.
func (keysCommand) Run(ctx context.Context, out io.Writer, from config.Surroundings, c *Ctl) error {
	list, err := gather(ctx, c, from, "/api/v1/keys", 0, api.KeyList{Keys: []access.Key{}}, func(all, page *api.KeyList) (int, string) {
		all.Keys = append(all.Keys, page.Keys...)
		return len(all.Keys), page.Next
	})
	if err != nil {
		return err
	}
	return c.print(out, list, func() error {
		rows := table{{"KEY", "STREAM", "FOR", "NOTE", "MADE", "UNTIL", "LAST USED"}}
		for _, k := range list.Keys {
			rows = append(rows, []string{k.ID, k.Stream, words(k.Actions), orDash(plain(k.Note)), when(k.Created), maybe(k.Expires, "for good"), maybe(k.LastUsed, "never")})
		}
		return rows.print(out, "No keys.")
	})
}

// maybe writes a time that may not be there.
func maybe(at time.Time, none string) string {
	if at.IsZero() {
		return none
	}
	return when(at)
}

// keyCommand is sluice ctl key.
type keyCommand struct {
	Stream string        `arg:"" help:"name of the stream, the beginning of names with * behind, or *"`
	Action []string      `default:"publish" placeholder:"ACTION" help:"what it is for, of publish, watch, record, admin and metrics; several with commas (default publish)"`
	For    time.Duration `placeholder:"DURATION" help:"how long it is good (default: until it is revoked)"`
	Note   string        `placeholder:"TEXT" help:"what to know it by"`
}

// Run makes a key.
func (k keyCommand) Run(ctx context.Context, out io.Writer, from config.Surroundings, c *Ctl) error {
	if k.For < 0 {
		return exit.Usage(errorf("flag --for: must not be negative"))
	}
	request := api.KeyRequest{Stream: k.Stream, Note: k.Note}
	for _, action := range k.Action {
		request.Actions = append(request.Actions, access.Action(action))
	}
	if k.For > 0 {
		request.Expires = time.Now().Add(k.For).UTC().Truncate(time.Second)
	}
	service, err := c.connect(from)
	if err != nil {
		return err
	}
	var made api.NewKey
	if err := service.do(ctx, "POST", "/api/v1/keys", request, &made); err != nil {
		return err
	}
	return c.print(out, made, func() error {
		rows := [][2]string{{"Key", made.ID}, {"Token", made.Token}, {"For", words(made.Actions) + " of " + made.Stream}, {"Until", maybe(made.Expires, "it is revoked: sluice ctl revoke "+made.ID)}, {"", "The token is not told again."}}
		if len(made.Open) > 0 {
			rows = append(rows, [2]string{"But", "everybody may " + words(made.Open) + " on this server, without a key too (auth.required)"})
		}
		return facts(out, rows)
	})
}

// revokeCommand is sluice ctl revoke.
type revokeCommand struct {
	Key string `arg:"" help:"the key, as sluice ctl keys lists it"`
}

// Run revokes a key.
func (r revokeCommand) Run(ctx context.Context, out io.Writer, from config.Surroundings, c *Ctl) error {
	return c.steer(ctx, from, out, "DELETE", "/api/v1/keys/"+url.PathEscape(r.Key), nil, "The key "+r.Key+" has been revoked, and what it had opened has ended.")
}
