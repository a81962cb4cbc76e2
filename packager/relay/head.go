package relay

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// passedOn are the headers of an answer that clients get. What belongs to the connection, and what whoever serves here sets himself, is not.
var passedOn = []string{
	"Accept-Ranges", "Allow", "Cache-Control", "Content-Disposition", "Content-Encoding", "Content-Type", "Etag", "Last-Modified", "Link", "Location",
	"Retry-After", "Sluice-Time", "Vary", "Www-Authenticate", "X-Accel-Buffering",
}

// head is an answer without its body. It is never changed.
type head struct {
	status   int
	header   http.Header
	length   int64 // bytes of the body; -1 while it grows
	came     time.Time
	age      time.Duration // that it had then
	lifetime time.Duration // from its making on, for which it may be used; 0: for those alone who wait for it
	private  bool          // it is for whoever has caused it
}

func newHead(response *http.Response, now time.Time) *head {
	h := &head{status: response.StatusCode, header: http.Header{}, length: response.ContentLength, came: now}
	for _, name := range passedOn {
		if values := response.Header[name]; values != nil {
			h.header[name] = values
		}
	}
	if seconds, err := strconv.ParseUint(response.Header.Get("Age"), 10, 31); err == nil {
		h.age = time.Duration(seconds) * time.Second
	}
	var mayKeep bool
	h.lifetime, mayKeep, h.private = readCacheControl(response.Header)
	h.private = h.private || h.status == http.StatusLoopDetected // by the way that this one has come, which it may have made up
	if !mayKeep || h.status != http.StatusOK || !variesByCoding(response.Header) {
		h.lifetime = 0
	}
	return h
}

// readCacheControl is what a shared cache may do (RFC 9111 §5.2.2).
func readCacheControl(h http.Header) (lifetime time.Duration, mayKeep, private bool) {
	mayKeep = true
	shared := false // s-maxage is there, and counts more
	for directive := range strings.SplitSeq(strings.Join(h["Cache-Control"], ","), ",") {
		name, value, _ := strings.Cut(strings.ToLower(strings.TrimSpace(directive)), "=")
		switch name {
		case "private":
			private, mayKeep = true, false
		case "no-store", "no-cache":
			mayKeep = false
		case "max-age", "s-maxage":
			seconds, err := strconv.ParseUint(strings.Trim(value, `"`), 10, 31)
			if name == "max-age" && shared {
				continue
			}
			shared = shared || name == "s-maxage"
			if lifetime = time.Duration(seconds) * time.Second; err != nil {
				lifetime = 0
			}
		}
	}
	return lifetime, mayKeep, private
}

// variesByCoding reports whether an answer depends on nothing but what it is kept by.
func variesByCoding(h http.Header) bool {
	for name := range strings.SplitSeq(strings.Join(h["Vary"], ","), ",") {
		if name = strings.TrimSpace(name); name != "" && !strings.EqualFold(name, "Accept-Encoding") {
			return false
		}
	}
	return true
}

// ageAt is how old the answer is (RFC 9111 §4.2.3).
func (h *head) ageAt(now time.Time) time.Duration { return h.age + now.Sub(h.came) }

// fresh reports whether it may be used for who asks now.
func (h *head) fresh(now time.Time) bool { return h.ageAt(now) < h.lifetime }

// matches reports whether If-None-Match names the answer (RFC 9110 §13.1.2, weak comparison).
func (h *head) matches(condition string) bool {
	tag := strings.TrimPrefix(h.header.Get("Etag"), "W/")
	if condition == "" || tag == "" || h.status != http.StatusOK {
		return false
	}
	for part := range strings.SplitSeq(condition, ",") {
		if part = strings.TrimSpace(part); part == "*" || strings.TrimPrefix(part, "W/") == tag {
			return true
		}
	}
	return false
}
