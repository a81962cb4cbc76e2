// Package cmcd reads Common Media Client Data, which players tell of themselves: version 1 (CTA-5004) and version 2 (CTA-5004-A and -B), as
// they come in the query CMCD of a request, in its headers CMCD-Session, CMCD-Status, CMCD-Request and CMCD-Object, or in the lines of a
// report (CTA-5004-B, event mode). All of them are dictionaries of structured fields (RFC 8941 §3.2), version 1 with some freedom.
//
// It keeps what counting viewers takes, and skips the rest. It starts no goroutine.
package cmcd

import (
	"net/http"
	"net/url"
	"strings"
)

// MaxReport bounds the text of one report, bytes.
const MaxReport = 4 << 10

// Player states (key sta) that are of use.
const (
	Playing     = 'p'
	Rebuffering = 'r'
	Ended       = 'e'
	Quit        = 'q'
)

// Streaming formats (key sf).
const (
	DASH = 'd'
	HLS  = 'h'
)

// Unknown is in place of a number that is not told.
const Unknown = -1

// Report is what a player tells at once. Numbers that it does not tell are [Unknown].
type Report struct {
	Session string // sid
	Content string // cid
	URL     string // url: what was asked for, in reports of responses
	Format  byte   // sf, or 0
	State   byte   // sta, or 0
	Starved bool   // bs: the buffer has been empty since the last report to the same server
	Audio   bool   // ot: what is asked for is audio alone, and so is its bitrate

	Time     int64 // ts, ms since 1970
	Bitrate  int64 // br, of the video or else of what there is, kbit/s
	Latency  int64 // ltc, ms
	Startup  int64 // msd, ms
	Starts   int64 // bsa: how often the player has rebuffered since the session began
	Stalled  int64 // bsda: for how long, ms
	Finished int64 // bsd: the length of what has ended since the last report, ms
}

// OfRequest returns the text of what a request for media has with it, or "".
// That of headers is made one dictionary. What is longer than MaxReport counts as none.
func OfRequest(r *http.Request) string {
	if text := ofQuery(r.URL.RawQuery); text != "" {
		return text
	}
	if len(r.Header["Cmcd-Session"]) == 0 { // where the session's name is
		return ""
	}
	var b strings.Builder
	for _, name := range [...]string{"Cmcd-Session", "Cmcd-Status", "Cmcd-Request", "Cmcd-Object"} {
		for _, line := range r.Header[name] {
			if b.Len()+len(line) >= MaxReport {
				return ""
			}
			if b.Len() > 0 {
				b.WriteByte(',')
			}
			b.WriteString(line)
		}
	}
	return b.String()
}

// ofQuery finds the argument CMCD (CTA-5004 §2.2).
func ofQuery(query string) string {
	for more := strings.Contains(query, "CMCD="); more; {
		var parameter string
		parameter, query, more = strings.Cut(query, "&")
		value, is := strings.CutPrefix(parameter, "CMCD=")
		if !is || len(value) > 3*MaxReport {
			continue
		}
		if text, err := url.QueryUnescape(value); err == nil && len(text) <= MaxReport {
			return strings.Clone(text) // which holds the request otherwise
		}
	}
	return ""
}

// take notes the value of a key.
func (r *Report) take(key string, v value) {
	switch key {
	case "sid":
		setText(&r.Session, v)
	case "cid":
		setText(&r.Content, v)
	case "url":
		setText(&r.URL, v)
	case "sf":
		setWord(&r.Format, v)
	case "sta":
		setWord(&r.State, v)
	case "ot":
		r.Audio = v.kind == isToken && v.text == "a"
	case "bs":
		r.Starved = v.kind == isTrue
	case "ts":
		setNumber(&r.Time, v)
	case "br":
		setNumber(&r.Bitrate, v)
	case "ltc":
		setNumber(&r.Latency, v)
	case "msd":
		setNumber(&r.Startup, v)
	case "bsa":
		setSum(&r.Starts, v)
	case "bsda":
		setSum(&r.Stalled, v)
	case "bsd":
		setSum(&r.Finished, v)
	}
}

func setText(to *string, v value) {
	if v.kind == isText {
		*to = v.text
	}
}

// setWord takes states and formats, which have one letter each.
func setWord(to *byte, v value) {
	if (v.kind == isToken || v.kind == isText) && len(v.text) == 1 {
		*to = v.text[0]
	}
}

func setNumber(to *int64, v value) {
	if v.kind == isNumber {
		*to = v.number
	}
}

func setSum(to *int64, v value) {
	if v.kind == isNumber {
		*to = v.sum
	}
}
