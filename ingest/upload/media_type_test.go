package upload

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"strings"
	"testing"

	"mime/multipart"

	"github.com/stretchr/testify/require"
)

// What recorders call their recordings is taken, whatever stands behind the type.
func TestMediaTypes(t *testing.T) {
	for declared, taken := range map[string]bool{
		"":                                         true,
		"video/webm":                               true,
		"video/webm;codecs=vp8,opus":               true,
		"video/webm;codecs=\"vp8,opus\"":           true,
		"video/webm; codecs=\"vp8, opus\"":         true,
		"Video/WebM ; Codecs = VP9 , Opus":         true,
		"video/webm;codecs=vp8;codecs=opus":        true,
		"video/webm;codecs=":                       true,
		"video/webm;":                              true,
		"video/webm;codecs=\"vp8":                  true,
		"video/x-matroska;codecs=avc1":             true,
		"video/x-matroska;codecs=avc1.42C01E,opus": true,
		"video/matroska":                           true,
		"audio/webm":                               true,
		"audio/webm;codecs=opus":                   true,
		"application/octet-stream":                 true,
		"application/x-www-form-urlencoded":        true,
		"text/plain":                               false,
		"video":                                    false,
		"video/webmx":                              false,
		"multipart/form-data":                      false,
		"multipart/form-data; boundary=":           false,
		"multipart/form-data; boundary=" + strings.Repeat("x", 71): false,
		"application/json, video/webm":                             false,
	} {
		r := httptest.NewRequest(http.MethodPost, "/upload/cam", strings.NewReader("bytes"))
		r.Header.Set("Content-Type", declared)
		body, refused := uploadBody(r)
		require.Equal(t, taken, refused == nil, declared)
		if !taken {
			require.Equal(t, http.StatusUnsupportedMediaType, refused.Status)
			continue
		}
		read, err := io.ReadAll(body)
		require.NoError(t, err)
		require.Equal(t, "bytes", string(read))
	}
}

func FuzzMediaType(f *testing.F) {
	for _, seed := range []string{"video/webm;codecs=vp8,opus", "multipart/form-data; boundary=a", "", ";", "\"video/webm\"", "a/b,c"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		kind := mediaType(header)
		require.NotContains(t, kind, ";")
		require.Equal(t, kind, mediaType(kind), "of a type alone it is the type")
		if isRecording(kind) {
			require.True(t, isRecording(kind+";codecs="+header) && isRecording(" "+kind+" , "+header), "whatever stands behind it")
		}
		require.False(t, isRecording(header) && boundaryOf(header) != "")
	})
}

// form is a form with files of these types, each of which has the bytes given, and a field.
func form(t testing.TB, data []byte, types ...string) (body []byte, contentType string) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	require.NoError(t, w.WriteField("title", "a recording"))
	for _, kind := range types {
		part, err := w.CreatePart(textproto.MIMEHeader{
			"Content-Disposition": {`form-data; name="piece"; filename="piece.webm"`}, "Content-Type": {kind},
		})
		require.NoError(t, err)
		_, err = part.Write(data)
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return b.Bytes(), w.FormDataContentType()
}

// Of a form the files are read that are recordings.
func TestFormOfManyTypes(t *testing.T) {
	body, contentType := form(t, []byte("x"), "video/webm;codecs=vp8,opus", "image/png", "", "application/octet-stream", "text/plain")
	r := httptest.NewRequest(http.MethodPost, "/upload/cam", bytes.NewReader(body))
	r.Header.Set("Content-Type", contentType)
	files, refused := uploadBody(r)
	require.Nil(t, refused)
	read, err := io.ReadAll(files)
	require.NoError(t, err)
	require.Equal(t, "xxx", string(read))
}

// However a form is cut or damaged, no more comes out of it than went in.
func FuzzForm(f *testing.F) {
	whole, contentType := form(f, []byte("0123456789"), "video/webm;codecs=vp8,opus", "image/png", "")
	boundary := boundaryOf(contentType)
	f.Add(bytes.ReplaceAll(whole, []byte(boundary), []byte("a")))
	f.Add([]byte("--a\r\nContent-Disposition: form-data; filename=\"x\"\r\n\r\nbytes\r\n--a--"))
	f.Add([]byte("--a\r\nContent-Disposition: form-data; filename=x\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=3D\r\n--a\r\n\r\n--a"))
	f.Add([]byte("--a\n\n--a--"))
	f.Fuzz(func(t *testing.T, body []byte) {
		read, err := io.ReadAll(newFormReader(bytes.NewReader(body), "a"))
		require.LessOrEqual(t, len(read), len(body))
		if err == nil {
			require.True(t, bytes.Contains(body, []byte("--a")), "a form has an end")
		}
	})
}
