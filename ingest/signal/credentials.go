package signal

import (
	"cmp"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// credentialsCookie holds {"username": NAME, "password": KEY} as JSON, percent-encoded or not.
const credentialsCookie = "credentials"

// Credentials is the first event of a client that says who it is with its request, and is seated at once: by Basic authentication (RFC 7617),
// a cookie, or the parameters username and password. The password is a key. Who takes the subprotocol of rooms does not mean that. The client
// is taken to read nothing but data of events, and to negotiate with other participants itself.
func Credentials(r *http.Request) (e Event, ok bool) {
	if slices.ContainsFunc(r.Header.Values("Sec-WebSocket-Protocol"), func(offered string) bool { return strings.Contains(offered, Protocol) }) {
		return Event{}, false
	}
	name, password, ok := r.BasicAuth()
	if !ok {
		name, password = cookieCredentials(r)
	}
	if name == "" {
		query := r.URL.Query()
		name, password = query.Get("username"), query.Get("password")
	}
	if name == "" {
		return Event{}, false
	}
	metadata, _ := json.Marshal(map[string]string{"username": name}) // of a string
	return Event{Kind: Authenticate, Name: name, Token: password, Metadata: metadata, InData: true}, true
}

func cookieCredentials(r *http.Request) (name, password string) {
	for _, c := range r.CookiesNamed(credentialsCookie) {
		var said struct{ Username, Password string }
		decoded, err := url.QueryUnescape(c.Value)
		if err != nil || json.Unmarshal([]byte(decoded), &said) != nil {
			_ = json.Unmarshal([]byte(c.Value), &said) // what is neither says nothing
		}
		name, password = cmp.Or(name, said.Username), cmp.Or(password, said.Password)
	}
	return name, password
}
