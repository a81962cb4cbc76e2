package access

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"log/slog"
	"net/http"
	"slices"
	"sync"

	"github.com/sluice-live/sluice/cmd/sluice/internal/config"
)

// rights are those of one configuration.
type rights struct {
	keys     map[Action]keys
	closed   map[Action]bool // by static keys
	tokens   *tokens         // nil: there are none
	callback *callback       // nil: nobody is asked
	links    links
	ring     *Ring      // nil: there is none
	macs     *sync.Pool // of hash.Hash, which make signatures
	auth     config.Auth
}

// newRights makes them. What the keys of tokens and the callback are asked for, they are asked when somebody wants to know.
func newRights(auth config.Auth, secret Secret, log *slog.Logger) *rights {
	g := &rights{keys: keysOf(auth), auth: auth, links: newLinks(secret.For("links"))}
	g.signWith(secret.For(pathsPurpose, auth))
	g.closed = map[Action]bool{
		Publish: len(auth.Publish) > 0, Admin: len(g.keys[Admin]) > 0, Metrics: len(g.keys[Metrics]) > 0,
		Watch: len(auth.Play) > 0, Record: len(auth.Play) > 0,
	}
	for _, action := range auth.Required {
		g.closed[Action(action)] = true
	}
	if auth.JWT.Keys != "" || auth.JWT.Secret != "" {
		var set *keySet
		if auth.JWT.Keys != "" {
			set = newKeySet(auth.JWT.Keys, log)
		}
		g.tokens = newTokens(auth, set)
	}
	if auth.Callback.URL != "" {
		g.callback = newCallback(auth.Callback, log)
	}
	return g
}

// signWith has addresses signed with a key.
func (g *rights) signWith(paths []byte) {
	g.macs = &sync.Pool{New: func() any { return hmac.New(sha256.New, paths) }}
}

// Open reports whether everybody may do that.
func (g *rights) Open(action Action) bool {
	return !g.closed[action] && !g.judged(action) && !g.asked(action)
}

// judged reports whether tokens are judged for the action. Who may publish a stream may steer it where nobody else administers.
func (g *rights) judged(action Action) bool {
	names := g.auth.JWT.Actions
	return g.tokens != nil && (has(names, action) || action == Admin && len(g.auth.Admin) == 0 && has(names, Publish))
}

// asked reports whether the callback is asked about the action.
func (g *rights) asked(action Action) bool {
	return g.callback != nil && has(g.auth.Callback.Actions, action)
}

func asError(refusal *RefusedError) error {
	if refusal == nil {
		return nil
	}
	return refusal
}

// has reports whether the action is one of those, all of them when there are none.
func has(names []string, action Action) bool {
	return len(names) == 0 || slices.Contains(names, string(action))
}

// May answers the question. An error is a *RefusedError. It waits for the callback, and for the keys of tokens, no longer than their time-outs
// and no longer than ctx.
func (g *rights) May(ctx context.Context, q Request) (Grant, error) {
	if g.Open(q.Action) {
		return Grant{}, nil
	}
	if g.links.have(q.Token) {
		grant, why := g.links.may(ctx, q)
		return grant, asError(why)
	}
	var refusal *RefusedError
	if keys := g.keys[q.Action]; q.Token != "" && len(keys) > 0 {
		switch known, allowed := keys.admit(q.Stream, q.Token); {
		case allowed:
			return Grant{}, nil
		case known:
			refusal = refused(http.StatusForbidden, "This key is for another stream: use the key of this one.")
		}
	}
	if refusal == nil && g.ring.have(q.Token) {
		grant, why := g.ring.may(q)
		return grant, asError(why)
	}
	if g.judged(q.Action) && q.Token != "" {
		grant, why := g.tokens.may(ctx, q)
		if why == nil {
			return grant, nil
		}
		refusal = heavier(refusal, why)
	}
	if g.asked(q.Action) && !q.Quick && (refusal == nil || refusal.Status != http.StatusForbidden) {
		grant, why := g.callback.may(ctx, q)
		if why == nil {
			return grant, nil
		}
		refusal = heavier(refusal, why)
	}
	if refusal == nil {
		refusal = refused(http.StatusUnauthorized, "Send a stream key that this server knows as “Authorization: Bearer KEY”.")
	}
	return Grant{}, refusal
}
