package cors

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Whatever a page asks for is allowed, once each, as long as it can be the name of a header.
func TestAllowedHeaders(t *testing.T) {
	many := make([]string, 2*maxAsked)
	for i := range many {
		many[i] = fmt.Sprintf("x-%d", i)
	}
	for name, tc := range map[string]struct {
		asked []string
		want  string // after what is always allowed
	}{
		"nothing":             {nil, ""},
		"CMCD of a player":    {[]string{"cmcd-object,cmcd-request, cmcd-session\t,cmcd-status"}, ", cmcd-object, cmcd-request, cmcd-session, cmcd-status"},
		"tracing":             {[]string{"traceparent", "x-requested-with"}, ", traceparent, x-requested-with"},
		"what is there":       {[]string{"authorization,RANGE,if-match,x,X"}, ", x"},
		"no tokens":           {[]string{"a b,,x\r\nSet-Cookie: y,é,\x00,a:b,(x),good"}, ", good"},
		"all of a token":      {[]string{"!#$%&'*+-.^_`|~09aZ"}, ", !#$%&'*+-.^_`|~09aZ"},
		"a long name":         {[]string{strings.Repeat("x", maxAskedBytes+1) + ",y"}, ""},
		"more than a request": {[]string{strings.Join(many, ",")}, ", " + strings.Join(many[:maxAsked], ", ")},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest("OPTIONS", "/", nil)
			r.Header["Access-Control-Request-Headers"] = tc.asked
			w := httptest.NewRecorder()
			Allow(http.NotFoundHandler()).ServeHTTP(w, r)
			require.Equal(t, headers+tc.want, w.Header().Get("Access-Control-Allow-Headers"))
			require.Contains(t, w.Header().Values("Vary"), "Access-Control-Request-Headers")
		})
	}
}

func FuzzAllowedHeaders(f *testing.F) {
	f.Add("cmcd-object,cmcd-request", "x-requested-with")
	f.Add(strings.Repeat("a,", 100), "\x00")
	f.Fuzz(func(t *testing.T, one, other string) {
		got := allowed([]string{one, other})
		require.True(t, strings.HasPrefix(got, headers))
		require.LessOrEqual(t, len(got), len(headers)+maxAskedBytes+2*maxAsked)
		for name := range strings.SplitSeq(got, ", ") {
			require.True(t, isToken(name), "%q", name)
		}
	})
}
