package access

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/sluice-live/sluice/cmd/sluice/internal/config"
)

// A signature stands for the right to watch one stream until a time: END-MAC, of which END is that time in seconds since 1970 in base 36, and MAC
// an HMAC-SHA256 cut to 128 bits. It is the same for all whose rights end in the same interval, so that a cache keeps one copy for them.

const (
	pathsPurpose = "paths"

	macBytes   = 16
	dayOfPaths = 24 * time.Hour // signatures of rights without an end are good for one to two of these
)

// Secret is the service's own, of which all keys that it signs with are made.
type Secret [32]byte

// LoadSecret reads the secret in a file, which is made where there is none.
func LoadSecret(path string) (secret Secret, err error) {
	text, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		rand.Read(secret[:]) // it never fails
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			return secret, err
		}
		return secret, os.WriteFile(path, secret[:], 0o600)
	case err != nil:
		return secret, err
	case len(text) != len(secret):
		return secret, fmt.Errorf("%s has %d bytes and not %d: delete it, and it is made anew", path, len(text), len(secret))
	}
	copy(secret[:], text)
	return secret, nil
}

// SecretOf is the secret that services have in common, of a text that they are configured with.
func SecretOf(text string) Secret { return sha256.Sum256([]byte("sluice " + text)) }

// For is the key for a purpose. Where it depends on who has rights, it is another key when others are configured.
func (s Secret) For(purpose string, rights ...config.Auth) []byte {
	mac := hmac.New(sha256.New, s[:])
	fmt.Fprintf(mac, "%q", purpose)
	for _, auth := range rights {
		for _, k := range auth.Play {
			fmt.Fprintf(mac, "%q=%q", k.Stream, string(k.Key))
		}
		fmt.Fprintf(mac, "%q %q %q", auth.JWT.Keys, string(auth.JWT.Secret), auth.Callback.URL)
	}
	return mac.Sum(nil)
}

// Sign makes the signature for a right to watch the stream that ends at that time; zero is without an end.
func (g *rights) Sign(stream string, until time.Time) string {
	end := strconv.FormatInt(g.endOf(until, time.Now()).Unix(), 36)
	return end + "-" + g.mac(stream, end)
}

// endOf is the end of the interval in which a right ends: intervals are no longer than a twelfth of what is left of it.
func (g *rights) endOf(until, now time.Time) time.Time {
	last := now.Truncate(dayOfPaths).Add(2 * dayOfPaths)
	if until.IsZero() || until.After(last) {
		return last
	}
	interval := time.Second
	for _, longer := range []time.Duration{10 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour} {
		if longer <= g.auth.Interval && longer <= until.Sub(now)/12 {
			interval = longer
		}
	}
	return until.Add(interval - 1).Truncate(interval)
}

// Check reports whether a signature is good for the stream now. The error is a *RefusedError.
func (g *rights) Check(stream, signature string) error {
	if len(signature) > 64 {
		return badSignature()
	}
	for i := range len(signature) {
		if signature[i] != '-' {
			continue
		}
		end, mac := signature[:i], signature[i+1:]
		seconds, err := strconv.ParseInt(end, 36, 64)
		if err != nil || !hmac.Equal([]byte(mac), []byte(g.mac(stream, end))) {
			return badSignature()
		}
		if time.Now().Unix() >= seconds {
			return refused(http.StatusForbidden, "The right to watch this stream has ended: open it again with a token that is good.")
		}
		return nil
	}
	return badSignature()
}

func badSignature() error {
	return refused(http.StatusForbidden, "This address is not good, or not any more: open the stream again with a token.")
}

func (g *rights) mac(stream, end string) string {
	mac := g.macs.Get().(hash.Hash)
	defer g.macs.Put(mac)
	mac.Reset()
	text := make([]byte, 0, 128)
	text = binary.BigEndian.AppendUint64(text, uint64(len(stream)))
	text = append(append(text, stream...), end...)
	mac.Write(text)
	return base64.RawURLEncoding.EncodeToString(mac.Sum(text[:0])[:macBytes])
}
