package ingest

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	newUfrag = "EsAw"
	newPwd   = "P2uYro0UCOQ4zxjKXaWCBui1"
	oldUfrag = "4Zcd" // of the chromium offer
	oldPwd   = "2/1muCWoOi3uLifh0NuRHlWi"

	hostCandidate = "1 1 udp 2122260223 192.0.2.1 61764 typ host"
)

func credentials(ufrag, pwd string) string {
	return "a=ice-ufrag:" + ufrag + "\r\na=ice-pwd:" + pwd + "\r\n"
}

// RFC 8840 §9 as clients have it: RFC 9725 §4.3.2 allows none of these to fail.
func TestFragments(t *testing.T) {
	tests := []struct {
		name, body string
		want       fragment
	}{
		{"credentials for the session (medooze, simple-whip-client)",
			credentials(newUfrag, newPwd) + "m=audio 9 RTP/AVP 0\r\na=mid:0\r\na=candidate:" + hostCandidate + "\r\na=end-of-candidates\r\n",
			fragment{newUfrag, newPwd, []string{hostCandidate}}},
		{"credentials for the medium (RFC 9725 §4.3.2)",
			"a=group:BUNDLE 0 1\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\n" + credentials(newUfrag, newPwd) + "a=candidate:" + hostCandidate + " generation 0 ufrag EsAw network-id 1\r\n",
			fragment{newUfrag, newPwd, []string{hostCandidate}}},
		{"the same candidate in each section, LF alone, no group, no mid",
			strings.ReplaceAll("m=video 9 UDP/TLS/RTP/SAVPF 0\r\n"+credentials(newUfrag, newPwd)+"a=candidate:"+hostCandidate+"\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\n"+credentials(newUfrag, newPwd)+"a=candidate:"+hostCandidate+"\r\n", "\r\n", "\n"),
			fragment{newUfrag, newPwd, []string{hostCandidate}}},
		{"component 0 (Eyevinn)", credentials(newUfrag, newPwd) + "m=audio 9 RTP/AVP 0\r\na=candidate:" + strings.Replace(hostCandidate, "1 1 udp", "1 0 UDP", 1) + "\r\n",
			fragment{newUfrag, newPwd, []string{hostCandidate}}},
		{"end of candidates alone", "a=end-of-candidates\r\n", fragment{}},
		{"candidates of no use here",
			"a=candidate:1 1 udp 1 3f2a.local 5000 typ host\r\na=candidate:1 1 tcp 1 192.0.2.1 9 typ host tcptype active\r\na=candidate:1 2 udp 1 192.0.2.1 5000 typ host\r\n" +
				"a=candidate:1 1 udp 1 turn.example 5000 typ relay\r\na=candidate:1 1 udp 1 192.0.2.1 0 typ host\r\na=candidate:1 1 udp 1 0.0.0.0 5000 typ host\r\na=candidate:1 1 udp 1 192.0.2.1 5000 typ new\r\na=candidate:" + hostCandidate + "\r\n",
			fragment{"", "", []string{hostCandidate}}},
		{"every type, IPv6", "a=candidate:2 1 UDP 5 2001:db8::1 5000 typ srflx raddr :: rport 0\r\na=candidate:3 1 udp 4 192.0.2.9 5001 typ relay raddr 0.0.0.0 rport 9\r\n",
			fragment{"", "", []string{"2 1 udp 5 2001:db8::1 5000 typ srflx", "3 1 udp 4 192.0.2.9 5001 typ relay"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := parseFragment([]byte(tt.body))
			require.NoError(t, err)
			require.Equal(t, tt.want, got)
		})
	}
}

func TestFragmentsRefused(t *testing.T) {
	var many strings.Builder
	for i := range maxCandidates + 1 {
		many.WriteString("a=candidate:" + strings.Replace(hostCandidate, "61764", "1"+string(rune('0'+i/10))+string(rune('0'+i%10)), 1) + "\r\n")
	}
	tests := map[string]string{
		"empty":                  "",
		"blank lines":            "\r\n\r\n",
		"text":                   "hello",
		"broken candidate":       "a=candidate:nonsense\r\n",
		"candidate's port":       "a=candidate:1 1 udp 1 192.0.2.1 99999 typ host\r\n",
		"short ufrag":            credentials("abc", newPwd),
		"short password":         credentials(newUfrag, "short"),
		"password alone":         "a=ice-pwd:" + newPwd + "\r\n",
		"different credentials":  credentials(newUfrag, newPwd) + "m=audio 9 RTP/AVP 0\r\n" + credentials("other", newPwd),
		"too many candidates":    many.String(),
		"too many sections":      strings.Repeat("m=audio 9 RTP/AVP 0\r\n", maxSections+1),
		"very long candidate":    "a=candidate:" + hostCandidate + strings.Repeat(" x", maxCandidate) + "\r\n",
		"candidate's foundation": "a=candidate:" + strings.Repeat("f", 33) + hostCandidate[1:] + "\r\n",
	}
	for name, body := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := parseFragment([]byte(body))
			require.Error(t, err)
		})
	}
}

// What is kept of a candidate must be good enough for pion.
func TestCandidatesAreReadable(t *testing.T) {
	f := newFixture(t, Options{})
	resp := f.post("/whip/a", offerFile(t, "eyevinn"))
	for _, typ := range []string{"host", "srflx raddr 10.0.0.1 rport 5", "prflx", "relay raddr 10.0.0.1 rport 5", "relay"} {
		body := "a=candidate:1 1 udp 2122260223 192.0.2.1 61764 typ " + typ + "\r\na=candidate:9 1 udp 5 2001:db8::1 5000 typ " + typ + "\r\n"
		got := f.patch(resp.Header.Get("Location"), body, resp.Header.Get("ETag"))
		require.Equal(t, 204, got.StatusCode, text(t, got))
	}
}

func FuzzFragment(f *testing.F) {
	f.Add([]byte(credentials(newUfrag, newPwd) + "m=audio 9 RTP/AVP 0\r\na=mid:0\r\na=candidate:" + hostCandidate + "\r\na=end-of-candidates\r\n"))
	f.Add([]byte("a=candidate:1 1 udp 1 fe80::1%eth0 5000 typ relay raddr 0.0.0.0 rport 9\n"))
	f.Add([]byte("a=\n=\nm=\n"))
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := parseFragment(body)
		if err != nil {
			return
		}
		require.LessOrEqual(t, len(got.candidates), maxCandidates)
		require.True(t, got.ufrag+got.pwd == "" || validCredentials(got.ufrag, got.pwd))
		for _, c := range got.candidates {
			again, err := parseCandidate(c)
			require.NoError(t, err)
			require.Equal(t, c, again)
		}
	})
}
