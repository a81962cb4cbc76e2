package viewers

import (
	"crypto/rand"
	"crypto/sha256"
	"net/http"
	"net/netip"
)

const (
	// A client may tell of so many viewers and reports in a second, and so many at once. A proxy that Sluice does not know as one
	// (http.trusted-proxies) is one client.
	reportsEach, reportsBurst = 200, 2000
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
