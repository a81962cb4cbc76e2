package config

import (
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/sluice-live/sluice/public/name"
)

// Auth says who may do what: static keys, tokens and a callback. What none of them is for, everybody may do.
type Auth struct {
	Publish  []StreamKey
	Play     []StreamKey
	Admin    []Secret
	Required []string // actions that take a right though nothing here may give it: keys are made while the service runs
	JWT      JWT
	Callback Callback
	Interval time.Duration // viewers whose rights end within one share the addresses of manifests
}

// JWT says which JSON Web Tokens are good.
type JWT struct {
	Keys       string   // URL of a JWKS, or path of a JWKS or PEM file; empty: none are
	Secret     Secret   // of those signed by HMAC; empty: none are
	Algorithms []string // that they may be signed by, in lower case; empty: those that are usual for the kind of key
	Audience   string   // that they have to name; empty: any
	Issuer     string   // that they have to be from; empty: any
	Leeway     time.Duration
	Actions    []string // that they are judged for; empty: all
}

// Callback is who is asked.
type Callback struct {
	URL     string // empty: nobody
	Timeout time.Duration
	Actions []string // that it is asked about
}

// judges reports whether tokens are judged for an action.
func (j JWT) judges(action string) bool {
	return (j.Keys != "" || j.Secret != "") && (len(j.Actions) == 0 || slices.Contains(j.Actions, action))
}

// asks reports whether it is asked about an action.
func (c Callback) asks(action string) bool { return c.URL != "" && slices.Contains(c.Actions, action) }

// PublishNeedsKey reports whether it takes a right to publish.
func (a Auth) PublishNeedsKey() bool {
	return len(a.Publish) > 0 || slices.Contains(a.Required, "publish") || a.JWT.judges("publish") || a.Callback.asks("publish")
}

// AlgorithmNames are those that tokens may be signed by (RFC 7518 §3.1, RFC 8037 §3.1).
func (j JWT) AlgorithmNames() []string {
	var names []string
	for _, name := range algorithms() {
		if slices.Contains(j.Algorithms, strings.ToLower(name)) {
			names = append(names, name)
		}
	}
	if len(j.Algorithms) > 0 {
		return names
	}
	if j.Secret != "" {
		names = append(names, "HS256")
	}
	if j.Keys != "" {
		names = append(names, "EdDSA", "ES256", "RS256")
	}
	return names
}

// algorithms are what a JWT may be signed by.
func algorithms() []string {
	return []string{"EdDSA", "ES256", "ES384", "ES512", "PS256", "PS384", "PS512", "RS256", "RS384", "RS512", "HS256", "HS384", "HS512"}
}

// actions are what rights are for.
func actions() []string { return []string{"publish", "watch", "record", "admin", "metrics"} }

func (c Config) checkUnlisted(check *checker) {
	for _, pattern := range c.Unlisted {
		check.want(name.ValidPattern(pattern), "unlisted", "%q is not a name, or the beginning of names before a *: names are %s", pattern, name.Rule)
	}
}

func (a Auth) check(check *checker) {
	for key, keys := range map[string][]StreamKey{"auth.publish": a.Publish, "auth.play": a.Play} {
		for _, k := range keys {
			checkKey(check, key, k.Key)
			check.want(k.Stream == "" || name.Valid(k.Stream), key, "stream %q: the name must be %s", k.Stream, name.Rule)
		}
	}
	for _, k := range a.Admin {
		checkKey(check, "auth.admin", k)
	}
	for _, action := range a.Required {
		check.want(slices.Contains([]string{"publish", "watch", "record"}, action), "auth.required", "%q is none of publish, watch and record", action)
	}
	checkRange(check, "auth.interval", a.Interval, time.Second, time.Hour, FormatDuration)
	a.JWT.check(check)
	a.Callback.check(check)
}

func (j JWT) check(check *checker) {
	for _, name := range j.Algorithms {
		known := slices.ContainsFunc(algorithms(), func(a string) bool { return strings.EqualFold(a, name) })
		check.want(known, "auth.jwt-algorithms", "%q is none of %s", name, strings.Join(algorithms(), ", "))
		symmetric := strings.HasPrefix(name, "hs")
		check.want(!known || symmetric && j.Secret != "" || !symmetric && j.Keys != "", "auth.jwt-algorithms", "%q needs %s", name,
			map[bool]string{true: "auth.jwt-secret", false: "auth.jwt"}[symmetric])
	}
	check.want(j.Secret == "" || len(j.Secret) >= minSecretLength, "auth.jwt-secret", "a secret of %d bytes: it needs %d (RFC 7518 §3.2)", len(j.Secret), minSecretLength)
	checkRange(check, "auth.jwt-leeway", j.Leeway, 0, maxLeeway, FormatDuration)
	checkActions(check, "auth.jwt-actions", j.Actions)
	if scheme, _, isURL := strings.Cut(j.Keys, "://"); isURL {
		check.want(scheme == "https" || scheme == "http", "auth.jwt", "%q is neither a URL such as https://login.example.org/jwks.json nor a path", j.Keys)
	}
}

func (c Callback) check(check *checker) {
	if c.URL != "" {
		u, err := url.Parse(c.URL)
		check.want(err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "", "auth.callback", "it is not a URL such as https://example.org/may")
		check.want(len(c.Actions) > 0, "auth.callback-actions", "must name what auth.callback is asked about")
	}
	checkRange(check, "auth.callback-timeout", c.Timeout, minCallbackTimeout, maxCallbackTimeout, FormatDuration)
	checkActions(check, "auth.callback-actions", c.Actions)
}

func checkActions(check *checker, key string, names []string) {
	for _, name := range names {
		check.want(slices.Contains(actions(), name), key, "%q is none of %s", name, strings.Join(actions(), ", "))
	}
}
