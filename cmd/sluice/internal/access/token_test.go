package access

import (
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestTokenOfSocket(t *testing.T) {
	r := httptest.NewRequest(http.MethodGet, "/gst/ws?token=in-address", nil)
	if token := TokenOfSocket(r); token != "" {
		t.Fatalf("it is no socket, and has the token %q", token)
	}
	r.Header.Set("Upgrade", "WebSocket")
	if token := TokenOfSocket(r); token != "in-address" {
		t.Fatalf("the token is %q", token)
	}
	r.Header.Set("Authorization", "Bearer in-header")
	if token := TokenOfSocket(r); token != "in-header" {
		t.Fatalf("the token is %q", token)
	}
}

// A key among subprotocols is one that is encoded to its end.
func FuzzSocketToken(f *testing.F) {
	for _, seed := range []string{"sluice-upload, bearer.Z2VoZWlt", "bearer.Z2Vo!", "bearer.", "bearer.Zg==", ",,bearer.Zg", "sluice-room"} {
		f.Add(seed)
	}
	r := httptest.NewRequest(http.MethodGet, "/upload/cam/ws", nil)
	r.Header.Set("Upgrade", "websocket")
	r.Header.Set("Sec-WebSocket-Protocol", "sluice-upload, bearer.Z2Vo!")
	if token := Token(r); token != "" {
		f.Fatalf("a part of a key is a key: %q", token)
	}
	f.Fuzz(func(t *testing.T, protocols string) {
		r.Header["Sec-Websocket-Protocol"] = []string{"sluice-upload", protocols}
		token := Token(r)
		_, encoded, found := strings.Cut(protocols, socketTokenPrefix)
		if token != "" && (!found || len(token) > base64.RawURLEncoding.DecodedLen(len(encoded))) {
			t.Fatalf("%q has the token %q", protocols, token)
		}
	})
}
