package conformance

import (
	"bytes"
	"cmp"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// responseRules are those on a single answer's status and headers.
func responseRules() []rule[*Visit] {
	return []rule[*Visit]{
		{"HLS authoring 8.18 no redirects", checkNoRedirect},
		{"HLS authoring 10.4 content types", checkContentType},
		{"HLS authoring 10.1 manifests are compressed", checkCompressed},
		{"HLS authoring 8.24 Last-Modified is recent", checkLastModified},
		{"Fetch §3.3.3 cross-origin access", checkCORS},
		{"RFC 9111 §5.2.2 segments are cached for ever", checkImmutable},
		{"RFC 9111 §5.2.2 playlists are cached briefly", checkShortLived},
		{"RFC 9111 §5.2.2.5 errors are not stored", checkErrorCaching},
		{"RFC 9110 §8.8.3 manifests have an ETag", checkETag},
		{"RFC 6265 §3 no cookies", checkNoCookies},
	}
}

func checkResponse(r *report, v *Visit) {
	for _, rule := range responseRules() {
		r.add(rule.name, v, rule.check(v))
	}
}

func checkNoRedirect(v *Visit) string {
	if v.Status >= 300 && v.Status < 400 && v.Status != http.StatusNotModified {
		return fmt.Sprintf("status %d to %s", v.Status, v.Header.Get("Location"))
	}
	return ""
}

func checkContentType(v *Visit) string {
	if v.Status != http.StatusOK {
		return ""
	}
	var want []string
	switch {
	case v.is(".m3u8"):
		want = []string{"application/vnd.apple.mpegurl", "audio/mpegurl"}
	case v.is(".mpd"):
		want = []string{"application/dash+xml"}
	case v.is(".mp4"):
		want = []string{"video/mp4", "audio/mp4"}
	case v.is(".m4s"):
		want = []string{"video/iso.segment", "video/mp4", "audio/mp4"}
	default:
		return ""
	}
	if got, _, _ := mime.ParseMediaType(v.Header.Get("Content-Type")); !slices.Contains(want, got) {
		return fmt.Sprintf("%q", v.Header.Get("Content-Type"))
	}
	return ""
}

// checkCompressed presumes that the request offered gzip, as a Collector's does.
func checkCompressed(v *Visit) string {
	if v.manifest() && v.Status == http.StatusOK && v.Header.Get("Content-Encoding") != "gzip" {
		return fmt.Sprintf("Content-Encoding %q", v.Header.Get("Content-Encoding"))
	}
	return ""
}

// checkLastModified allows three target durations of 6 s, the longest that is usual.
func checkLastModified(v *Visit) string {
	modified, err := http.ParseTime(v.Header.Get("Last-Modified"))
	if err != nil || !v.manifest() || v.Status != http.StatusOK || strings.Contains(string(v.Body), "#EXT-X-ENDLIST") {
		return ""
	}
	date, err := http.ParseTime(v.Header.Get("Date"))
	if err == nil && date.Sub(modified) > 18*time.Second {
		return fmt.Sprintf("%v before Date", date.Sub(modified))
	}
	return ""
}

// exposed are headers that players read across origins.
func exposed() []string { return []string{"Date", "Age", "Content-Length", "Content-Range"} }

// CrossOrigin serves a handler as a service does, which adds the headers that let pages of other origins read all answers (Fetch §3.3.3):
// a packager by itself does not.
func CrossOrigin(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "*")
		w.Header().Set("Access-Control-Expose-Headers", strings.Join(exposed(), ", "))
		next.ServeHTTP(w, r)
	})
}

func checkCORS(v *Visit) string {
	if got := v.Header.Get("Access-Control-Allow-Origin"); got != "*" {
		return fmt.Sprintf("status %d: Access-Control-Allow-Origin %q", v.Status, got)
	}
	list := strings.ToLower(strings.Join(v.Header.Values("Access-Control-Expose-Headers"), ","))
	for _, name := range exposed() {
		if !slices.ContainsFunc(strings.Split(list, ","), func(s string) bool { return strings.EqualFold(strings.TrimSpace(s), name) }) {
			return fmt.Sprintf("status %d: %s is not exposed", v.Status, name)
		}
	}
	return ""
}

// directives are those of Cache-Control.
func directives(v *Visit) map[string]string {
	all := make(map[string]string)
	for d := range strings.SplitSeq(v.Header.Get("Cache-Control"), ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(d), "=")
		all[strings.ToLower(name)] = value
	}
	return all
}

func checkImmutable(v *Visit) string {
	if !v.media() || (v.Status != http.StatusOK && v.Status != http.StatusPartialContent) {
		return ""
	}
	if v.is(".m4s") && !bytes.Contains(v.Body, []byte("trun")) {
		return "" // it stands for a segment that an ended Period has not
	}
	d := directives(v)
	_, public := d["public"]
	_, immutable := d["immutable"]
	if age, _ := strconv.Atoi(d["max-age"]); !public || !immutable || age < 86400 {
		return fmt.Sprintf("Cache-Control %q", v.Header.Get("Cache-Control"))
	}
	return ""
}

// checkShortLived: at most half a target duration, a second at least; in shared caches one that was waited for six of them (rfc8216bis
// §6.2.5.2 and appendix B.1), but not in browsers, where a player may repeat a request; an ended playlist may be kept longer.
func checkShortLived(v *Visit) string {
	if !v.is(".m3u8") || v.Status != http.StatusOK {
		return ""
	}
	p, err := parsePlaylist(v)
	if err != nil || p.multivariant() || p.ended() {
		return ""
	}
	short := max(p.targetDuration()/2, time.Second)
	if v.query("_HLS_msn") != "" {
		return cmp.Or(checkMaxAge(v, "max-age", short), checkMaxAge(v, sharedAge(v), 6*p.targetDuration()))
	}
	return cmp.Or(checkMaxAge(v, "max-age", short), checkMaxAge(v, sharedAge(v), short))
}

// sharedAge is the directive that shared caches go by (RFC 9111 §4.2.1).
func sharedAge(v *Visit) string {
	if _, ok := directives(v)["s-maxage"]; ok {
		return "s-maxage"
	}
	return "max-age"
}

// checkMaxAge wants Cache-Control with that directive up to the limit, or no caching at all.
func checkMaxAge(v *Visit, directive string, limit time.Duration) string {
	d := directives(v)
	for _, name := range []string{"no-cache", "no-store"} {
		if _, ok := d[name]; ok {
			return ""
		}
	}
	if age, err := strconv.Atoi(d[directive]); err != nil || time.Duration(age)*time.Second > limit {
		return fmt.Sprintf("Cache-Control %q, should be %s of at most %v", v.Header.Get("Cache-Control"), directive, limit)
	}
	return ""
}

func checkErrorCaching(v *Visit) string {
	if _, ok := directives(v)["no-store"]; !ok && v.Status >= 400 {
		return fmt.Sprintf("status %d: Cache-Control %q", v.Status, v.Header.Get("Cache-Control"))
	}
	return ""
}

func checkETag(v *Visit) string {
	if v.manifest() && v.Status == http.StatusOK && v.Header.Get("ETag") == "" {
		return "missing"
	}
	return ""
}

func checkNoCookies(v *Visit) string {
	if cookie := v.Header.Get("Set-Cookie"); cookie != "" {
		return "Set-Cookie is set"
	}
	return ""
}
