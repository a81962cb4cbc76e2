// Package hop signs what a relay tells its origin of the client behind a request, and reads it there. Both have a secret in common. Of
// nobody else the header means anything; one that is not good is refused rather than overlooked, so that a wrong secret or clock is seen.
//
// It starts no goroutine. The signature is HMAC-SHA256 (RFC 2104).
package hop

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Header is where a claim stands in a request.
const Header = "Sluice-Hop"

const (
	// tolerance is how far the clocks of a relay and its origin may be apart, with the way between them.
	tolerance = time.Minute
	longest   = 4 << 10 // bytes of a claim
	// remembered bounds the claims that are known to have been used; in two minutes; of more, who wants to change something is to come again.
	remembered = 100_000
)

// Claim is what a relay, or a node of a cluster, says of a request.
type Claim struct {
	Client string // address, and port where that is known; empty: the relay itself asks, for all who wait
	Host   string // that the client has asked
	Scheme string // by which it has: http or https
	Prefix string // below which it sees the service; see package prefix
}

// Errors of Read.
var (
	ErrBad   = errors.New("the header Sluice-Hop is not signed with the relay.secret or cluster.secret of this server: relays and their origin, and all nodes, need the same")
	ErrOld   = errors.New("the header Sluice-Hop is of another time: set the clocks of the relay and of this server")
	ErrTwice = errors.New("the header Sluice-Hop has been used before")
	ErrBusy  = errors.New("too many requests of relays have to be remembered: ask again in a moment")
)

// Key signs and reads claims. It may be used by many goroutines.
type Key struct {
	key []byte

	mu      sync.Mutex
	used    [2]map[string]bool // claims of what has changed something: the newer ones, and those before
	rotated time.Time
}

// New makes a key of the secret that relays and their origin have in common.
func New(secret string) *Key {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte("hop"))
	return &Key{key: mac.Sum(nil), used: [2]map[string]bool{{}, {}}}
}

// Sign puts a claim into the header of a request for a path, as the origin sees it below whatever prefix, with the escapes that it is sent with.
func (k *Key) Sign(h http.Header, method, path string, c Claim) {
	payload := url.Values{
		"for": {c.Client}, "host": {c.Host}, "scheme": {c.Scheme}, "prefix": {c.Prefix},
		"at": {strconv.FormatInt(time.Now().UnixMilli(), 10)}, "id": {rand.Text()},
	}.Encode()
	encoding := base64.RawURLEncoding
	h.Set(Header, encoding.EncodeToString([]byte(payload))+"."+encoding.EncodeToString(k.mac(payload, method, path)))
}

func (k *Key) mac(payload, method, path string) []byte {
	mac := hmac.New(sha256.New, k.key)
	mac.Write([]byte(payload + "\n" + method + "\n" + path))
	return mac.Sum(nil)
}

// Read reads the claim of a request. One for a request that may change something is good once.
func (k *Key) Read(h http.Header, method, path string) (Claim, error) {
	values := h[Header]
	if len(values) != 1 || len(values[0]) > longest {
		return Claim{}, ErrBad
	}
	first, second, _ := strings.Cut(values[0], ".")
	payload, err := base64.RawURLEncoding.DecodeString(first)
	mac, err2 := base64.RawURLEncoding.DecodeString(second)
	if err != nil || err2 != nil || !hmac.Equal(mac, k.mac(string(payload), method, path)) {
		return Claim{}, ErrBad
	}
	said, err := url.ParseQuery(string(payload))
	at, err2 := strconv.ParseInt(said.Get("at"), 10, 64)
	if err != nil || err2 != nil {
		return Claim{}, ErrBad
	}
	now := time.Now()
	if age := now.Sub(time.UnixMilli(at)); age > tolerance || age < -tolerance {
		return Claim{}, ErrOld
	}
	if method != http.MethodGet && method != http.MethodHead && method != http.MethodOptions {
		if err := k.use(said.Get("id"), now); err != nil {
			return Claim{}, err
		}
	}
	return Claim{Client: said.Get("for"), Host: said.Get("host"), Scheme: said.Get("scheme"), Prefix: said.Get("prefix")}, nil
}

// use remembers a claim for as long as it would be good.
func (k *Key) use(id string, now time.Time) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if now.Sub(k.rotated) > 2*tolerance {
		k.used, k.rotated = [2]map[string]bool{{}, k.used[0]}, now
	}
	switch {
	case k.used[0][id] || k.used[1][id]:
		return ErrTwice
	case len(k.used[0]) >= remembered:
		return ErrBusy
	}
	k.used[0][id] = true
	return nil
}
