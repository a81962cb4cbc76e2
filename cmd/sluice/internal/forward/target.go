package forward

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/sluice-live/sluice/public/name"
)

// placeholder stands for the name of the stream in a URL.
const placeholder = "{stream}"

// Target is where streams are forwarded to.
type Target struct {
	// Streams are the name of a stream, or the beginning of names before a *. Empty: all.
	Streams string
	// URL is rtmp://HOST/APP/KEY, rtmps://…, srt://HOST:PORT?streamid=ID or, of WHIP, https://…, where {stream} stands for the name of the stream.
	URL string
	// Token is the bearer token of WHIP; empty: none.
	Token string
	// Title is what the target is called wherever it is told of; empty: protocol and host.
	Title string
}

// Schemes are the protocols of targets.
func Schemes() []string { return []string{"https", "http", "rtmp", "rtmps", "srt"} }

// Takes reports whether a stream is forwarded there.
func (t Target) Takes(stream string) bool {
	return t.Streams == "" || name.Matches(t.Streams, stream)
}

// Name is what the target is called, without a secret.
func (t Target) Name() string {
	if t.Title != "" {
		return t.Title
	}
	u, err := t.at("stream")
	if err != nil {
		return "?"
	}
	return u.Scheme + "://" + u.Host
}

// at is the URL for a stream.
func (t Target) at(stream string) (*url.URL, error) {
	text := strings.ReplaceAll(t.URL, placeholder, stream)
	if strings.HasPrefix(text, "srt:") {
		text = strings.ReplaceAll(text, "#", "%23") // stream IDs begin with one
	}
	u, err := url.Parse(text)
	if err != nil {
		return nil, errors.New("is no URL") // the error has it in it
	}
	return u, nil
}

// Validate reports what is wrong with a target. The error has nothing of the URL but its protocol.
func (t Target) Validate() error {
	u, err := t.at("stream")
	switch {
	case t.Streams != "" && !name.ValidPattern(t.Streams):
		return fmt.Errorf("%q is neither the name of a stream nor the beginning of names before a *", t.Streams)
	case strings.ContainsFunc(t.Title, func(r rune) bool { return r < ' ' }) || len(t.Title) > 64:
		return errors.New("has a name of more than 64 bytes, or with control characters")
	case err != nil:
		return errors.New("has what is no URL, such as rtmps://live.example.org/app/KEY")
	case !slices.Contains(Schemes(), u.Scheme):
		return fmt.Errorf("has a URL of %q: it is one of %s", u.Scheme, strings.Join(Schemes(), ", "))
	case u.Hostname() == "":
		return errors.New("has a URL without a host")
	case u.User != nil:
		return errors.New("has credentials before its host, which are not sent: put them where the server wants them, such as behind a ?")
	}
	if strings.HasPrefix(u.Scheme, "rtmp") && strings.Trim(u.Path, "/") == "" {
		return errors.New("has a URL without a stream key, such as rtmps://live.example.org/app/KEY")
	}
	if u.Scheme == "srt" {
		if _, err := srtDestination(u); err != nil {
			return err
		}
	}
	if t.Token != "" && !strings.HasPrefix(u.Scheme, "http") {
		return errors.New("has a token, which is for WHIP: put the key into the URL")
	}
	if strings.ContainsFunc(t.Token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return errors.New("has a token with blanks or control characters")
	}
	return nil
}

// Secrets are what of the URL for a stream is nobody's business.
func (t Target) Secrets(stream string) (all []string) {
	u, err := t.at(stream)
	if err != nil {
		return []string{t.URL}
	}
	parts := strings.Split(strings.Trim(u.EscapedPath(), "/"), "/")
	for _, values := range u.Query() {
		parts = append(parts, values...)
	}
	if u.Scheme == "srt" {
		d, _ := srtDestination(u)
		parts = append(parts, d.StreamID, d.Passphrase)
	}
	parts = append(parts, u.RawQuery, t.Token)
	for _, part := range parts {
		if len(part) >= 8 && part != stream {
			all = append(all, part)
		}
	}
	slices.SortFunc(all, func(a, b string) int { return len(b) - len(a) })
	return slices.Compact(all)
}
