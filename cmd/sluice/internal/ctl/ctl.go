// Package ctl is the command sluice ctl: it asks a running service by its API what there is, and steers it, for people and for scripts. It reaches
// the service over the network only, as every client does.
//
// It starts no goroutine.
package ctl

import (
	"cmp"
	"context"
	"encoding/json"
	"io"
	"net/url"
	"strings"

	"github.com/sluice-live/sluice/cmd/sluice/internal/config"
	"github.com/sluice-live/sluice/cmd/sluice/internal/exit"
)

// defaultURL is where sluice serve listens by default.
const defaultURL = "http://127.0.0.1:8080"

// Ctl is the command line of sluice ctl.
type Ctl struct {
	URL   string `name:"url" placeholder:"URL" help:"where the service is (SLUICE_URL, default http://127.0.0.1:8080)"`
	Token string `placeholder:"KEY" help:"key, where one is needed (SLUICE_TOKEN)"`
	JSON  bool   `name:"json" help:"print what the API answers as JSON"`

	Server     serverCommand     `cmd:"" help:"what the service is and can do"`
	Ready      readyCommand      `cmd:"" help:"exit status 0 when streams may begin, for probes"`
	Streams    streamsCommand    `cmd:"" help:"list the streams that have not ended"`
	Show       showCommand       `cmd:"" help:"tell all that is known of a stream"`
	Kick       kickCommand       `cmd:"" help:"end the session of a stream's publisher"`
	Transform  transformCommand  `cmd:"" help:"change what the server does to the pictures of a stream"`
	Record     recordCommand     `cmd:"" help:"record a stream from now on, or stop that"`
	Clip       clipCommand       `cmd:"" help:"cut a clip out of a live stream, or out of a recording"`
	Clips      clipsCommand      `cmd:"" help:"list the clips of a stream, or delete one"`
	Nodes      nodesCommand      `cmd:"" help:"list the nodes of a cluster, and how much room each has"`
	Sessions   sessionsCommand   `cmd:"" help:"list every session of publishers, viewers and participants"`
	Rooms      roomsCommand      `cmd:"" help:"list rooms, and who is in them"`
	Air        airCommand        `cmd:"" help:"put a room on air as a stream, or take it off"`
	Remove     removeCommand     `cmd:"" help:"remove a participant from a room"`
	Recordings recordingsCommand `cmd:"" help:"list recordings, the newest first"`
	Link       linkCommand       `cmd:"" help:"make a link with which somebody may watch, record or publish until a time"`
	Keys       keysCommand       `cmd:"" help:"list the keys that were made while the service runs"`
	Key        keyCommand        `cmd:"" help:"make a key for a stream"`
	Revoke     revokeCommand     `cmd:"" help:"revoke a key, and end what it has opened"`
	Logs       logsCommand       `cmd:"" help:"print the last lines of the service's log and of each ffmpeg"`
}

// Help is the end of the help text.
func (*Ctl) Help() string {
	return `Asks a running service by its API (/openapi.json), and steers it. The same is on its pages.

Examples:

    sluice ctl streams
    sluice ctl show demo --json
    sluice ctl link demo --for 24h --who Ann
    sluice ctl --url https://tv.example.org --token KEY kick demo
    SLUICE_URL=https://tv.example.org SLUICE_TOKEN=KEY sluice ctl sessions
` + exit.Help
}

// connect is the API that flags and environment name, the flags first.
func (c *Ctl) connect(from config.Surroundings) (*connection, error) {
	environ := map[string]string{}
	for _, entry := range from.Environ {
		name, value, _ := strings.Cut(entry, "=")
		environ[name] = value
	}
	address := cmp.Or(c.URL, environ["SLUICE_URL"], defaultURL)
	base, err := url.Parse(strings.TrimSuffix(address, "/"))
	if err != nil || (base.Scheme != "http" && base.Scheme != "https") || base.Host == "" {
		return nil, exit.Usage(errorf("URL %q: must be one such as %s", address, defaultURL))
	}
	return &connection{base: base.String(), token: cmp.Or(c.Token, environ["SLUICE_TOKEN"])}, nil
}

// fetch asks for a document, and prints it as JSON or as show does.
func fetch[T any](ctx context.Context, c *Ctl, from config.Surroundings, out io.Writer, path string, show func(io.Writer, T) error) error {
	api, err := c.connect(from)
	if err != nil {
		return err
	}
	var document T
	if err := api.do(ctx, "GET", path, nil, &document); err != nil {
		return err
	}
	return c.print(out, document, func() error { return show(out, document) })
}

// steer sends a request that is answered without a document, and says what has been done.
func (c *Ctl) steer(ctx context.Context, from config.Surroundings, out io.Writer, method, path string, body any, done string) error {
	api, err := c.connect(from)
	if err != nil {
		return err
	}
	if err := api.do(ctx, method, path, body, nil); err != nil || c.JSON {
		return err
	}
	_, err = io.WriteString(out, done+"\n")
	return err
}

func (c *Ctl) print(out io.Writer, document any, show func() error) error {
	if !c.JSON {
		return show()
	}
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(document)
}
