package signature

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// An independent computation: printf 'msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{"test": 2432232314}' | openssl dgst -sha256 -hmac KEY -binary | base64
func TestSignatureOfKnownMessage(t *testing.T) {
	key, err := ParseKey("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	require.NoError(t, err)
	header := http.Header{}
	key.Set(header, "msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), []byte(`{"test": 2432232314}`))
	require.Equal(t, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", header.Get("webhook-signature"))
	require.Equal(t, "1614265330", header.Get("Webhook-Timestamp"))
}

func TestSecrets(t *testing.T) {
	bytes := strings.Repeat("k", 32)
	for secret, want := range map[string]string{
		"whsec_" + base64.StdEncoding.EncodeToString([]byte(bytes)):    bytes,
		"whsec_" + base64.RawStdEncoding.EncodeToString([]byte(bytes)): bytes,
		"a text of more than 24 bytes":                                 "a text of more than 24 bytes",
		"too short":                                                    "",
		"":                                                             "",
		"whsec_" + base64.StdEncoding.EncodeToString([]byte("too short")): "",
		"whsec_no base64 at all, whatever it is":                          "",
		"a text of more than 24 bytes\nin lines":                          "",
		strings.Repeat("x", 513):                                          "",
	} {
		key, err := ParseKey(secret)
		require.Equal(t, want, string(key), secret)
		if want == "" {
			require.ErrorContains(t, err, "openssl rand -base64 32")
		}
	}
	made, err := ParseKey(NewSecret())
	require.NoError(t, err)
	require.Len(t, made, 32)
	require.NotEqual(t, NewSecret(), NewSecret())
}

func TestVerify(t *testing.T) {
	key, at, body := Key(strings.Repeat("k", 32)), time.Unix(1_700_000_000, 0), []byte(`{"a":1}`)
	for name, tc := range map[string]struct {
		change func(http.Header)
		body   string
		now    time.Time
		want   error
	}{
		"right":             {},
		"old and new key":   {change: func(h http.Header) { h.Set(HeaderSignature, "v1,AAAA v1a,AAAA "+h.Get(HeaderSignature)+" v2,x") }},
		"late, a little":    {now: at.Add(Tolerance)},
		"early, a little":   {now: at.Add(-Tolerance)},
		"replayed":          {now: at.Add(Tolerance + time.Second), want: ErrTime},
		"from the future":   {now: at.Add(-Tolerance - time.Second), want: ErrTime},
		"other body":        {body: `{"a":2}`, want: ErrWrong},
		"other id":          {change: func(h http.Header) { h.Set(HeaderID, "msg_2") }, want: ErrWrong},
		"other time":        {change: func(h http.Header) { h.Set(HeaderTimestamp, "1700000001") }, want: ErrWrong},
		"no number":         {change: func(h http.Header) { h.Set(HeaderTimestamp, "soon") }, want: ErrWrong},
		"other version":     {change: func(h http.Header) { h.Set(HeaderSignature, "v2"+h.Get(HeaderSignature)[2:]) }, want: ErrWrong},
		"no signature":      {change: func(h http.Header) { h.Del(HeaderSignature) }, want: ErrMissing},
		"no id":             {change: func(h http.Header) { h.Del(HeaderID) }, want: ErrMissing},
		"no time":           {change: func(h http.Header) { h.Del(HeaderTimestamp) }, want: ErrMissing},
		"endless":           {change: func(h http.Header) { h.Set(HeaderSignature, strings.Repeat("v1,AAAA ", 1000)+h.Get(HeaderSignature)) }, want: ErrWrong},
		"time of all times": {change: func(h http.Header) { h.Set(HeaderTimestamp, "-9223372036854775808") }, want: ErrTime},
	} {
		t.Run(name, func(t *testing.T) {
			header, got, now := http.Header{}, body, at
			key.Set(header, "msg_1", at, body)
			if tc.change != nil {
				tc.change(header)
			}
			if tc.body != "" {
				got = []byte(tc.body)
			}
			if !tc.now.IsZero() {
				now = tc.now
			}
			require.ErrorIs(t, key.Verify(header, got, now), tc.want)
			require.ErrorIs(t, Key("another key").Verify(header, got, now), map[bool]error{true: ErrWrong, false: tc.want}[tc.want == nil])
		})
	}
}

// Whatever headers a stranger sends, only the signature of this very message is right; and what stands beside it in the header does not
// change that.
func FuzzVerify(f *testing.F) {
	key, other := Key(strings.Repeat("k", 32)), Key(strings.Repeat("o", 32))
	now := time.Unix(1_700_000_000, 0)
	f.Add("msg_1", "1700000000", "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4= v1a,AAAA", []byte(`{}`))
	f.Add("msg.1", "-1", ",,,, v1 v1, v1,=", []byte(nil))
	f.Add("", "", "", []byte("x"))
	f.Fuzz(func(t *testing.T, id, seconds, signed string, body []byte) {
		header := http.Header{}
		header.Set(HeaderID, id)
		header.Set(HeaderTimestamp, seconds)
		header.Set(HeaderSignature, signed)
		if key.Verify(header, body, now) == nil {
			right := base64.StdEncoding.EncodeToString(key.sum(id, seconds, body))
			require.Contains(t, signed, right)
		}
		if id == "" || len(id) > maxID || len(signed) > 1000 {
			return
		}
		header = http.Header{}
		key.Set(header, id, now, body)
		header.Set(HeaderSignature, header.Get(HeaderSignature)+" "+signed)
		require.NoError(t, key.Verify(header, body, now))
		require.Error(t, other.Verify(header, body, now))
	})
}
