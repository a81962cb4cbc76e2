package origin

import (
	"context"
	"net/http"
	"strings"
	"sync"
)

// Who may watch is decided before a request comes here. Where not everybody may, manifests have a second name with a signature in it, which
// stands for the right to read them: 720p~SIGNATURE.m3u8. What is answered to a viewer who has shown a right of his own names the others by
// that, and is for him alone; what is answered under such a name is the same for all who have it, so that caches can keep it. Segments and
// parts have names that cannot be guessed, and need none.

// signatureMark stands between the name of a manifest and the signature. No rendition's name has it.
const signatureMark = "~"

// maxSigned is how many documents are kept of each kind, for as many signatures.
const maxSigned = 256

// viewer is what is known of who asks.
type viewer struct {
	signature string // with its mark; "": everybody may watch
	base      string // of a recording's files for such a viewer: an address with a slash at its end
	private   bool
}

type viewerKey struct{}

// Signed returns the request as one whose answer names manifests with that signature. A private answer is for its client alone.
func Signed(r *http.Request, signature string, private bool) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), viewerKey{}, viewer{signature: signatureMark + signature, private: private}))
}

// SignedBelow is Signed for a recording, all files of which are below the signed address base.
func SignedBelow(r *http.Request, base string) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), viewerKey{}, viewer{base: base, private: true}))
}

func viewerOf(r *http.Request) viewer {
	v, _ := r.Context().Value(viewerKey{}).(viewer)
	return v
}

// CutSignature takes the name of a manifest apart; signature is empty where there is none.
func CutSignature(file string) (plain, signature string) {
	before, rest, signed := strings.Cut(file, signatureMark)
	signature, extension, ok := strings.Cut(rest, ".")
	if !signed || !ok {
		return file, ""
	}
	return before + "." + extension, signature
}

// sign puts the signature into the name of a manifest.
func (v viewer) sign(file string) string {
	stem, extension, _ := strings.Cut(file, ".")
	return stem + v.signature + "." + extension
}

// caching is the Cache-Control of an answer to the viewer that would be that for all.
func (v viewer) caching(o *Origin, forAll []string) []string {
	if v.private {
		return o.privateCC
	}
	return forAll
}

// signed keeps what has been made for signatures.
type signed[T any] struct {
	mu   sync.Mutex
	made map[string]T
}

// of returns what there is for a signature, which is made for whoever asks first. Signatures are good ones, of which there are few at a time.
func (s *signed[T]) of(signature string, begin func() T) T {
	s.mu.Lock()
	defer s.mu.Unlock()
	one, ok := s.made[signature]
	if !ok {
		if s.made == nil || len(s.made) >= maxSigned {
			s.made = map[string]T{}
		}
		one = begin()
		s.made[signature] = one
	}
	return one
}

// forViewer is the playlist as it names others to the viewer.
func (p *playlist) forViewer(s *Stream, v viewer) *playlist {
	if v.signature == "" {
		return p
	}
	return p.editions.of(v.signature, func() *playlist {
		own := *p
		own.signature = v.signature
		s.write(&own)
		return &own
	})
}
