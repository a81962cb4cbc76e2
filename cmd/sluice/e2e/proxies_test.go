package e2e

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"
)

// startCaddy runs Caddy with scripts/Caddyfile, without certificates.
func startCaddy(t *testing.T, origin string) string {
	t.Helper()
	directory, address := cacheDirectory(t), freeAddress(t)
	_, port, err := net.SplitHostPort(address)
	require.NoError(t, err)
	config := fill(t, "Caddyfile", directory, map[string]string{
		"tv.example.org {": "{\n\tadmin off\n\tauto_https off\n}\n\nhttp://:" + port + " {\n\tbind 127.0.0.1\n", "127.0.0.1:8080": origin,
	})
	return startCache(t, address, "env", "XDG_DATA_HOME="+directory, "XDG_CONFIG_HOME="+directory, "caddy", "run", "--config", config, "--adapter", "caddyfile")
}

// apacheServer is what Debian has around a site.
const apacheServer = `
ServerRoot %[1]s
DefaultRuntimeDir %[1]s
PidFile %[1]s/pid
ErrorLog /dev/stderr
ServerName localhost
User www-data
Group www-data
StartServers 1
%[3]s
Listen %[2]s
%[4]s
`

// startApache runs Apache with a site and the modules that it needs.
func startApache(t *testing.T, directory, address, site string, modules ...string) string {
	t.Helper()
	var load strings.Builder
	for _, module := range append([]string{"mpm_event", "authz_core"}, modules...) {
		_, _ = fmt.Fprintf(&load, "LoadModule %[1]s_module /usr/lib/apache2/modules/mod_%[1]s.so\n", module)
	}
	config := filepath.Join(directory, "apache2.conf")
	require.NoError(t, os.WriteFile(config, fmt.Appendf(nil, apacheServer, directory, address, &load, site), 0o644))
	return startCache(t, address, "apache2", "-DFOREGROUND", "-f", config)
}

// startApacheProxy runs Apache with scripts/apache.conf.
func startApacheProxy(t *testing.T, origin string) string {
	t.Helper()
	directory, address := cacheDirectory(t), freeAddress(t)
	site := fill(t, "apache.conf", directory, map[string]string{"<VirtualHost *:80>": "<VirtualHost " + address + ">", "127.0.0.1:8080": origin})
	return startApache(t, directory, address, "Include "+site, "headers", "setenvif", "proxy", "proxy_http", "reqtimeout")
}

// relayed is an origin that answers as Sluice does, and waits in the middle until the test lets it go on.
type relayed struct{ goOn chan struct{} }

// wait has the client read so far.
func (o relayed) wait(w http.ResponseWriter, r *http.Request) {
	_ = http.NewResponseController(w).Flush()
	select {
	case <-o.goOn:
	case <-r.Context().Done():
	}
}

func (o relayed) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/healthz", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("POST /whip/cam", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", "/whip/cam/session")
		w.Header()["Link"] = []string{`<stun:a>; rel="ice-server"`, `<stun:b>; rel="ice-server"`}
		w.WriteHeader(http.StatusCreated)
		offer, _ := io.ReadAll(r.Body)
		h := r.Header
		_, _ = fmt.Fprintf(w, "%s %s %v %v %v %v", offer, r.Host, h["X-Forwarded-For"], h["X-Forwarded-Proto"], h["X-Forwarded-Prefix"], h["Forwarded"])
	})
	mux.HandleFunc("/whip/cam/session", func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprint(w, r.Method, r.Header["If-Match"])
	})
	mux.HandleFunc("GET /api/v1/events", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "data: first\n\n")
		o.wait(w, r)
		_, _ = io.WriteString(w, "data: last\n\n")
	})
	mux.HandleFunc("GET /live/cam/low.m3u8", func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-o.goOn:
			_, _ = io.WriteString(w, strings.TrimSuffix(r.URL.RawQuery, "&"))
		case <-r.Context().Done():
		}
	})
	mux.HandleFunc("GET /live/cam/aaaa/low-1.m4s", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "video/iso.segment")
		w.Header().Set("X-Accel-Buffering", "no")
		_, _ = io.WriteString(w, "first\n")
		o.wait(w, r)
		_, _ = io.WriteString(w, "last\n")
	})
	mux.HandleFunc("POST /upload/cam", func(w http.ResponseWriter, r *http.Request) {
		_, err := io.ReadFull(r.Body, make([]byte, len("first\n")))
		<-o.goOn // the client has not sent the rest
		rest, restErr := io.ReadAll(r.Body)
		_, _ = fmt.Fprintf(w, "%s%v%v", rest, err, restErr)
	})
	mux.HandleFunc("GET /rooms/den/ws", func(w http.ResponseWriter, r *http.Request) {
		socket, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		kind, message, err := socket.Read(r.Context())
		if err == nil {
			err = socket.Write(r.Context(), kind, message)
		}
		_ = socket.Close(websocket.StatusNormalClosure, fmt.Sprint(err))
	})
	return mux
}

// What waits, grows, goes both ways or steers a session passes each proxy as it comes; what a client says of itself does not.
func TestProxies(t *testing.T) {
	alongside(t, light)
	for name, start := range map[string]func(*testing.T, string) string{
		"nginx":  func(t *testing.T, origin string) string { base, _ := startNginx(t, origin, nil); return base },
		"Caddy":  startCaddy,
		"Apache": startApacheProxy,
	} {
		t.Run(name, func(t *testing.T) {
			origin := relayed{make(chan struct{})}
			server := httptest.NewServer(origin.handler())
			defer server.Close()
			base := start(t, strings.TrimPrefix(server.URL, "http://"))
			origin.requireSessions(t, base)
			origin.requireUnbuffered(t, base)
			origin.requireUpload(t, base)
			origin.requireSocket(t, base)
		})
	}
}

// let has the origin go on where it waits.
func (o relayed) let(t *testing.T) {
	t.Helper()
	select {
	case o.goOn <- struct{}{}:
	case <-time.After(patience):
		require.Fail(t, "the origin was not asked")
	}
}

func (o relayed) requireSessions(t *testing.T, base string) {
	t.Helper()
	ask := func(method, path, body string) (*http.Response, string) {
		request, err := http.NewRequestWithContext(t.Context(), method, base+path, strings.NewReader(body))
		require.NoError(t, err)
		request.Host = "tv.example.org"
		request.Header.Set("If-Match", `"1"`)
		for _, name := range []string{"X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Prefix", "Forwarded"} {
			request.Header.Set(name, "forged")
		}
		response, err := patient().Do(request)
		require.NoError(t, err)
		defer response.Body.Close()
		text, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		return response, string(text)
	}
	response, text := ask(http.MethodPost, "/whip/cam", "offer")
	require.Equal(t, http.StatusCreated, response.StatusCode)
	require.Equal(t, "/whip/cam/session", response.Header.Get("Location"))
	require.Len(t, response.Header["Link"], 2)
	require.Equal(t, "offer tv.example.org [127.0.0.1] [http] [] []", text)
	for _, method := range []string{http.MethodPatch, http.MethodDelete, http.MethodOptions} {
		_, text = ask(method, "/whip/cam/session", "")
		require.Equal(t, method+`["1"]`, text)
	}
}

// requireUnbuffered reads what is there of answers of which there is more to come.
func (o relayed) requireUnbuffered(t *testing.T, base string) {
	t.Helper()
	for path, first := range map[string]string{"/api/v1/events": "data: first\n", "/live/cam/aaaa/low-1.m4s": "first\n"} {
		response, err := patient().Get(base + path)
		require.NoError(t, err)
		body := bufio.NewReader(response.Body)
		line, err := body.ReadString('\n')
		require.NoError(t, err)
		require.Equal(t, first, line)
		o.let(t)
		rest, err := io.ReadAll(body)
		require.NoError(t, err)
		require.Contains(t, string(rest), "last\n")
		require.NoError(t, response.Body.Close())
	}
	answers := make(chan string)
	go func() {
		response, err := patient().Get(base + "/live/cam/low.m3u8?_HLS_msn=7&_HLS_part=1")
		if err != nil {
			answers <- err.Error()
			return
		}
		defer response.Body.Close()
		text, _ := io.ReadAll(response.Body)
		answers <- string(text)
	}()
	o.let(t)
	require.Equal(t, "_HLS_msn=7&_HLS_part=1", <-answers)
}

// requireUpload sends the rest of a body once its first bytes have come.
func (o relayed) requireUpload(t *testing.T, base string) {
	t.Helper()
	body, rest := io.Pipe()
	go func() {
		_, _ = io.WriteString(rest, "first\n")
		select {
		case o.goOn <- struct{}{}:
			_, _ = io.WriteString(rest, "last\n")
			_ = rest.Close()
		case <-time.After(patience):
			_ = rest.CloseWithError(context.DeadlineExceeded)
		}
	}()
	response, err := patient().Post(base+"/upload/cam", "video/webm", body)
	require.NoError(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Equal(t, "last\n<nil><nil>", string(text))
}

func (o relayed) requireSocket(t *testing.T, base string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	socket, _, err := websocket.Dial(ctx, strings.Replace(base, "http", "ws", 1)+"/rooms/den/ws", nil)
	require.NoError(t, err)
	require.NoError(t, socket.Write(ctx, websocket.MessageText, []byte("hello")))
	_, message, err := socket.Read(ctx)
	require.NoError(t, err)
	require.Equal(t, "hello", string(message))
	_ = socket.Close(websocket.StatusNormalClosure, "")
}
