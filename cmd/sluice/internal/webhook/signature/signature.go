// Package signature signs webhooks and checks their signatures as Standard Webhooks 1.0.0 says
// (https://github.com/standard-webhooks/standard-webhooks, spec/standard-webhooks.md, "Verifying webhook authenticity"): HMAC-SHA256 over
// id, time stamp and body, as v1 in the header webhook-signature. It has no asymmetric keys (v1a).
//
// It starts no goroutine.
package signature

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// Headers of a webhook.
const (
	HeaderID        = "webhook-id"
	HeaderTimestamp = "webhook-timestamp" // seconds since 1970, of the attempt
	HeaderSignature = "webhook-signature" // signatures, with a space between two
)

// Tolerance is how far the time of an attempt may be from the receiver's.
const Tolerance = 5 * time.Minute

const (
	prefix              = "whsec_"
	minKey, maxKey      = 24, 64 // bytes: 192 to 512 bits
	maxText             = 512    // bytes of a secret that is no base64
	version             = "v1"
	maxID, maxSignature = 256, 4 << 10 // bytes of headers
	maxSignatures       = 16           // of one webhook
)

// Why a webhook is not genuine.
var (
	ErrMissing = errors.New("it is not signed: the headers " + HeaderID + ", " + HeaderTimestamp + " and " + HeaderSignature + " are not all there")
	ErrTime    = fmt.Errorf("its time is more than %v from this machine's: see that both clocks are right", Tolerance)
	ErrWrong   = errors.New("its signature is wrong: see that sender and receiver have the same secret, and that nobody changes the body")
)

// Key is what webhooks are signed with.
type Key []byte

// NewSecret makes a secret.
func NewSecret() string {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // which never fails
	return prefix + base64.StdEncoding.EncodeToString(key)
}

// ParseKey reads a secret: whsec_ and base64, which is how libraries of Standard Webhooks take it, or any other text, which is the key as it
// stands. The error says how long a secret has to be, and nothing of what it is.
func ParseKey(secret string) (Key, error) {
	encoded, serialized := strings.CutPrefix(secret, prefix)
	if !serialized {
		if len(secret) < minKey || len(secret) > maxText || strings.ContainsFunc(secret, unicode.IsControl) {
			return nil, fmt.Errorf("is not %s and base64, nor a text of %d to %d bytes: write %s and what “openssl rand -base64 32” prints", prefix, minKey, maxText, prefix)
		}
		return Key(secret), nil
	}
	key, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(encoded, "="))
	if err != nil || len(key) < minKey || len(key) > maxKey {
		return nil, fmt.Errorf("has no base64 of %d to %d bytes behind %s: write there what “openssl rand -base64 32” prints", minKey, maxKey, prefix)
	}
	return key, nil
}

// Set signs a request of that body, as an attempt of that time.
func (k Key) Set(header http.Header, id string, at time.Time, body []byte) {
	seconds := strconv.FormatInt(at.Unix(), 10)
	header.Set(HeaderID, id)
	header.Set(HeaderTimestamp, seconds)
	header.Set(HeaderSignature, version+","+base64.StdEncoding.EncodeToString(k.sum(id, seconds, body)))
}

func (k Key) sum(id, seconds string, body []byte) []byte {
	mac := hmac.New(sha256.New, k)
	mac.Write([]byte(id + "." + seconds + "."))
	mac.Write(body)
	return mac.Sum(nil)
}

// Verify checks a request's headers against its body. The error is ErrMissing, ErrTime or ErrWrong.
func (k Key) Verify(header http.Header, body []byte, now time.Time) error {
	id, seconds, signed := header.Get(HeaderID), header.Get(HeaderTimestamp), header.Get(HeaderSignature)
	if id == "" || seconds == "" || signed == "" {
		return ErrMissing
	}
	if len(id) > maxID || len(signed) > maxSignature {
		return ErrWrong
	}
	at, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil {
		return ErrWrong
	}
	if tolerance := int64(Tolerance / time.Second); at < now.Unix()-tolerance || at > now.Unix()+tolerance {
		return ErrTime
	}
	sum := k.sum(id, seconds, body)
	for _, s := range parse(signed) {
		if hmac.Equal(s, sum) {
			return nil
		}
	}
	return ErrWrong
}

// parse reads the signatures of this version; there may be others beside them.
func parse(header string) (all [][]byte) {
	for one := range strings.FieldsSeq(header) {
		of, encoded, _ := strings.Cut(one, ",")
		s, err := base64.StdEncoding.DecodeString(encoded)
		if of != version || err != nil || len(s) != sha256.Size {
			continue
		}
		if all = append(all, s); len(all) == maxSignatures {
			break
		}
	}
	return all
}
