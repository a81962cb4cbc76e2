package main

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"strings"

	"github.com/sluice-live/sluice/cmd/sluice/internal/config"
	"github.com/sluice-live/sluice/internal/problem"
)

// keyring holds static keys, each for one stream or for all.
type keyring []streamKey

type streamKey struct {
	stream string // "" means every stream
	digest [sha256.Size]byte
}

// publishKeys are the keys that may publish.
func publishKeys(configured []config.StreamKey) keyring {
	keys := make(keyring, 0, len(configured))
	for _, k := range configured {
		keys = append(keys, streamKey{k.Stream, sha256.Sum256([]byte(k.Key))})
	}
	return keys
}

// adminKeys are the keys that may steer every stream.
func adminKeys(configured []config.Secret) keyring {
	keys := make(keyring, 0, len(configured))
	for _, k := range configured {
		keys = append(keys, streamKey{digest: sha256.Sum256([]byte(k))})
	}
	return keys
}

// check tells whether a key is known at all, and whether it is good for a stream. Every key is compared, each in
// constant time, so that the time taken says nothing.
func (k keyring) check(key, stream string) (known, allowed bool) {
	digest := sha256.Sum256([]byte(key))
	for _, candidate := range k {
		if subtle.ConstantTimeCompare(digest[:], candidate.digest[:]) == 1 {
			known = true
			allowed = allowed || stream == "" || candidate.stream == "" || candidate.stream == stream
		}
	}
	return known, allowed
}

// admit is check, but without any keys everybody is let in.
func (k keyring) admit(stream, key string) (known, allowed bool) {
	if len(k) == 0 {
		return true, true
	}
	return k.check(key, stream)
}

// allows tells whether a key is good for a stream; with no keys, every one is.
func (k keyring) allows(key, stream string) bool {
	_, allowed := k.admit(stream, key)
	return allowed
}

// require lets through requests that carry a key for the stream that streamOf finds in them (RFC 6750 §2.1); with no keys,
// all. Where streamOf finds none, any known key will do.
func (k keyring) require(next http.Handler, streamOf func(*http.Request) string) http.Handler {
	if len(k) == 0 {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if isPreflight(r) {
			next.ServeHTTP(w, r)
			return
		}
		known, allowed := k.check(bearer(r), streamOf(r))
		switch {
		case !known:
			w.Header().Set("WWW-Authenticate", `Bearer realm="sluice"`)
			problem.Write(w, http.StatusUnauthorized, "Send a stream key that this server knows as “Authorization: Bearer KEY”.")
		case !allowed:
			w.Header().Set("WWW-Authenticate", `Bearer realm="sluice", error="insufficient_scope"`)
			problem.Write(w, http.StatusForbidden, "This key is for another stream: use the key of this one.")
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// bearer is the token of the Authorization header, or "" (RFC 6750 §2.1; the scheme's case does not matter, RFC 9110 §11.1). A page
// that opens a WebSocket can set no header but the one of subprotocols.
func bearer(r *http.Request) string {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if strings.EqualFold(scheme, "Bearer") {
		return strings.TrimSpace(token)
	}
	return socketToken(r)
}

// socketTokenPrefix comes before a token, in base64url without padding, that is offered as a subprotocol (RFC 6455 §4.1).
const socketTokenPrefix = "bearer."

func socketToken(r *http.Request) string {
	if !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		return ""
	}
	for protocol := range strings.SplitSeq(strings.Join(r.Header.Values("Sec-WebSocket-Protocol"), ","), ",") {
		if encoded, ok := strings.CutPrefix(strings.TrimSpace(protocol), socketTokenPrefix); ok {
			token, _ := base64.RawURLEncoding.DecodeString(encoded) // what cannot be read is no key
			return string(token)
		}
	}
	return ""
}
