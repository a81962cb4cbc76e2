package origin

import (
	"hash/maphash"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/sluice-live/sluice/public/problem"
)

// etagSeed makes the tags of one process; another one's need not be the same.
var etagSeed = maphash.MakeSeed()

// etag is a strong entity tag of the bytes after a head of that length and checksum.
func etag(head int, sum uint32, b []byte) string {
	tag := strconv.FormatUint(maphash.Bytes(etagSeed, b), 36)
	if head > 0 {
		tag += "-" + strconv.Itoa(head) + "-" + strconv.FormatUint(uint64(sum), 36)
	}
	return `"` + tag + `"`
}

// notFound is for names that may exist a moment later.
func notFound(w http.ResponseWriter, detail string) {
	problem.WriteRetry(w, http.StatusNotFound, 2, detail)
}

// acceptsGzip reads Accept-Encoding (RFC 9110 §12.5.3): gzip or *, unless its weight is 0.
func acceptsGzip(h http.Header) bool {
	accepted := false
	for part := range strings.SplitSeq(h.Get("Accept-Encoding"), ",") {
		coding, params, _ := strings.Cut(part, ";")
		coding = strings.TrimSpace(coding)
		weight, weighted := strings.CutPrefix(strings.ToLower(strings.Trim(params, " \t")), "q=")
		zero := weighted && strings.HasPrefix(weight, "0") && !strings.ContainsAny(weight, "123456789")
		switch {
		case strings.EqualFold(coding, "gzip"):
			return !zero
		case coding == "*":
			accepted = !zero
		}
	}
	return accepted
}

// matches reports whether If-None-Match names the tag (RFC 9110 §13.1.2, weak comparison).
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
