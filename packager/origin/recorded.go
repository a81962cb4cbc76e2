package origin

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"regexp"
	"time"

	"github.com/sluice-live/sluice/packager/manifest"
)

// maxManifest bounds a recording's manifest that is written anew, bytes: a day has less than 20 MiB.
const maxManifest = 64 << 20

// serveBelow answers with a recording's manifest whose files are below another address.
func serveBelow(w http.ResponseWriter, r *http.Request, f *os.File, mime, base string) {
	text, err := io.ReadAll(io.LimitReader(f, maxManifest))
	if err != nil {
		notFound(w, "The recording cannot be read at the moment.")
		return
	}
	if mime == manifest.MIMEHLS {
		text = playlistBelow(text, base)
	} else {
		text = mpdBelow(text, base)
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(text))
}

// uri is what a playlist names: a line that is no tag, or an attribute (rfc8216bis §4.1).
var uri = regexp.MustCompile(`(?m)^([^#\r\n][^\r\n]*)|\bURI="([^"]*)"`)

// playlistBelow writes addresses, which are names of files in a playlist of ours, with the base.
func playlistBelow(text []byte, base string) []byte {
	return uri.ReplaceAllFunc(text, func(found []byte) []byte {
		if name, ok := bytes.CutPrefix(found, []byte(`URI="`)); ok {
			return append([]byte(`URI="`+base), name...)
		}
		return append([]byte(base), found...)
	})
}

// mpdBelow gives an MPD the base (ISO/IEC 23009-1 §5.6).
func mpdBelow(text []byte, base string) []byte {
	at := bytes.Index(text, []byte("<MPD"))
	if at < 0 {
		return text
	}
	end := bytes.IndexByte(text[at:], '>')
	if end < 0 {
		return text
	}
	at += end + 1
	return append(append(append([]byte{}, text[:at]...), "<BaseURL>"+base+"</BaseURL>"...), text[at:]...)
}
