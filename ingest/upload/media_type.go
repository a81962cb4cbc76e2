package upload

import (
	"mime"
	"net/http"
	"slices"
	"strings"

	"github.com/sluice-live/sluice/ingest/refusal"
)

// Types are the media types of recordings. What a recording is made of, its bytes tell.
const Types = "video/webm, audio/webm, video/x-matroska, audio/x-matroska, video/matroska, audio/matroska, video/mp4, audio/mp4, application/octet-stream, multipart/form-data"

const (
	formType    = "multipart/form-data"
	curlType    = "application/x-www-form-urlencoded" // of curl --data-binary, whatever the bytes are
	maxBoundary = 70                                  // bytes (RFC 2046 §5.1.1)
)

// mediaType returns the type and subtype of a Content-Type, in lower case, without its parameters: recorders write lists of codecs that
// are no parameters by the rules (RFC 9110 §8.3.1), such as video/webm;codecs=vp8,opus.
func mediaType(header string) string {
	if i := strings.IndexAny(header, ";,"); i >= 0 {
		header = header[:i]
	}
	return strings.ToLower(strings.Trim(header, " \t\""))
}

// isRecording reports whether what is declared so may be a recording; what is not declared may.
func isRecording(header string) bool {
	kind := mediaType(header)
	return kind == "" || kind == curlType || kind != formType && slices.Contains(strings.Split(Types, ", "), kind)
}

// boundaryOf returns the boundary of a form; "" when there is none, or none that can be one.
func boundaryOf(header string) string {
	_, parameters, err := mime.ParseMediaType(header)
	if boundary := parameters["boundary"]; err == nil && mediaType(header) == formType && len(boundary) <= maxBoundary {
		return boundary
	}
	return ""
}

func refuseType() *refusal.Refusal {
	return refusal.New(http.StatusUnsupportedMediaType, "Send the recording as one of %s.", Types)
}
