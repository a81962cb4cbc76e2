package httpapi

import (
	"bytes"
	"html/template"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/sluice-live/sluice/cmd/sluice/internal/access"
	"github.com/sluice-live/sluice/cmd/sluice/internal/httpapi/api"
	"github.com/sluice-live/sluice/cmd/sluice/internal/httpapi/forwarded"
	"github.com/sluice-live/sluice/public/name"
	"github.com/sluice-live/sluice/public/prefix"
	"github.com/sluice-live/sluice/public/problem"
)

const (
	embedWidth    = 640 // pixels of a frame whose size nobody has asked for
	maxEmbedWidth = 4096
	embedAge      = 300 // seconds for which an answer of oEmbed may be used again
	maxOEmbedURL  = 8 << 10
)

// publicBase is what the addresses of the service begin with, as the client of a request knows it.
func publicBase(r *http.Request) string {
	scheme := "http://"
	if forwarded.Secure(r) {
		scheme = "https://"
	}
	return scheme + r.Host + prefix.Of(r)
}

// card is what other sites are told of a stream, so that they can show it.
type card struct {
	Stream                  string
	Watch, Embed            string // addresses, with the token of who has asked
	Discovery               string // of the same as oEmbed
	Framable                bool   // pages of other sites may frame Embed
	Unlisted                bool
	Width, Height           int    // of the frame
	Image                   string // address of the newest picture; empty: there is none
	ImageWidth, ImageHeight int
}

// card describes a stream to a client that may watch it.
func (h *handlers) card(r *http.Request, stream, token string) card {
	c := h.plainCard(r, stream, token)
	if state, known := h.state.Stream(stream); known && len(state.Renditions) > 0 {
		if best := state.Renditions[0]; best.Width > 0 && best.Height > 0 {
			c.Height = max(1, embedWidth*best.Height/best.Width)
		}
	}
	if c.ImageWidth, c.ImageHeight = h.service.Packager().ThumbnailSize(stream); c.ImageWidth > 0 {
		c.Image = publicBase(r) + "/live/" + stream + "/thumbnail.jpg" + tokenQuery(token)
	}
	return c
}

// plainCard describes a stream of which nothing is known but its name.
func (h *handlers) plainCard(r *http.Request, stream, token string) card {
	base, query := publicBase(r), tokenQuery(token)
	c := card{
		Stream: stream, Watch: base + "/watch/" + stream + query, Embed: base + "/embed/" + stream + query,
		Framable: len(h.cfg.HTTP.EmbedOrigins) > 0, Unlisted: h.isUnlisted(stream), Width: embedWidth, Height: embedWidth * 9 / 16,
	}
	c.Discovery = base + "/oembed?format=json&url=" + url.QueryEscape(c.Watch)
	return c
}

func (h *handlers) isUnlisted(stream string) bool {
	if h.relay != nil {
		return h.relay.IsUnlisted(stream)
	}
	return h.service.IsUnlisted(stream)
}

// tokenQuery is the query of an address that shows a token; empty where there is none.
func tokenQuery(token string) string {
	if token == "" {
		return ""
	}
	return "?token=" + url.QueryEscape(token)
}

// fit makes the frame as large as it may be, with its shape; 0: as large as it likes. A picture that is larger than that is left out, as the
// specification wants it.
func (c *card) fit(maxWidth, maxHeight int) {
	if maxWidth > 0 && c.Width > maxWidth {
		c.Width, c.Height = maxWidth, max(1, c.Height*maxWidth/c.Width)
	}
	if maxHeight > 0 && c.Height > maxHeight {
		c.Width, c.Height = max(1, c.Width*maxHeight/c.Height), maxHeight
	}
	if maxWidth > 0 && c.ImageWidth > maxWidth || maxHeight > 0 && c.ImageHeight > maxHeight {
		c.Image = ""
	}
}

// head is what the watch page says of its stream in its head: Open Graph (ogp.me), and where to find oEmbed (§4).
var head = template.Must(template.New("head").Parse(`{{if .Unlisted}}<meta name="robots" content="noindex">
{{end}}<meta property="og:type" content="video.other">
<meta property="og:site_name" content="Sluice">
<meta property="og:title" content="{{.Stream}}">
<meta property="og:description" content="{{.Stream}}, live.">
<meta property="og:url" content="{{.Watch}}">
{{if .Image}}<meta property="og:image" content="{{.Image}}">
<meta property="og:image:type" content="image/jpeg">
<meta property="og:image:width" content="{{.ImageWidth}}">
<meta property="og:image:height" content="{{.ImageHeight}}">
<meta property="og:image:alt" content="The newest picture of {{.Stream}}">
<meta name="twitter:card" content="summary_large_image">
{{end}}{{if .Framable}}<meta property="og:video" content="{{.Embed}}">
<meta property="og:video:type" content="text/html">
<meta property="og:video:width" content="{{.Width}}">
<meta property="og:video:height" content="{{.Height}}">
{{end}}<link rel="alternate" type="application/json+oembed" href="{{.Discovery}}" title="{{.Stream}}">
`))

// frame is the code that shows the player in a page.
var frame = template.Must(template.New("frame").Parse(
	`<iframe src="{{.Embed}}" title="{{.Stream}}" width="{{.Width}}" height="{{.Height}}" allow="autoplay; fullscreen; picture-in-picture" frameborder="0"></iframe>`))

// executed is what a template makes of a card.
func executed(t *template.Template, c card) []byte {
	var text bytes.Buffer
	if err := t.Execute(&text, c); err != nil {
		panic(err) // both templates and the card are ours
	}
	return text.Bytes()
}

// watchHead is what the head of a watch page has besides. Who may not watch is told nothing of the stream, not even whether there is one.
func (h *handlers) watchHead(r *http.Request) (html []byte, private bool) {
	private = !h.rights().Open(access.Watch)
	if _, err := h.mayWatch(r); err != nil {
		return nil, private
	}
	return executed(head, h.card(r, r.PathValue("stream"), shownToken(r.URL.Query()))), private
}

// shownToken is the token of an address; one in a header or of nobody is not put into others.
func shownToken(query url.Values) string { return query.Get("token") }

// serveOEmbed tells other sites how to show the stream that an address is of (oembed.com).
func (h *handlers) serveOEmbed(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	if format := query.Get("format"); format != "" && format != "json" {
		problem.Write(w, http.StatusNotImplemented, "The answer is JSON: ask with format=json, or without format.")
		return
	}
	width, height, ok := sizes(query)
	if !ok {
		problem.Write(w, http.StatusBadRequest, "maxwidth and maxheight are pixels: whole numbers from 1 up.")
		return
	}
	stream, token, ok := embedded(r, query.Get("url"))
	if !ok {
		problem.Write(w, http.StatusNotFound, "The parameter url has to be the address of a watch page or of a player of this server, such as "+publicBase(r)+"/watch/NAME.")
		return
	}
	if token == "" {
		token = access.TokenOfViewer(r)
	}
	if _, err := h.may(r, access.Watch, stream, token); err != nil {
		refuse(w, err)
		return
	}
	c := h.card(r, stream, token)
	c.fit(width, height)
	answer := api.OEmbed{Version: "1.0", Type: "link", Title: stream, ProviderName: "Sluice", ProviderURL: publicBase(r) + "/", CacheAge: embedAge}
	if c.Framable {
		answer.Type, answer.HTML, answer.Width, answer.Height = "video", string(executed(frame, c)), c.Width, c.Height
	}
	if c.Image != "" {
		answer.ThumbnailURL, answer.ThumbnailWidth, answer.ThumbnailHeight = c.Image, c.ImageWidth, c.ImageHeight
	}
	writeJSON(w, answer)
}

// sizes reads what a frame may measure at most; 0: as much as it likes.
func sizes(query url.Values) (width, height int, ok bool) {
	read := func(name string) (n int, ok bool) {
		text := query.Get(name)
		if text == "" {
			return 0, true
		}
		n, err := strconv.Atoi(text)
		return min(n, maxEmbedWidth), err == nil && n > 0
	}
	width, ok = read("maxwidth")
	height, ok2 := read("maxheight")
	return width, height, ok && ok2
}

// embedded is the stream, and the token, of an address of ours: that of a watch page or of the player alone.
func embedded(r *http.Request, address string) (stream, token string, ok bool) {
	if len(address) > maxOEmbedURL {
		return "", "", false
	}
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || !strings.EqualFold(withoutPort(u.Host, u.Scheme), withoutPort(r.Host, u.Scheme)) {
		return "", "", false
	}
	path, below := strings.CutPrefix(u.Path, prefix.Of(r))
	for _, page := range []string{"/watch/", "/embed/"} {
		if of, found := strings.CutPrefix(path, page); found && below && name.Valid(of) {
			return of, shownToken(u.Query()), true
		}
	}
	return "", "", false
}

// withoutPort is a host without the port that its scheme means anyway.
func withoutPort(host, scheme string) string {
	return strings.TrimSuffix(host, map[string]string{"http": ":80", "https": ":443"}[scheme])
}
