package problem

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWrite(t *testing.T) {
	for name, tc := range map[string]struct {
		write      func(http.ResponseWriter)
		want       Document
		retryAfter string
	}{
		"plain": {
			func(w http.ResponseWriter) { Write(w, 404, `There is nothing at "/a".`) },
			Document{"about:blank", "Not Found", 404, `There is nothing at "/a".`}, "",
		},
		"to come again": {
			func(w http.ResponseWriter) { WriteRetry(w, 503, 5, "Ask again.") },
			Document{"about:blank", "Service Unavailable", 503, "Ask again."}, "5",
		},
		"bytes that are no text": {
			func(w http.ResponseWriter) { Write(w, 400, "\xff") },
			Document{"about:blank", "Bad Request", 400, "\ufffd"}, "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			answer := httptest.NewRecorder()
			tc.write(answer)
			require.Equal(t, tc.want.Status, answer.Code)
			var got Document
			require.NoError(t, json.Unmarshal(answer.Body.Bytes(), &got))
			require.Equal(t, tc.want, got)
			header := answer.Header()
			require.Equal(t, "application/problem+json", header.Get("Content-Type"))
			require.Equal(t, strconv.Itoa(answer.Body.Len()), header.Get("Content-Length"))
			require.Equal(t, "no-store", header.Get("Cache-Control"))
			require.Equal(t, "nosniff", header.Get("X-Content-Type-Options"))
			require.Equal(t, tc.retryAfter, header.Get("Retry-After"))
		})
	}
}

// A handler that prepared an answer of its own before it failed leaves nothing of it.
func TestWriteAfterOtherHeaders(t *testing.T) {
	answer := httptest.NewRecorder()
	answer.Header().Set("Content-Type", "video/mp4")
	answer.Header().Set("Content-Length", "1000000")
	answer.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	Write(answer, 404, "There is no such segment.")
	require.Equal(t, ContentType, answer.Header().Get("Content-Type"))
	require.Equal(t, strconv.Itoa(answer.Body.Len()), answer.Header().Get("Content-Length"))
	require.Equal(t, "no-store", answer.Header().Get("Cache-Control"))
}

func BenchmarkWrite(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		Write(httptest.NewRecorder(), 404, "There is no such segment, or not any more.")
	}
}
