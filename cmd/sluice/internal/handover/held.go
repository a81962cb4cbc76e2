package handover

import (
	"context"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
)

// PassOn has the next process answer requests for playlists and manifests that were held when this one let go of its streams, and which it can
// only refuse: their players would wait for a second or more before they ask again. next returns the URL of the process that serves now, once
// that is known, or nil: there is none. What else is asked for passes by untouched.
func PassOn(handler http.Handler, next func(context.Context) *url.URL) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, ".m3u8") && !strings.HasSuffix(r.URL.Path, ".mpd") || r.Method != http.MethodGet {
			handler.ServeHTTP(w, r)
			return
		}
		asked, address := *r, *r.URL // as they came: handlers strip prefixes
		asked.URL = &address
		held := &held{ResponseWriter: w, request: r}
		handler.ServeHTTP(held, r)
		if held.refusal == 0 {
			return
		}
		if to := next(context.WithoutCancel(r.Context())); to != nil {
			clear(w.Header())
			passOn(to).ServeHTTP(w, asked.WithContext(context.WithoutCancel(r.Context())))
			return
		}
		w.WriteHeader(held.refusal)
		_, _ = w.Write(held.body) // an error means that the client has gone
	})
}

// passOn asks another process the same.
func passOn(to *url.URL) http.Handler {
	return &httputil.ReverseProxy{Transport: &http.Transport{DisableKeepAlives: true}, Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(to)
		r.Out.Host = r.In.Host
		for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Prefix"} {
			if values, ok := r.In.Header[name]; ok {
				r.Out.Header[name] = values
			}
		}
	}}
}

// held is an answer that is kept where it is a refusal which comes because the request had to end.
type held struct {
	http.ResponseWriter
	request *http.Request
	refusal int // its status; 0: there is none
	body    []byte
}

// WriteHeader implements http.ResponseWriter.
func (h *held) WriteHeader(status int) {
	if status == http.StatusServiceUnavailable && h.request.Context().Err() != nil {
		h.refusal = status
		return
	}
	h.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (h *held) Write(body []byte) (int, error) {
	if h.refusal == 0 {
		return h.ResponseWriter.Write(body)
	}
	h.body = append(h.body, body...)
	return len(body), nil
}

// Unwrap is for http.ResponseController.
func (h *held) Unwrap() http.ResponseWriter { return h.ResponseWriter }
