package httpapi

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/cmd/sluice/internal/config"
	"github.com/sluice-live/sluice/public/problem"
)

// RFC 9110 §14.2: a range that is none is ignored; one beyond the end is refused, and says how much there is.
func TestRanges(t *testing.T) {
	cfg := testConfig(t, config.Auth{})
	cutLiveStream(t, cfg, "cut", 1)
	s := serviceOf(t, cfg, slog.New(slog.DiscardHandler))
	s.release(t)
	segment := "/live/cut/" + regexp.MustCompile(`(?m)^\S+\.m4s$`).FindString(ask(s.handler, "GET", "/live/cut/audio.m3u8").Body.String())
	whole := ask(s.handler, "GET", segment).Body.String()
	for asked, want := range map[string]string{
		"bytes=0-9": whole[:10], "bytes=10-": whole[10:], "bytes=-5": whole[len(whole)-5:], "bytes=8-99999999": whole[8:],
		"items=0-9": whole, "bytes=9-0": whole, "bytes=a-b": whole, "bytes=": whole, "bytes=-0": whole, "bytes=0-9,-": whole, "0-9": whole,
		"bytes=0-99999999999999999999": whole,
	} {
		answer := ask(s.handler, "GET", segment, "Range", asked)
		require.Equal(t, want, answer.Body.String(), asked)
		require.Equal(t, want != whole, answer.Code == http.StatusPartialContent, asked)
	}
	several := ask(s.handler, "GET", segment, "Range", "bytes=0-1, 4-5")
	require.Equal(t, http.StatusPartialContent, several.Code)
	require.Contains(t, several.Header().Get("Content-Type"), "multipart/byteranges")
	beyond := ask(s.handler, "GET", segment, "Range", "bytes=99999999-")
	require.Equal(t, http.StatusRequestedRangeNotSatisfiable, beyond.Code)
	require.Equal(t, problem.ContentType, beyond.Header().Get("Content-Type"))
	require.Equal(t, "no-store", beyond.Header().Get("Cache-Control"))
	require.Regexp(t, `^bytes \*/\d+$`, beyond.Header().Get("Content-Range"))
	require.NotContains(t, beyond.Body.String(), "invalid range")
}

// What asks for no page and no live media may have a slash at its end, and whoever reads is sent to where there is none.
func TestSlashAtTheEnd(t *testing.T) {
	s := newTestService(t, config.Auth{})
	for path, want := range map[string]string{"/watch/cam/": "../cam", "/publish/?a=b": "../publish?a=b", "/api/v1/streams/": "../streams"} {
		answer := ask(s.handler, "GET", path)
		require.Equal(t, http.StatusPermanentRedirect, answer.Code, path)
		require.Equal(t, want, answer.Header().Get("Location"))
		require.Equal(t, "no-cache", answer.Header().Get("Cache-Control"))
	}
	for _, path := range []string{"/whip/cam", "/whep/cam", "/echo", "/upload/cam", "/frames/cam"} {
		without, with := ask(s.handler, "POST", path), ask(s.handler, "POST", path+"/")
		require.Equal(t, without.Code, with.Code, path)
		require.Equal(t, without.Body.String(), with.Body.String())
	}
	for _, path := range []string{"/live/cam/index.m3u8/", "/nothing/", "/watch/cam//", "//"} {
		require.GreaterOrEqual(t, ask(s.handler, "GET", path).Code, 400, path)
	}
}

// Nobody unpacks a body: who has compressed it is told so (RFC 9110 §15.5.16).
func TestCompressedBody(t *testing.T) {
	s := newTestService(t, config.Auth{})
	post := func(encoding string) *httptest.ResponseRecorder {
		request := httptest.NewRequest("POST", "/whip/cam", strings.NewReader("v=0\r\n"))
		request.Header.Set("Content-Type", "application/sdp")
		request.Header.Set("Content-Encoding", encoding)
		answer := httptest.NewRecorder()
		s.handler.ServeHTTP(answer, request)
		return answer
	}
	refused := post("gzip")
	require.Equal(t, http.StatusUnsupportedMediaType, refused.Code)
	require.Equal(t, "identity", refused.Header().Get("Accept-Encoding"))
	require.Contains(t, refused.Body.String(), "Content-Encoding")
	require.Equal(t, http.StatusBadRequest, post("identity").Code)
}

// A body is one value: what stands behind it would be done by nobody.
func TestOneValueOfJSON(t *testing.T) {
	for body, taken := range map[string]bool{`{"a": 1}`: true, " {} \n": true, `{"a": 1} x`: false, `{}{}`: false, "": false, `{"a"`: false, `{"a": 1, "b": 2345678901234567890}`: false} {
		var into struct{ A int }
		err := readJSON(httptest.NewRecorder(), httptest.NewRequest("PUT", "/", strings.NewReader(body)), 20, &into)
		require.Equal(t, taken, err == nil, body)
	}
}

// FuzzRange asks for any ranges of some bytes: whatever is answered is a part of them.
func FuzzRange(f *testing.F) {
	for _, value := range []string{"bytes=0-1", "bytes=-3,5-", "bytes=99-", "items=1-2", "bytes= 1-2 ,,\t3-4"} {
		f.Add(value)
	}
	const content = "0123456789"
	handler := withRanges(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "name.txt", time.Time{}, strings.NewReader(content))
	}))
	f.Fuzz(func(t *testing.T, value string) {
		answer := ask(handler, "GET", "/", "Range", value)
		switch answer.Code {
		case http.StatusOK:
			require.Equal(t, content, answer.Body.String())
		case http.StatusPartialContent:
			if !strings.HasPrefix(answer.Header().Get("Content-Type"), "multipart/") {
				require.NotEmpty(t, answer.Body.String())
				require.Contains(t, content, answer.Body.String())
			}
		default:
			require.Equal(t, http.StatusRequestedRangeNotSatisfiable, answer.Code)
			require.Equal(t, "bytes */10", answer.Header().Get("Content-Range"))
			require.Equal(t, problem.ContentType, answer.Header().Get("Content-Type"))
		}
	})
}
