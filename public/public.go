// Package public holds the web pages and serves them: the list of live streams, publishing, watching, rooms, the echo test
// and the recordings. Package main in bundle turns src into dist (esbuild for scripts and styles, html/template for
// the pages) and dist is embedded here; a program compiled before that serves a page that says how to build them.
//
// It serves no media, no API and no cross-origin requests: the pages speak to the other routes of the same origin.
// It starts no goroutine, and a Handler may be used by any number of requests at once. Caching follows RFC 9111,
// the security headers W3C Content Security Policy Level 3.
package public

import (
	"embed"
	"io/fs"
	"net/http"
)

//go:embed all:dist
var dist embed.FS

// FaceCascade is what a detector finds faces with; nil in a program that was built without its bundle.
func FaceCascade() []byte {
	names, err := fs.Glob(dist, "dist/assets/facefinder-*.bin")
	if err != nil || len(names) == 0 {
		return nil
	}
	cascade, _ := dist.ReadFile(names[0]) // which is there
	return cascade
}

// Options says what depends on the service.
type Options struct {
	// EmbedOrigins may frame the player alone, beside our own: origins such as https://example.org, or * for everybody.
	EmbedOrigins []string
	// Head returns what the head of a stream's watch page has besides, as HTML that is safe, and whether that is for who asks alone; nil: nothing.
	Head func(*http.Request) (html []byte, private bool)
}

// Handler serves the pages and their assets. Mount it at these patterns, which it routes itself:
//
//	GET /{$}             live streams
//	GET /publish         publish a camera or a screen
//	GET /watch/{stream}  the player; 400 (and a page that says so) when the name is not a stream's name
//	GET /embed/{stream}  the player alone, for frames of other pages; 400 as above
//	GET /echo            the echo test
//	GET /frames          pictures that are sent one by one
//	GET /rooms           rooms
//	GET /rooms/{room}    a room; 400 (and the page) when the name is none
//	GET /dashboard       traffic, streams, rooms and sessions
//	GET /logs            the last lines of the log and of each ffmpeg
//	GET /recordings      recordings
//	GET /docs            the documents: README.md and those beneath it
//	GET /docs/{page}     one of them; 404 when there is none of that name
//	GET /licenses        works of others that are part of the program, and their licences
//	GET /sluice-player.js  the element <sluice-player>, for pages of other sites
//	GET /assets/{name}   scripts, styles and icons under names that contain their hash
//
// Pages are revalidated by ETag on each load, assets are immutable; both are sent gzipped to who accepts it.
func Handler(options Options) http.Handler {
	root, err := fs.Sub(dist, "dist")
	if err != nil {
		panic(err) // the directory is embedded above, and its name is a constant
	}
	return newHandler(root, options)
}
