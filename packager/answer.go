package packager

import (
	"encoding/json"
	"hash/maphash"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// etagSeed makes the tags of one process; another one's need not be the same.
var etagSeed = maphash.MakeSeed()

// etag is a strong entity tag of the bytes.
func etag(b []byte) string {
	return `"` + strconv.FormatUint(maphash.Bytes(etagSeed, b), 36) + `"`
}

// cors lets pages of any origin read the answer, errors too.
func cors(w http.ResponseWriter) {
	h := w.Header()
	h["Access-Control-Allow-Origin"] = corsOrigin
	h["Access-Control-Expose-Headers"] = corsExpose
}

// problem answers with an error as RFC 9457 has it.
func problem(w http.ResponseWriter, status int, detail string) {
	b, err := json.Marshal(struct {
		Title  string `json:"title"`
		Status int    `json:"status"`
		Detail string `json:"detail"`
	}{http.StatusText(status), status, detail})
	if err != nil {
		b = nil // strings and a number are always JSON
	}
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Set("Content-Length", strconv.Itoa(len(b)))
	w.WriteHeader(status)
	w.Write(b)
}

// notFound is for names that may exist a moment later: nobody may keep the answer.
func notFound(w http.ResponseWriter, detail string) {
	w.Header().Set("Retry-After", "2")
	w.Header().Set("Cache-Control", "no-store")
	problem(w, http.StatusNotFound, detail)
}

// acceptsGzip reads Accept-Encoding (RFC 9110 §12.5.3): gzip or *, unless its weight is 0.
func acceptsGzip(h http.Header) bool {
	accepted := false
	for part := range strings.SplitSeq(h.Get("Accept-Encoding"), ",") {
		coding, params, _ := strings.Cut(part, ";")
		coding = strings.TrimSpace(coding)
		zero := strings.HasPrefix(strings.ReplaceAll(params, " ", ""), "q=0") && !strings.ContainsAny(params, "123456789")
		switch {
		case strings.EqualFold(coding, "gzip"):
			return !zero
		case coding == "*":
			accepted = !zero
		}
	}
	return accepted
}

// matches tells whether If-None-Match names the tag (RFC 9110 §13.1.2, weak comparison).
func matches(header, tag string) bool {
	if header == "" {
		return false
	}
	for part := range strings.SplitSeq(header, ",") {
		part = strings.TrimSpace(part)
		if part == "*" || strings.TrimPrefix(part, "W/") == tag {
			return true
		}
	}
	return false
}

func modTime(f *os.File) time.Time {
	info, err := f.Stat()
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
}
