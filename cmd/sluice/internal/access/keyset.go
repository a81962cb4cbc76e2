package access

import (
	"context"
	"crypto"
	"crypto/sha256"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/MicahParks/keyfunc/v3"
	"github.com/golang-jwt/jwt/v5"
	"golang.org/x/sync/singleflight"

	"github.com/sluice-live/sluice/public/panics"
)

const (
	keysFor    = 5 * time.Minute  // a set is used so long, and longer while there is no newer one to be had
	keysPause  = 10 * time.Second // between attempts, however many tokens name a key that is not there
	keysWithin = 5 * time.Second  // for an answer
	maxKeySet  = 1 << 20          // bytes
)

// keySet are the public keys that tokens are signed with: of a URL, which rotates them, or of a file.
type keySet struct {
	source string // https://… of a JWKS, or the path of a JWKS or PEM file
	client *http.Client
	log    *slog.Logger
	flight singleflight.Group

	mu     sync.Mutex
	keys   lookup // nil before the first
	tried  time.Time
	loaded time.Time
	fault  error             // of the last attempt
	digest [sha256.Size]byte // of the text that was read last
}

// lookup finds the key of a token.
type lookup func(context.Context, *jwt.Token) (any, error)

func newKeySet(source string, log *slog.Logger) *keySet {
	return &keySet{source: source, log: log, client: boundedClient(keysWithin)}
}

// boundedClient follows no redirect and waits for nothing longer than that.
func boundedClient(within time.Duration) *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxConnsPerHost, transport.MaxIdleConnsPerHost, transport.MaxResponseHeaderBytes = 64, 64, 64<<10
	return &http.Client{
		Timeout: within, Transport: transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// of finds the key of a token. One that is not there may have come since: the set is then loaded again.
func (s *keySet) of(ctx context.Context, token *jwt.Token) (any, error) {
	keys, fresh := s.current(time.Now())
	if keys == nil || !fresh {
		keys = s.reload(ctx)
	}
	if keys == nil {
		return nil, refused(http.StatusServiceUnavailable, "The server cannot get the keys that tokens are signed with: try again in a moment.")
	}
	found, err := keys(ctx, token)
	if err == nil {
		return found, nil
	}
	if newer := s.reload(ctx); newer != nil {
		return newer(ctx, token)
	}
	return nil, err
}

func (s *keySet) current(now time.Time) (keys lookup, fresh bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.keys, now.Sub(s.loaded) < keysFor
}

// reload loads the keys, once for all who want that, and not more often than once in keysPause.
func (s *keySet) reload(ctx context.Context) lookup {
	s.mu.Lock()
	keys, resting := s.keys, time.Since(s.tried) < keysPause
	s.mu.Unlock()
	if resting {
		return keys
	}
	done := s.flight.DoChan("", func() (any, error) {
		return nil, panics.Contain(s.log, "the keys of tokens", s.load)
	})
	select {
	case <-done:
	case <-ctx.Done():
	}
	keys, _ = s.current(time.Now())
	return keys
}

func (s *keySet) load() {
	s.mu.Lock()
	resting := time.Since(s.tried) < keysPause
	s.mu.Unlock()
	if resting {
		return
	}
	keys, digest, err := s.read()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tried = time.Now()
	if err != nil && s.fault == nil {
		s.log.Warn("the keys of tokens cannot be read: those that are known stay in use", "from", s.source, "error", err)
	}
	if s.fault = err; err == nil {
		s.keys, s.loaded, s.digest = keys, s.tried, digest
	}
}

// read gets the set.
func (s *keySet) read() (keys lookup, digest [sha256.Size]byte, err error) {
	text, err := s.text()
	if err != nil {
		return nil, digest, err
	}
	keys, err = parseKeys(text)
	return keys, sha256.Sum256(text), err
}

// parseKeys reads a JWKS or a PEM file.
func parseKeys(text []byte) (lookup, error) {
	if block, _ := pem.Decode(text); block != nil {
		return keyOfPEM(text)
	}
	set, err := keyfunc.NewJWKSetJSON(text)
	if err != nil {
		return nil, fmt.Errorf("read the JWKS: %w", err)
	}
	return func(ctx context.Context, token *jwt.Token) (any, error) {
		if token.Header["kid"] == nil { // then any of the set will do
			return set.VerificationKeySet(ctx)
		}
		return set.KeyfuncCtx(ctx)(token)
	}, nil
}

// keyOfPEM reads one public key.
func keyOfPEM(text []byte) (lookup, error) {
	var key crypto.PublicKey
	var err error
	if key, err = jwt.ParseRSAPublicKeyFromPEM(text); err != nil {
		if key, err = jwt.ParseECPublicKeyFromPEM(text); err != nil {
			key, err = jwt.ParseEdPublicKeyFromPEM(text)
		}
	}
	if err != nil {
		return nil, errors.New("the PEM file has no public key of RSA, ECDSA or Ed25519")
	}
	return func(context.Context, *jwt.Token) (any, error) { return key, nil }, nil
}

func (s *keySet) isURL() bool {
	return strings.HasPrefix(s.source, "https://") || strings.HasPrefix(s.source, "http://")
}

// text reads what the source has.
func (s *keySet) text() ([]byte, error) {
	if !s.isURL() {
		file, err := os.Open(s.source)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		return bounded(file, maxKeySet)
	}
	response, err := s.client.Get(s.source)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the answer is %s", response.Status)
	}
	return bounded(response.Body, maxKeySet)
}

// bounded reads all there is, which must not be more than that.
func bounded(r io.Reader, most int64) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, most+1))
	if err == nil && int64(len(text)) > most {
		err = fmt.Errorf("it is longer than %d bytes", most)
	}
	return text, err
}
