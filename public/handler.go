package public

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"io/fs"
	"log/slog"
	"mime"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/sluice-live/sluice/public/name"
	"github.com/sluice-live/sluice/public/prefix"
	"github.com/sluice-live/sluice/public/problem"
)

// allowed is what the pages do and nothing more: scripts and styles from our files only, and media from object URLs,
// which is how Media Source Extensions reach a video element.
const allowed = "default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; " +
	"object-src 'none'; base-uri 'none'; form-action 'self'; "

// contentPolicy keeps the pages out of other sites' frames, where a click could be stolen.
const contentPolicy = allowed + "frame-ancestors 'self'"

// playerPolicy is that of pages with a player, whose controls bring their styles as elements. Styles can load nothing from elsewhere either.
const playerPolicy = allowed + "style-src 'self' 'unsafe-inline'; frame-ancestors 'self'"

// embedPolicy is that of the player alone: origins may frame it, too, or with * everybody. A click in it changes nothing on the server.
func embedPolicy(origins []string) string {
	return strings.TrimSpace(playerPolicy + " " + strings.Join(origins, " "))
}

// wasmPolicy is that of the one worker that runs WebAssembly: a worker has the policy that its own script comes with (CSP3 §4.2.1).
const wasmPolicy = contentPolicy + "; script-src 'self' 'wasm-unsafe-eval'"

// The files of the pages with a player, and of <sluice-player> for pages of others.
const (
	watchPage = "pages/watch.html"
	embedPage = "pages/embed.html"
	element   = "player/sluice-player.js"
)

// wasmScript begins the name of that worker's script.
const wasmScript = "finding-"

// permissions keeps camera, microphone and screen to the pages themselves, whoever frames them.
const permissions = "camera=(self), microphone=(self), display-capture=(self)"

// newHandler serves the bundle in root: pages/NAME.html and assets/NAME, each beside a NAME.gz.
func newHandler(root fs.FS, options Options) http.Handler {
	mux := http.NewServeMux()
	for pattern, file := range map[string]string{
		"GET /{$}":          "pages/home.html",
		"GET /publish":      "pages/publish.html",
		"GET /echo":         "pages/echo.html",
		"GET /frames":       "pages/frames.html",
		"GET /rooms":        "pages/room.html",
		"GET /rooms/{room}": "pages/room.html",
		"GET /dashboard":    "pages/dashboard.html",
		"GET /logs":         "pages/logs.html",
		"GET /links":        "pages/links.html",
		"GET /recordings":   "pages/recordings.html",
		"GET /docs":         "pages/docs.html",
		"GET /licenses":     "pages/licenses.html",
	} {
		mux.Handle(pattern, newPage(root, file))
	}
	mux.Handle("GET /watch/{stream}", headed(newPage(root, watchPage), playerPolicy, options.Head))
	mux.Handle("GET /embed/{stream}", headed(newPage(root, embedPage), embedPolicy(options.EmbedOrigins), nil))
	mux.Handle("GET /sluice-player.js", newPage(root, element))
	mux.Handle("GET /docs/{page}", newManuals(root))
	mux.Handle("GET /assets/{name}", assets{root})
	return secured(mux)
}

// secured adds the security headers to every answer, errors too.
func secured(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", contentPolicy)
		h.Set("Permissions-Policy", permissions)
		h.Set("Referrer-Policy", "same-origin")
		h.Set("X-Content-Type-Options", "nosniff")
		next.ServeHTTP(w, r)
	})
}

// headed serves a page with a policy of its own, and with what head says of the stream that it is of.
func headed(next http.Handler, policy string, head func(*http.Request) (html []byte, private bool)) http.Handler {
	p, built := next.(page)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", policy)
		if !built || head == nil || !name.Valid(r.PathValue("stream")) {
			next.ServeHTTP(w, r)
			return
		}
		html, private := head(r)
		if private {
			w = &privateWriter{w}
		}
		p.serve(w, r, html)
	})
}

// page is one document of the bundle.
type page struct {
	root fs.FS
	name string
	tag  string // entity tag without quotes, made from the content
}

// newPage returns the page in file name, or the one that explains the build when the bundle lacks it.
func newPage(root fs.FS, name string) http.Handler {
	body, err := fs.ReadFile(root, name)
	if err != nil {
		return http.HandlerFunc(serveUnbuilt)
	}
	return page{root, name, tagOf(body)}
}

func (p page) ServeHTTP(w http.ResponseWriter, r *http.Request) { p.serve(w, r, nil) }

// serve answers with the page, whose head has more in it.
func (p page) serve(w http.ResponseWriter, r *http.Request, head []byte) {
	w.Header().Set("Cache-Control", "no-cache")
	if of := r.PathValue("stream") + r.PathValue("room"); of != "" && !name.Valid(of) {
		// The page itself says what is wrong with the name; the status says it to everybody else.
		w = &statusWriter{w, http.StatusBadRequest}
		r = unconditional(r)
	}
	if below := prefix.Of(r); below != "" && path.Ext(p.name) == ".html" || len(head) > 0 {
		p.serveChanged(w, r, below, head)
		return
	}
	serveFile(w, r, p.root, p.name, p.tag)
}

// serveChanged answers with the page as it is below a prefix, where all addresses in its attributes begin with that, and with more in its head.
func (p page) serveChanged(w http.ResponseWriter, r *http.Request, prefix string, head []byte) {
	body, err := fs.ReadFile(p.root, p.name)
	if err != nil {
		refuseUnreadable(w, p.name, err)
		return
	}
	tag := p.tag + prefix
	if prefix != "" {
		body = bytes.ReplaceAll(body, []byte(`="/`), []byte(`="`+prefix+"/"))
	}
	if len(head) > 0 {
		body = bytes.Replace(body, headEnd, append(slices.Clone(head), headEnd...), 1)
		tag += "-" + tagOf(head)
	}
	w.Header().Set("Content-Type", contentType(p.name))
	w.Header().Set("ETag", `"`+tag+`"`)
	http.ServeContent(w, r, p.name, time.Time{}, bytes.NewReader(body))
}

// headEnd is what a page's head ends with.
var headEnd = []byte("</head>")

// tagOf is an entity tag without quotes.
func tagOf(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:12])
}

// manuals are the documents of the bundle by the last part of their address.
type manuals map[string]http.Handler

const manualPrefix = "pages/docs-"

func newManuals(root fs.FS) manuals {
	all := manuals{}
	names, _ := fs.Glob(root, manualPrefix+"*.html") // the pattern is a good one
	for _, name := range names {
		all[strings.TrimSuffix(strings.TrimPrefix(name, manualPrefix), ".html")] = newPage(root, name)
	}
	return all
}

func (m manuals) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	page := m[r.PathValue("page")]
	switch {
	case page != nil:
		page.ServeHTTP(w, r)
	case len(m) == 0:
		serveUnbuilt(w, r)
	default:
		problem.Write(w, http.StatusNotFound, "There is no such document: /docs has the list.")
	}
}

// assets serves the files under assets/.
type assets struct{ root fs.FS }

func (a assets) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	if _, err := fs.Stat(a.root, "assets/"+name); err != nil || strings.HasSuffix(name, ".gz") {
		problem.Write(w, http.StatusNotFound, "There is no such asset: reload the page, it may be from an older version.")
		return
	}
	if strings.HasPrefix(name, wasmScript) {
		w.Header().Set("Content-Security-Policy", wasmPolicy)
	}
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	serveFile(w, r, a.root, "assets/"+name, name)
}

// serveFile sends a file of the bundle, its gzipped twin if there is one and the client takes it. Conditional
// requests, ranges and HEAD are net/http's (RFC 9110 §13, §14).
func serveFile(w http.ResponseWriter, r *http.Request, root fs.FS, name, tag string) {
	w.Header().Set("Content-Type", contentType(name))
	w.Header().Add("Vary", "Accept-Encoding")
	file, err := root.Open(name + ".gz")
	if err == nil && acceptsGzip(r.Header.Get("Accept-Encoding")) {
		w.Header().Set("Content-Encoding", "gzip")
		tag += "-gzip"
	} else if file, err = root.Open(name); err != nil {
		refuseUnreadable(w, name, err)
		return
	}
	defer file.Close()
	w.Header().Set("ETag", `"`+tag+`"`)
	http.ServeContent(w, r, name, time.Time{}, file.(io.ReadSeeker))
}

func refuseUnreadable(w http.ResponseWriter, name string, err error) {
	slog.Error("public: open bundled file", "name", name, "error", err)
	problem.Write(w, http.StatusInternalServerError, "The page could not be read: look into the log of the service.")
}

// contentType is chosen from what the bundle holds, not from the machine's MIME tables.
func contentType(name string) string {
	switch path.Ext(name) {
	case ".html":
		return "text/html; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".json":
		return "application/json"
	case ".css":
		return "text/css; charset=utf-8"
	case ".png":
		return "image/png"
	case ".svg":
		return "image/svg+xml"
	case ".wasm":
		return "application/wasm"
	}
	return "application/octet-stream"
}

// acceptsGzip reads an Accept-Encoding header (RFC 9110 §12.5.3).
func acceptsGzip(header string) bool {
	for item := range strings.SplitSeq(header, ",") {
		coding, params, err := mime.ParseMediaType("x/" + strings.TrimSpace(item))
		if err == nil && (coding == "x/gzip" || coding == "x/*") {
			return strings.Trim(params["q"], "0.") != "" || params["q"] == ""
		}
	}
	return false
}

// statusWriter turns the 200 of a file into another status.
type statusWriter struct {
	http.ResponseWriter
	status int
}

// WriteHeader sends the status that was set in place of the given one.
func (w *statusWriter) WriteHeader(int) { w.ResponseWriter.WriteHeader(w.status) }

// privateWriter keeps a page to who has asked for it.
type privateWriter struct{ http.ResponseWriter }

// WriteHeader sends the header.
func (w *privateWriter) WriteHeader(status int) {
	w.Header().Set("Cache-Control", "private, no-cache")
	w.ResponseWriter.WriteHeader(status)
}

// unconditional drops what could make the answer partial or empty.
func unconditional(r *http.Request) *http.Request {
	r = r.Clone(r.Context())
	for _, name := range []string{"If-None-Match", "If-Match", "If-Modified-Since", "If-Unmodified-Since", "Range"} {
		r.Header.Del(name)
	}
	return r
}
