package public

import (
	"io"
	"net/http"
)

// unbuiltPage stands in for every page of a program that was compiled without its bundle.
const unbuiltPage = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Pages not built · Sluice</title>
<h1>The web pages are not part of this program yet</h1>
<p>Everything else works: WHIP, HLS, DASH, recordings and the API. For the pages, in a clone of the repository, run
<pre>scripts/run</pre>
<p>or build them by hand and start again:
<pre>npm ci --prefix public
go run ./public/bundle
go build ./cmd/sluice</pre>
`

func serveUnbuilt(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusServiceUnavailable)
	_, _ = io.WriteString(w, unbuiltPage) // a client that has gone needs no page
}
