package rtmp

import (
	"net/url"
	"strings"
)

// keyNames are the parameters that an access key may stand in, the first one that is there counts. User names say nothing.
var keyNames = []string{"key", "token", "pass", "password", "psk"}

// target finds the name of the stream and the access key in what a client says: the application of connect, and the name of publish, which is
// what encoders call the stream key. Of rtmp://host/live/cam?key=KEY these are live and cam?key=KEY, or live/cam and ?key=KEY, or live/cam?key=KEY
// and nothing. The name is the last part of the path; what comes before it may be anything.
func target(app, publish string) (stream, key string) {
	app, appQuery, _ := strings.Cut(app, "?")
	publish, query, _ := strings.Cut(publish, "?")
	for part := range strings.SplitSeq(app+"/"+publish, "/") {
		if part != "" {
			stream = part
		}
	}
	for _, q := range []string{query, appQuery} {
		if key = keyOf(q); key != "" {
			break
		}
	}
	return stream, key
}

// keyOf finds the key among the parameters of an address. A + is one, and no space: keys may have it.
func keyOf(query string) string {
	found := map[string]string{}
	for parameter := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(parameter, "=")
		if plain, err := url.PathUnescape(value); err == nil {
			value = plain
		}
		if found[name] == "" {
			found[name] = value
		}
	}
	for _, name := range keyNames {
		if found[name] != "" {
			return found[name]
		}
	}
	return ""
}
