package httpapi

import (
	"net/http"
	"time"
)

const (
	// writeWithin bounds how long a client may take to read one answer; a segment at 300 kbit/s fits.
	writeWithin = 2 * time.Minute
	// bodyWithin bounds how long a request's body may take to come, that of a refused request too: net/http reads what is
	// left of it before it answers.
	bodyWithin = 10 * time.Second
)

// withDeadline frees what a client that does not read, or does not send what it has announced, would hold. Handlers that
// take longer bodies set a deadline of their own.
func withDeadline(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		control, now := http.NewResponseController(w), time.Now()
		_ = control.SetWriteDeadline(now.Add(writeWithin))
		if r.ContentLength != 0 { // without a body this would end long polls
			_ = control.SetReadDeadline(now.Add(bodyWithin))
		}
		next.ServeHTTP(w, r)
	})
}

// unhurried gives each piece of the answer its own time: a recording may take hours to download.
func unhurried(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { next.ServeHTTP(pieces{w}, r) })
}

type pieces struct{ http.ResponseWriter }

func (p pieces) Write(b []byte) (int, error) {
	_ = http.NewResponseController(p.ResponseWriter).SetWriteDeadline(time.Now().Add(writeWithin))
	return p.ResponseWriter.Write(b)
}
