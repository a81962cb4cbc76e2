package access

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sluice-live/sluice/cmd/sluice/internal/config"
)

// Gate knows who may do what, by the rights that are configured, which may be others while it is in use. It may be used by many goroutines.
type Gate struct {
	rights atomic.Pointer[rights]
	secret Secret
	log    *slog.Logger
	change sync.Mutex // of the rights: one at a time
	fixed  bool       // addresses are signed with the same key for ever

	mu   sync.Mutex
	held map[*held]struct{}
}

// held is something that lasts for as long as its right.
type held struct {
	question Request
	end      func()
}

// New makes a Gate of what is configured, which signs with keys made of the secret.
func New(auth config.Auth, secret Secret, log *slog.Logger) *Gate {
	g := &Gate{secret: secret, log: log, held: map[*held]struct{}{}}
	g.rights.Store(newRights(auth, secret, log))
	return g
}

// Open reports whether everybody may do that. It is the same for as long as the Gate is there.
func (g *Gate) Open(action Action) bool { return g.rights.Load().Open(action) }

// May answers the question. An error is a *RefusedError. It waits for the callback, and for the keys of tokens, no longer than their time-outs
// and no longer than ctx.
func (g *Gate) May(ctx context.Context, q Request) (Grant, error) {
	by := g.rights.Load()
	grant, err := by.May(ctx, q)
	grant.by = by
	return grant, err
}

// Sign makes the signature for a right to watch the stream that ends at that time; zero is without an end.
func (g *Gate) Sign(stream string, until time.Time) string {
	return g.rights.Load().Sign(stream, until)
}

// Check reports whether a signature is good for the stream now. The error is a *RefusedError.
func (g *Gate) Check(stream, signature string) error { return g.rights.Load().Check(stream, signature) }

// Link makes a token with which whoever has it may do something with a stream until then; for says whom it is for, for the log alone.
func (g *Gate) Link(action Action, stream, who string, until time.Time) (string, error) {
	return g.rights.Load().Link(action, stream, who, until)
}

// Hold has something that lasts end when the right to it is taken away, which was granted as the answer to the question. release is called when it
// has ended by itself.
func (g *Gate) Hold(q Request, grant Grant, end func()) (release func()) {
	h := &held{q, end}
	g.mu.Lock()
	g.held[h] = struct{}{}
	g.mu.Unlock()
	if now := g.rights.Load(); grant.by != nil && grant.by != now { // they have been replaced since
		h.judge(context.Background(), now)
	}
	return func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		delete(g.held, h)
	}
}

// Holding is Hold of a grant, for who has yet to say what is to end.
func (g *Gate) Holding(q Request, grant Grant) func(end func()) (release func()) {
	return func(end func()) func() { return g.Hold(q, grant, end) }
}

// judge ends what is held unless the rights are good for it, and reports whether it has. Where nobody can say, it goes on.
func (h *held) judge(ctx context.Context, by *rights) bool {
	_, err := by.May(ctx, h.question)
	refused := (*RefusedError)(nil)
	if !errors.As(err, &refused) || refused.Status >= 500 {
		return false
	}
	h.end()
	return true
}

// Actions for which it is decided at the start whether they take a right.
var decided = []Action{Publish, Watch, Record, Admin, Metrics}

// Replace puts others in the place of the rights, and ends what lasts and has none any more. Who signs addresses goes on with the same key while nobody
// has lost a right to watch. An error says why the old ones stay: the new ones would open or close what is decided at the start, or the file of the keys
// of tokens cannot be read.
func (g *Gate) Replace(ctx context.Context, auth config.Auth) (ended int, err error) {
	g.change.Lock()
	defer g.change.Unlock()
	old, fresh := g.rights.Load(), newRights(auth, g.secret, g.log)
	for _, action := range decided {
		if old.Open(action) != fresh.Open(action) {
			return 0, &RestartError{action}
		}
	}
	fresh.ring = old.ring
	g.sign(fresh)
	fresh.takeOver(old)
	if err := fresh.prepare(); err != nil {
		return 0, err
	}
	if fresh.keepsViewersOf(old) {
		fresh.macs = old.macs
	}
	g.rights.Store(fresh)
	return g.judgeAll(ctx, fresh), nil
}

// judgeAll ends what lasts and has no right any more.
func (g *Gate) judgeAll(ctx context.Context, by *rights) (ended int) {
	g.mu.Lock()
	var all []*held
	for h := range g.held {
		all = append(all, h)
	}
	g.mu.Unlock()
	for _, h := range all {
		if h.judge(ctx, by) {
			ended++
		}
	}
	return ended
}

// RestartError says that rights cannot be replaced while the service runs.
type RestartError struct{ Action Action }

// Error implements error.
func (e *RestartError) Error() string {
	return "whether a key is needed to " + string(e.Action) + " is decided at the start"
}

// prepare reads the file of the keys of tokens, where there is one.
func (g *rights) prepare() error {
	if g.tokens == nil || g.tokens.keys == nil || g.tokens.keys.isURL() {
		return nil
	}
	g.tokens.keys.load()
	return g.tokens.keys.fault
}

// takeOver goes on with what old rights have asked for already where others would ask the same.
func (g *rights) takeOver(old *rights) {
	a, b := old.auth.Callback, g.auth.Callback
	if g.callback != nil && old.callback != nil && a.URL == b.URL && a.Timeout == b.Timeout && slices.Equal(a.Actions, b.Actions) {
		g.callback = old.callback
	}
	if g.tokens != nil && old.tokens != nil && old.tokens.keys != nil && old.tokens.keys.isURL() && old.auth.JWT.Keys == g.auth.JWT.Keys {
		g.tokens.keys = old.tokens.keys
	}
}

// CheckKeys reports what is wrong with the file of the keys of tokens (auth.jwt); a URL is not asked.
func CheckKeys(auth config.Auth) error {
	return newRights(auth, Secret{}, slog.New(slog.DiscardHandler)).prepare()
}

// keepsViewersOf reports whether everybody may watch what they might watch before.
func (g *rights) keepsViewersOf(old *rights) bool {
	a, b := old.auth, g.auth
	return containsAll(b.Play, a.Play) && containsAll(b.Publish, a.Publish) && containsAll(b.Admin, a.Admin) &&
		a.Callback.URL == b.Callback.URL && a.JWT.Keys == b.JWT.Keys && a.JWT.Secret == b.JWT.Secret && slices.Equal(a.JWT.AlgorithmNames(), b.JWT.AlgorithmNames()) &&
		a.JWT.Audience == b.JWT.Audience && a.JWT.Issuer == b.JWT.Issuer && g.tokens.sameFile(old.tokens)
}

// sameFile reports whether both have read the same keys, as far as they have read any.
func (t *tokens) sameFile(old *tokens) bool {
	if t == nil || old == nil || t.keys == nil || old.keys == nil || t.keys.isURL() {
		return true
	}
	old.keys.mu.Lock()
	defer old.keys.mu.Unlock()
	return old.keys.keys == nil || old.keys.digest == t.keys.digest
}

func containsAll[T comparable](all, some []T) bool {
	return !slices.ContainsFunc(some, func(one T) bool { return !slices.Contains(all, one) })
}
