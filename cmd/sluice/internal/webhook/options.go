package webhook

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/sluice-live/sluice/cmd/sluice/internal/webhook/signature"
	"github.com/sluice-live/sluice/packager/disk"
	"github.com/sluice-live/sluice/public/name"
)

// maxTargets bounds the servers that are told.
const maxTargets = 32

// Target is a server that is told.
type Target struct {
	URL    string
	Secret string   // that requests are signed with: see signature.ParseKey
	Events []string // names of events, or their beginnings before a *; none: all events
}

// Options say what Hooks are made of.
type Options struct {
	Targets []Target
	// Dir is where the queues are kept.
	Dir string
	// Logger gets what an operator should know.
	Logger *slog.Logger

	files     disk.FS           // the operating system's
	transport http.RoundTripper // one of its own
}

// Validate reports everything that is wrong with the targets, joined. The texts name targets by their hosts: the rest of a URL may be secret.
func Validate(targets []Target) error {
	var faults []error
	if len(targets) > maxTargets {
		faults = append(faults, fmt.Errorf("%d targets are more than %d", len(targets), maxTargets))
	}
	for i, t := range targets {
		if fault := t.validateURL(); fault != nil {
			faults = append(faults, fault)
			continue
		}
		if slices.ContainsFunc(targets[:i], func(other Target) bool { return other.URL == t.URL }) {
			faults = append(faults, fmt.Errorf("%s is there twice: list all its events in one entry", t.host()))
		}
		if t.Secret == "" {
			faults = append(faults, fmt.Errorf("%s needs a secret, its own or that of all: whsec_ and what “openssl rand -base64 32” prints", t.host()))
		} else if _, err := signature.ParseKey(t.Secret); err != nil {
			faults = append(faults, fmt.Errorf("the secret of %s %w", t.host(), err))
		}
		for _, pattern := range t.Events {
			if !slices.ContainsFunc(Types(), func(event string) bool { return name.Matches(pattern, event) }) {
				faults = append(faults, fmt.Errorf("%.40q is no event, nor the beginning of some before a *: events are %s", pattern, strings.Join(Types(), ", ")))
			}
		}
	}
	return errors.Join(faults...)
}

func (t Target) validateURL() error {
	u, err := url.Parse(t.URL)
	switch {
	case err != nil, u.Scheme != "https" && u.Scheme != "http", u.Host == "", u.Fragment != "":
		return errors.New("a URL is not one such as https://example.org/hooks")
	case u.User != nil:
		return fmt.Errorf("the URL of %s has a user in it: requests are signed, and send no password", u.Host)
	}
	return nil
}

// host is what the target is called in logs and metrics.
func (t Target) host() string {
	u, err := url.Parse(t.URL)
	if err != nil {
		return ""
	}
	return u.Host
}

// wants reports whether the target is told of events of a type.
func (t Target) wants(event string) bool {
	return len(t.Events) == 0 || slices.ContainsFunc(t.Events, func(pattern string) bool { return name.Matches(pattern, event) })
}
