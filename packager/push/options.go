package push

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/sluice-live/sluice/packager/timeline"
)

// Bounds of Options.Timeout.
const (
	minTimeout, maxTimeout = time.Second, time.Minute
	defaultTimeout         = 10 * time.Second
)

// Target is the server that streams are put on.
type Target struct {
	// URL is the directory that streams are put into: URL/STREAM/index.m3u8. Empty: nothing is put anywhere.
	URL string
	// Header is sent with each request: "Authorization: Bearer KEY". It may be empty.
	Header string
	// Timeout is what a request may take (10 s).
	Timeout time.Duration
	// Delete deletes segments there that nobody can ask for any more.
	Delete bool
}

// ErrUserInfo refuses credentials in a URL, which are written to logs.
var ErrUserInfo = errors.New("has credentials in it: put them into the header, as Authorization: Basic …")

// ValidateURL reports what is wrong with the URL; an empty one is right.
func (t Target) ValidateURL() error {
	if t.URL == "" {
		return nil
	}
	u, err := url.Parse(t.URL)
	switch {
	case err != nil, u.Scheme != "http" && u.Scheme != "https", u.Host == "", u.RawQuery != "", u.Fragment != "":
		return errors.New("is not a URL such as https://ingest.example.org/live")
	case u.User != nil:
		return ErrUserInfo
	}
	return nil
}

// ValidateHeader reports what is wrong with the header; an empty one is right.
func (t Target) ValidateHeader() error {
	name, value, ok := strings.Cut(t.Header, ":")
	if t.Header == "" || ok && name != "" && !strings.ContainsAny(name, " \t\r\n") && !strings.ContainsAny(value, "\r\n") {
		return nil
	}
	return errors.New("is not a header such as Authorization: Bearer KEY")
}

// ValidateTimeout reports what is wrong with the time; 0 is right.
func (t Target) ValidateTimeout() error {
	if t.Timeout == 0 || minTimeout <= t.Timeout && t.Timeout <= maxTimeout {
		return nil
	}
	return fmt.Errorf("%v is not between %v and %v", t.Timeout, minTimeout, maxTimeout)
}

// Manifest is a playlist or the MPD.
type Manifest struct {
	Name, MIME string
	Body       []byte
}

// Source is what is put on the server.
type Source struct {
	// Open opens a published file of an epoch.
	Open func(epoch, name string) (*os.File, error)
	// Manifests renders those of a snapshot, each after what it names.
	Manifests func(*timeline.Snapshot) []Manifest
	// Wall is the clock of the service.
	Wall func() time.Time
	// Grace is how long a segment stays that has left the playlists.
	Grace time.Duration
}

// client keeps connections open, and follows no redirect: what a server says to a PUT that way is no success.
func (t Target) client() *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = atOnce
	transport.DisableCompression = true
	return &http.Client{
		Transport: transport, Timeout: t.Timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}
