// Package access answers who may do what: which token is good for which stream or room. It knows the static keys of the
// configuration, and how a request carries a token (RFC 6750); what becomes of a request that has none is said by its handler.
//
// It starts no goroutine.
package access

import (
	"crypto/sha256"
	"crypto/subtle"

	"github.com/sluice-live/sluice/cmd/sluice/internal/config"
)

// EveryStream stands for all streams together in a question: a key for one of them is not enough. No stream is called so.
const EveryStream = "*"

// Keys are static keys, each for one stream or for all. Without any, everybody may do everything.
type Keys []key

type key struct {
	stream string // "" means every stream
	digest [sha256.Size]byte
}

// Publishers returns the keys that may publish.
func Publishers(configured []config.StreamKey) Keys {
	keys := make(Keys, 0, len(configured))
	for _, k := range configured {
		keys = append(keys, key{k.Stream, sha256.Sum256([]byte(k.Key))})
	}
	return keys
}

// Admins returns the keys that may steer streams: those of administrators, for every stream, or where there are none, those of
// publishers, each for its own: who may publish a stream may end it.
func Admins(configured config.Auth) Keys {
	if len(configured.Admin) == 0 {
		return Publishers(configured.Publish)
	}
	keys := make(Keys, 0, len(configured.Admin))
	for _, secret := range configured.Admin {
		keys = append(keys, key{digest: sha256.Sum256([]byte(secret))})
	}
	return keys
}

// Open reports whether everybody is let in.
func (k Keys) Open() bool { return len(k) == 0 }

// Admit reports whether a token is known at all, and whether it is good for a stream; for "" any known token is.
func (k Keys) Admit(stream, token string) (known, allowed bool) {
	if k.Open() {
		return true, true
	}
	return k.check(stream, token)
}

// Allows reports whether a token is good for a stream.
func (k Keys) Allows(stream, token string) bool {
	_, allowed := k.Admit(stream, token)
	return allowed
}

// check compares every key, each in constant time, so that the time taken says nothing.
func (k Keys) check(stream, token string) (known, allowed bool) {
	digest := sha256.Sum256([]byte(token))
	for _, candidate := range k {
		if subtle.ConstantTimeCompare(digest[:], candidate.digest[:]) == 1 {
			known = true
			allowed = allowed || stream == "" || candidate.stream == "" || candidate.stream == stream
		}
	}
	return known, allowed
}
