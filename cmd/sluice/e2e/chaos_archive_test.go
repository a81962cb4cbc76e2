package e2e

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"path"
	"slices"
	"strings"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// archive is what was ever listed of a stream, as a cache keeps it: by rendition and media sequence number, those of parts with
// their place.
type archive map[string]kept

type kept struct {
	uri string
	sum [sha256.Size]byte
}

// check takes what is listed now and asserts that all of it is there, and the same as it ever was.
func (a archive) check(c *chaos, after string) {
	for _, rendition := range []string{"240p", "audio"} {
		name := "/live/" + chaosStream + "/" + rendition + ".m3u8"
		status, _, playlist := c.s.get(name)
		require.Equal(c.t, http.StatusOK, status, name)
		listed := parseListing(name, string(playlist))
		for number, uri := range listed.segments {
			a.keep(c, after, fmt.Sprintf("%s %d", rendition, number), uri)
		}
		for at, uri := range listed.parts {
			a.keep(c, after, fmt.Sprintf("%s %d.%d", rendition, at.msn, at.part), uri)
		}
		for _, uri := range listed.inits {
			a.keep(c, after, uri, uri)
		}
	}
}

// lose forgets what is listed now: somebody has deleted it.
func (c *chaos) lose() {
	for _, rendition := range []string{"240p", "audio"} {
		_, _, playlist := c.s.get("/live/" + chaosStream + "/" + rendition + ".m3u8")
		for _, init := range parseListing("/live/"+chaosStream+"/", string(playlist)).inits {
			c.lost = append(c.lost, path.Dir(init)+"/")
		}
	}
}

func (a archive) keep(c *chaos, after, what, uri string) {
	if slices.ContainsFunc(c.lost, func(epoch string) bool { return strings.HasPrefix(uri, epoch) }) {
		return
	}
	status, _, body := c.s.get(uri)
	if !assert.Equal(c.t, http.StatusOK, status, "%s: %s is listed", after, uri) {
		return
	}
	now := kept{uri, sha256.Sum256(body)}
	if before, known := a[what]; known {
		assert.Equal(c.t, before, now, "%s: %s is not what it was", after, what)
	}
	a[what] = now
}
