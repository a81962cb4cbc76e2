package whip

import (
	"context"
	"net/http"
	"strings"
)

// maxServers is how many ICE servers of an answer are used.
const maxServers = 16

// Server is a STUN or TURN server that an endpoint names (RFC 9725 §4.6).
type Server struct {
	URL, Username, Credential string
}

// Servers asks the endpoint for its ICE servers, before there is a session. One that does not tell has none.
func (w *Client) Servers(ctx context.Context) []Server {
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	response, err := w.do(ctx, http.MethodOptions, w.Endpoint, nil)
	if err != nil {
		return nil
	}
	defer response.Body.Close()
	if response.StatusCode/100 != 2 {
		return nil
	}
	return serversOf(response.Header)
}

// Named are the ICE servers that the answer to the offer named.
func (w *Client) Named() []Server { return w.named }

// serversOf reads the Link headers of relation ice-server.
func serversOf(header http.Header) (all []Server) {
	for _, value := range header.Values("Link") {
		for value != "" && len(all) < maxServers {
			var link link
			link, value = nextLink(value)
			if strings.EqualFold(link.parameters["rel"], "ice-server") && isICE(link.target) {
				all = append(all, Server{link.target, link.parameters["username"], link.parameters["credential"]})
			}
		}
	}
	return all
}

// isICE reports whether a URL is that of a STUN or TURN server (RFC 7064, RFC 7065).
func isICE(url string) bool {
	scheme, host, found := strings.Cut(url, ":")
	switch strings.ToLower(scheme) {
	case "stun", "stuns", "turn", "turns":
		return found && host != ""
	}
	return false
}

// link is one of a Link header (RFC 8288 §3).
type link struct {
	target     string
	parameters map[string]string // by names in lower case
}

// nextLink takes the first link off a header's value. One that cannot be read is empty, and ends the value.
func nextLink(value string) (l link, rest string) {
	value = strings.TrimLeft(value, " \t,")
	target, value, found := strings.Cut(value, ">")
	if !found || !strings.HasPrefix(target, "<") {
		return link{}, ""
	}
	l = link{target[1:], map[string]string{}}
	for {
		value = strings.TrimLeft(value, " \t")
		if !strings.HasPrefix(value, ";") {
			return l, value
		}
		end := strings.IndexAny(value[1:], "=;,") + 1
		if end == 0 {
			return l, ""
		}
		name, text := strings.ToLower(strings.TrimSpace(value[1:end])), ""
		if value = value[end:]; value[0] == '=' {
			text, value = nextText(value[1:])
		}
		l.parameters[name] = text
	}
}

// nextText takes a token or quoted string (RFC 9110 §5.6.4) off the beginning.
func nextText(s string) (text, rest string) {
	s = strings.TrimLeft(s, " \t")
	if !strings.HasPrefix(s, `"`) {
		end := strings.IndexAny(s, ";,")
		if end < 0 {
			end = len(s)
		}
		return strings.TrimSpace(s[:end]), s[end:]
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '"':
			return b.String(), s[i+1:]
		case s[i] == '\\' && i+1 < len(s):
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String(), ""
}
