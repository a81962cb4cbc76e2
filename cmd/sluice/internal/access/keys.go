package access

import (
	"crypto/sha256"
	"crypto/subtle"

	"github.com/sluice-live/sluice/cmd/sluice/internal/config"
)

// keys are static keys, each for one stream or for all.
type keys []key

type key struct {
	stream string // "" means every stream
	digest [sha256.Size]byte
}

// newKeys are keys for their streams, and others for every stream.
func newKeys(ofStreams []config.StreamKey, ofAll ...config.Secret) keys {
	all := make(keys, 0, len(ofStreams)+len(ofAll))
	for _, k := range ofStreams {
		all = append(all, key{k.Stream, sha256.Sum256([]byte(k.Key))})
	}
	for _, secret := range ofAll {
		all = append(all, key{digest: sha256.Sum256([]byte(secret))})
	}
	return all
}

// keysOf are the keys that are good for each action. Where nobody administers, streams are steered with the keys that publish them.
func keysOf(auth config.Auth) map[Action]keys {
	steer := newKeys(nil, auth.Admin...)
	if len(steer) == 0 {
		steer = newKeys(auth.Publish)
	}
	return map[Action]keys{
		Publish: newKeys(auth.Publish), Admin: steer, Metrics: steer,
		Watch:  newKeys(append(auth.Play[:len(auth.Play):len(auth.Play)], auth.Publish...), auth.Admin...),
		Record: newKeys(auth.Publish, auth.Admin...),
	}
}

// admit reports whether a token is known at all, and whether it is good for a stream; for "" any known token is. Every key is compared, each in
// constant time, so that the time taken says nothing.
func (k keys) admit(stream, token string) (known, allowed bool) {
	if len(k) == 0 {
		return false, false
	}
	digest := sha256.Sum256([]byte(token))
	for i := range k {
		if subtle.ConstantTimeCompare(digest[:], k[i].digest[:]) == 1 {
			known = true
			allowed = allowed || stream == "" || k[i].stream == "" || k[i].stream == stream
		}
	}
	return known, allowed
}
