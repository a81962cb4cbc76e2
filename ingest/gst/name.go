package gst

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"regexp"
	"strings"

	"github.com/sluice-live/sluice/ingest/media"
	"github.com/sluice-live/sluice/public/name"
)

// maxTitle is the longest title of a stream, in bytes.
const maxTitle = 256

var (
	notInNames = regexp.MustCompile(`[^A-Za-z0-9_-]+`)
	fieldName  = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.+/:-]*$`) // of GStreamer's structures, which meta becomes there
)

// described is what a producer has told of itself.
type described struct {
	name  string // it asks for, made one that a stream can have; "" if there is none
	title string
	meta  map[string]json.RawMessage
}

// describe reads the meta of a producer: of "name", "display-name" and "title" the first that is there gives the stream its name.
func describe(meta json.RawMessage) described {
	d := described{meta: map[string]json.RawMessage{}}
	var fields map[string]json.RawMessage
	if json.Unmarshal(meta, &fields) != nil { // which Parse has seen to
		return d
	}
	for key, value := range fields {
		if fieldName.MatchString(key) && !bytes.Equal(value, []byte("null")) {
			d.meta[key] = value
		}
	}
	for _, key := range []string{"name", "display-name", "title"} {
		var text string
		if json.Unmarshal(d.meta[key], &text) != nil {
			continue
		}
		if d.name == "" {
			d.name = validName(text)
		}
		if text = strings.TrimSpace(text); text != "" && (key != "name" || text != d.name) {
			d.title = text
		}
	}
	if len(d.title) > maxTitle {
		d.title = strings.ToValidUTF8(d.title[:maxTitle], "")
	}
	return d
}

// validName makes of what somebody calls a stream a name that it can have; "" if nothing is left.
func validName(text string) string {
	if name.Valid(text) {
		return text
	}
	made := strings.Trim(notInNames.ReplaceAllString(text, "-"), "-_")
	if len(made) > name.Longest {
		made = strings.TrimRight(made[:name.Longest], "-_")
	}
	if !name.Valid(made) {
		return ""
	}
	return made
}

// someName is one for a stream whose producer has none.
func someName() string { return "gst-" + strings.ToLower(rand.Text()[:8]) }

// metaOf is what listeners are told of a stream.
func metaOf(stream string, d described, tracks []*media.Track) json.RawMessage {
	told := map[string]any{}
	for key, value := range d.meta {
		told[key] = value
	}
	told["name"], told["title"] = stream, stream
	if d.title != "" {
		told["title"] = d.title
	}
	codecs := map[string]string{} // as in SDP
	for _, t := range tracks {
		_, codecs[string(t.Kind())], _ = strings.Cut(t.MimeType(), "/")
	}
	told["codecs"] = codecs
	text, _ := json.Marshal(told) // of what has been JSON, and strings
	return text
}
