package access

import (
	"encoding/base64"
	"net/http"
	"strings"
)

// socketTokenPrefix comes before a token, in base64url without padding, that is offered as a subprotocol (RFC 6455 §4.1).
const socketTokenPrefix = "bearer."

// Token is that of a request's Authorization header, or "" (RFC 6750 §2.1; the scheme's case does not matter, RFC 9110 §11.1). A
// page that opens a WebSocket can set no header but that of subprotocols, so there it may stand among these.
func Token(r *http.Request) string {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if strings.EqualFold(scheme, "Bearer") {
		return strings.TrimSpace(token)
	}
	return socketToken(r)
}

// TokenOfSocket is Token for clients that connect by an address alone, where the token may be its parameter “token”: of a WebSocket only, whose
// address is kept in no history and told to no other site.
func TokenOfSocket(r *http.Request) string {
	if token := Token(r); token != "" || !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		return token
	}
	return r.URL.Query().Get("token")
}

// TokenOfViewer is Token for who watches, where the token may be the parameter “token” of the address: players can be given nothing else.
func TokenOfViewer(r *http.Request) string {
	if token := Token(r); token != "" || !strings.Contains(r.URL.RawQuery, "token=") {
		return token
	}
	return r.URL.Query().Get("token")
}

func socketToken(r *http.Request) string {
	if !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		return ""
	}
	for protocol := range strings.SplitSeq(strings.Join(r.Header.Values("Sec-WebSocket-Protocol"), ","), ",") {
		if encoded, ok := strings.CutPrefix(strings.TrimSpace(protocol), socketTokenPrefix); ok {
			token, err := base64.RawURLEncoding.DecodeString(encoded)
			if err != nil { // what cannot be read is no key, not even in part
				return ""
			}
			return string(token)
		}
	}
	return ""
}
