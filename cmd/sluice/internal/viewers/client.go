package viewers

import (
	"crypto/rand"
	"crypto/sha256"
	"net/http"
	"net/netip"
	"time"

	"golang.org/x/time/rate"
)

const (
	// A client may tell of so many viewers and reports in a second, and so many at once. A proxy that Sluice does not know as one
	// (http.trusted-proxies) is one client.
	reportsEach, reportsBurst = 200, 2000
	// maxClients bounds those who are known. Those who have told nothing for a while are forgotten first.
	maxClients = 4096
	// maxAgent is how much of a User-Agent tells clients of one address apart, bytes.
	maxAgent = 160
)

// id is a hash.
type id [16]byte

// client is who has made a request, by hashes of today.
type client struct {
	address id
	viewer  id // with the User-Agent
}

// secret is what is hashed with.
type secret [32]byte

func newSecret() (s secret) {
	_, _ = rand.Read(s[:]) // which never fails
	return s
}

// clientOf hashes who has made a request. It does not allocate.
func (s *secret) clientOf(r *http.Request) client {
	var address [len(secret{}) + 16]byte
	copy(address[:], s[:])
	if from, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		ip := from.Addr().As16()
		copy(address[len(secret{}):], ip[:])
	}
	hash := sha256.Sum256(address[:])
	var viewer [sha256.Size + maxAgent]byte
	n := copy(viewer[:], hash[:])
	if agent := r.Header["User-Agent"]; len(agent) > 0 {
		n += copy(viewer[n:], agent[0])
	}
	both := sha256.Sum256(viewer[:n])
	return client{address: id(hash[:16]), viewer: id(both[:16])}
}

// of hashes the name of a session.
func (s *secret) of(text string) id {
	hash := sha256.Sum256(append(s[:len(s):len(s)], text...))
	return id(hash[:16])
}

// clients are the limits of who tells.
type clients map[id]*rate.Limiter

// allow reports whether a client may tell so much more.
func (c clients) allow(client id, n int, now time.Time) bool {
	limit := c[client]
	if limit == nil {
		c.forget(now)
		limit = rate.NewLimiter(reportsEach, reportsBurst)
		c[client] = limit
	}
	return limit.AllowN(now, n)
}

// forget makes room for other clients when there are too many: of all who may tell as if they were new, and if need be of anybody, an eighth
// of them at once.
func (c clients) forget(now time.Time) {
	if len(c) < maxClients {
		return
	}
	for client, limit := range c {
		if limit.TokensAt(now) >= reportsBurst {
			delete(c, client)
		}
	}
	for client := range c {
		if len(c) < maxClients*7/8 {
			return
		}
		delete(c, client)
	}
}
