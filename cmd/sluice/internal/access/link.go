package access

import (
	"errors"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/sluice-live/sluice/cmd/sluice/internal/config"
)

// linkKey is the key id of tokens that the service makes itself.
const linkKey = "sluice"

// LongestLink is how long a token that the service makes may be good.
const LongestLink = 366 * 24 * time.Hour

// Link makes a token with which whoever has it may do something with a stream until then; for says whom it is for, for the log alone.
func (g *rights) Link(action Action, stream, who string, until time.Time) (string, error) {
	now := time.Now()
	switch {
	case action != Watch && action != Publish && action != Record:
		return "", errors.New("a link is to watch, to publish or to record")
	case !until.After(now) || until.Sub(now) > LongestLink:
		return "", errors.New("a link ends in the future, and within a year")
	}
	return g.links.sign(claims{
		RegisteredClaims: jwt.RegisteredClaims{Subject: who, IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(until)},
		Action:           list{string(action)}, Stream: list{stream},
	})
}

// links are the tokens that the service makes.
type links struct {
	*tokens
	head string // with which they begin
}

func newLinks(secret []byte) links {
	l := links{tokens: newTokens(config.Auth{JWT: config.JWT{Secret: config.Secret(secret)}, Admin: []config.Secret{"links do not steer"}}, nil)}
	token, _ := l.sign(claims{}) // a key of bytes can sign
	l.head, _, _ = strings.Cut(token, ".")
	return l
}

func (l links) sign(c claims) (string, error) {
	token := jwt.NewWithClaims(jwt.SigningMethodHS256, c)
	token.Header["kid"] = linkKey
	return token.SignedString(l.secret)
}

// have reports whether a token is one that the service has made, or looks so.
func (l links) have(token string) bool {
	rest, found := strings.CutPrefix(token, l.head)
	return found && strings.HasPrefix(rest, ".")
}
