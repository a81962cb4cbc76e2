package srt

import (
	"errors"
	"net/url"
	"strings"
)

// Prefix of a stream ID as SRT Access Control has it.
const accessControl = "#!::"

// keyNames are the parameters that an access key may stand in; s is the one of SRT Access Control that servers give.
var keyNames = []string{"key", "token", "pass", "password", "s"}

// errPlay says that a client wants to watch.
var errPlay = errors.New("streams are published over SRT, and not played: watch over HLS, DASH or WebRTC")

// parseStreamID finds the name of the stream and the access key in a stream ID: #!::r=NAME,m=publish,s=KEY, or publish:NAME:KEY, or NAME?key=KEY. Of
// a path the last part is the name.
func parseStreamID(id string) (stream, key string, err error) {
	if list, ok := strings.CutPrefix(id, accessControl); ok {
		fields := parameters(list, ",")
		if mode := fields["m"]; mode != "" && mode != "publish" {
			return "", "", errPlay
		}
		return lastPart(fields["r"]), keyOf(fields), nil
	}
	id, query, _ := strings.Cut(id, "?")
	parts := strings.Split(id, ":")
	switch parts[0] {
	case "publish":
		if parts = parts[1:]; len(parts) == 0 {
			return "", "", nil
		}
	case "read", "request", "play":
		return "", "", errPlay
	}
	if key = keyOf(parameters(query, "&")); key == "" && len(parts) > 1 { // the last one, behind a user name perhaps
		key = plain(parts[len(parts)-1])
	}
	return lastPart(parts[0]), key, nil
}

// parameters are names and values; the first of a name counts.
func parameters(list, separator string) map[string]string {
	found := map[string]string{}
	for parameter := range strings.SplitSeq(list, separator) {
		name, value, _ := strings.Cut(parameter, "=")
		if found[name] == "" {
			found[name] = plain(value)
		}
	}
	return found
}

// plain is a value as it was before it stood in an address, if it did.
func plain(value string) string {
	if decoded, err := url.PathUnescape(value); err == nil {
		return decoded
	}
	return value
}

func keyOf(fields map[string]string) string {
	for _, name := range keyNames {
		if fields[name] != "" {
			return fields[name]
		}
	}
	return ""
}

// lastPart is the last part of a path that is not empty.
func lastPart(path string) string {
	path = strings.TrimRight(path, "/")
	return path[strings.LastIndexByte(path, '/')+1:]
}
