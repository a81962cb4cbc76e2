package relay

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/sluice-live/sluice/public/prefix"
	"github.com/sluice-live/sluice/public/problem"
)

// ownHeaders are those that whoever serves the relay sets on every answer by himself.
var ownHeaders = []string{
	"Access-Control-Allow-Origin", "Access-Control-Expose-Headers", "Access-Control-Allow-Methods", "Access-Control-Allow-Headers", "Access-Control-Max-Age",
	"X-Content-Type-Options", "Strict-Transport-Security",
}

// linked are the targets of a Link header that are paths (RFC 8288 §3): of what belongs to a session, beside those of ICE servers.
var linked = regexp.MustCompile(`</[^>]*>`)

// newProxy passes requests on as they come, and answers as they come: events, WebSockets, downloads.
func (w *Way) newProxy(log *slog.Logger) http.Handler {
	return &httputil.ReverseProxy{
		Transport: w.transport, FlushInterval: -1, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		Rewrite: func(p *httputil.ProxyRequest) {
			p.SetURL(w.origin)
			p.Out.Host = "" // that of the origin
			p.Out.URL.RawQuery = p.In.URL.RawQuery
			w.prepare(p.Out, p.In)
		},
		ModifyResponse: func(answer *http.Response) error {
			for _, name := range ownHeaders {
				answer.Header.Del(name)
			}
			if location := answer.Header.Get("Location"); location != "" {
				answer.Header.Set("Location", w.location(location, answer.Request))
			}
			for i, link := range answer.Header["Link"] {
				answer.Header["Link"][i] = linked.ReplaceAllStringFunc(link, func(target string) string {
					return "<" + w.location(target[1:len(target)-1], answer.Request) + ">"
				})
			}
			return nil
		},
		ErrorHandler: func(writer http.ResponseWriter, request *http.Request, err error) {
			if request.Context().Err() == nil {
				log.Debug("the origin has not answered", "request", request.URL.Path, "error", err)
			}
			problem.WriteRetry(writer, http.StatusServiceUnavailable, 1, w.called+" does not answer: ask again in a second.")
		},
	}
}

// location is an address of the origin as the client of the relay has it: session URLs of WHIP and WHEP, so that PATCH and DELETE come here too.
// An origin that believes the relay has written the client's prefix already.
func (w *Way) location(address string, out *http.Request) string {
	u, err := url.Parse(address)
	if err != nil || u.Host != "" && u.Host != w.origin.Host || !strings.HasPrefix(u.Path, "/") {
		return address
	}
	shown, _ := prefix.Clean(out.Header.Get("X-Forwarded-Prefix"))
	if _, found := prefix.Strip(u.Path, shown); !found {
		rest, _ := prefix.Strip(u.EscapedPath(), w.origin.Path)
		address = shown + rest
	} else {
		address = u.EscapedPath()
	}
	if u.RawQuery != "" {
		address += "?" + u.RawQuery
	}
	return address
}

const (
	maxDocument = 8 << 20          // bytes that Get reads
	getWithin   = 12 * time.Second // for them to come
)

// Get asks the origin for a document of the path of a request, in the client's name.
func (w *Way) Get(ctx context.Context, in *http.Request) (status int, body []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, getWithin)
	defer cancel()
	target := w.origin.JoinPath(in.URL.EscapedPath())
	target.RawQuery = in.URL.RawQuery
	out, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		return 0, nil, err
	}
	for _, name := range []string{"Authorization", "Via"} {
		if values := in.Header[name]; values != nil {
			out.Header[name] = append([]string(nil), values...)
		}
	}
	w.prepare(out, in)
	return w.read(out)
}

// Ask asks for a document, for nobody in particular.
func (w *Way) Ask(ctx context.Context, path string) (status int, body []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, getWithin)
	defer cancel()
	out, err := http.NewRequestWithContext(ctx, http.MethodGet, w.origin.JoinPath(path).String(), nil)
	if err != nil {
		return 0, nil, err
	}
	w.prepare(out, nil)
	return w.read(out)
}

// read has a document come.
func (w *Way) read(out *http.Request) (status int, body []byte, err error) {
	answer, err := w.transport.RoundTrip(out)
	if err != nil {
		return 0, nil, err
	}
	defer answer.Body.Close()
	body, err = io.ReadAll(io.LimitReader(answer.Body, maxDocument+1))
	if err == nil && len(body) > maxDocument {
		err = errors.New("the document of the origin is too long")
	}
	return answer.StatusCode, body, err
}
