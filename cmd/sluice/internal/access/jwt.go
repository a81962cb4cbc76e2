package access

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/sluice-live/sluice/cmd/sluice/internal/config"
	"github.com/sluice-live/sluice/public/name"
)

const (
	maxToken      = 8 << 10          // bytes
	verifiedFor   = 30 * time.Second // a token that was good is taken for good, whatever has become of its key since
	maxClaimItems = 64               // of a list in a claim
)

// tokens are the source of rights that judges JSON Web Tokens.
type tokens struct {
	parser   *jwt.Parser
	keys     *keySet // nil: there is only the secret
	secret   []byte  // of HMAC; nil: there is none
	leeway   time.Duration
	steers   bool // who may publish a stream may steer it
	verified cache[[sha256.Size]byte, verified]
}

// verified is a token that was good.
type verified struct {
	claims *claims
	at     time.Time
}

// claims are what a token says.
type claims struct {
	jwt.RegisteredClaims
	Action list `json:"action"` // names of actions, or *
	Stream list `json:"stream"` // names of streams, or beginnings of them before a *
}

// list is one word, or several.
type list []string

// UnmarshalJSON takes "a" and ["a", "b"].
func (l *list) UnmarshalJSON(text []byte) error {
	var one string
	if json.Unmarshal(text, &one) == nil {
		*l = list{one}
		return nil
	}
	var several []string
	if err := json.Unmarshal(text, &several); err != nil {
		return errors.New("it is neither a word nor a list of words")
	}
	if len(several) > maxClaimItems {
		return errors.New("the list is too long")
	}
	*l = several
	return nil
}

func newTokens(auth config.Auth, keys *keySet) *tokens {
	options := []jwt.ParserOption{
		jwt.WithValidMethods(auth.JWT.AlgorithmNames()), // RFC 8725 §3.1
		jwt.WithLeeway(auth.JWT.Leeway), jwt.WithExpirationRequired(),
	}
	if auth.JWT.Audience != "" {
		options = append(options, jwt.WithAudience(auth.JWT.Audience))
	}
	if auth.JWT.Issuer != "" {
		options = append(options, jwt.WithIssuer(auth.JWT.Issuer))
	}
	t := &tokens{parser: jwt.NewParser(options...), keys: keys, leeway: auth.JWT.Leeway, steers: len(auth.Admin) == 0}
	if auth.JWT.Secret != "" {
		t.secret = []byte(auth.JWT.Secret)
	}
	return t
}

// may judges a token. What cannot be one is not known here.
func (t *tokens) may(ctx context.Context, q Request) (Grant, *RefusedError) {
	if strings.Count(q.Token, ".") != 2 {
		return Grant{}, refused(http.StatusUnauthorized, "Send a token that this server knows as “Authorization: Bearer TOKEN”.")
	}
	c, refusal := t.verify(ctx, q.Token)
	switch {
	case refusal != nil:
		return Grant{}, refusal
	case !c.allows(q.Action, t.steers):
		return Grant{}, refused(http.StatusForbidden, "This token is not for that: its claim “action” has to name %q.", q.Action)
	case !c.names(q.Stream):
		return Grant{}, refused(http.StatusForbidden, "This token is for another stream: its claim “stream” has to name this one.")
	}
	return Grant{Until: c.ExpiresAt.Add(t.leeway)}, nil
}

// verify returns the claims of a good token.
func (t *tokens) verify(ctx context.Context, token string) (*claims, *RefusedError) {
	if len(token) > maxToken {
		return nil, refused(http.StatusUnauthorized, "The token is longer than %d bytes: use a shorter one.", maxToken)
	}
	digest, now := sha256.Sum256([]byte(token)), time.Now()
	if v, ok := t.verified.get(digest); ok && now.Sub(v.at) < verifiedFor && now.Before(v.claims.ExpiresAt.Add(t.leeway)) {
		return v.claims, nil
	}
	c := &claims{}
	_, err := t.parser.ParseWithClaims(token, c, func(token *jwt.Token) (any, error) { return t.keyOf(ctx, token) })
	if err != nil {
		return nil, refusalOf(err)
	}
	t.verified.set(digest, verified{c, now})
	return c, nil
}

// keyOf finds the key that a token has to be signed with.
func (t *tokens) keyOf(ctx context.Context, token *jwt.Token) (any, error) {
	_, symmetric := token.Method.(*jwt.SigningMethodHMAC)
	switch {
	case symmetric && t.secret != nil:
		return t.secret, nil
	case t.keys == nil:
		return nil, errors.New("there is no key for this algorithm")
	}
	return t.keys.of(ctx, token)
}

// refusalOf says what is wrong with a token, and nothing of its content.
func refusalOf(err error) *RefusedError {
	unavailable := (*RefusedError)(nil)
	if errors.As(err, &unavailable) {
		return unavailable
	}
	reason := "it cannot be read"
	for _, known := range []struct {
		err    error
		reason string
	}{
		{jwt.ErrTokenExpired, "it has expired"}, {jwt.ErrTokenNotValidYet, "it is not valid yet"},
		{jwt.ErrTokenUsedBeforeIssued, "it is from the future"}, {jwt.ErrTokenInvalidAudience, "it is for another audience"},
		{jwt.ErrTokenInvalidIssuer, "it is from another issuer"}, {jwt.ErrTokenRequiredClaimMissing, "a claim is missing, such as “exp”"},
		{jwt.ErrTokenSignatureInvalid, "its signature or its algorithm is not the right one"}, {jwt.ErrTokenUnverifiable, "it is signed with a key that this server does not know"},
	} {
		if errors.Is(err, known.err) {
			reason = known.reason
			break
		}
	}
	return refused(http.StatusUnauthorized, "The token is not good: %s. Get another one.", reason)
}

// allows reports whether the token is for the action.
func (c *claims) allows(wanted Action, steers bool) bool {
	return slices.ContainsFunc(c.Action, func(word string) bool {
		named := Action(word)
		return word == "*" || named.covers(wanted) || steers && named == Publish && wanted == Admin
	})
}

// names reports whether the token is for the stream; for "" it is when it names any.
func (c *claims) names(stream string) bool {
	return slices.ContainsFunc(c.Stream, func(pattern string) bool { return stream == "" || matches(pattern, stream) })
}

// matches compares a stream with a name, or with the beginning of names before a *. Only * alone means every stream.
func matches(pattern, stream string) bool {
	return pattern == "*" || stream != EveryStream && name.Matches(pattern, stream)
}
