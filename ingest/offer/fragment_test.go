package offer

import (
	"strings"
	"testing"

	"github.com/sluice-live/sluice/ingest/internal/offertest"
	"github.com/stretchr/testify/require"
)

// RFC 8840 §9 as clients have it: RFC 9725 §4.3.2 allows none of these to fail.
func TestFragments(t *testing.T) {
	tests := []struct {
		name, body string
		want       Fragment
	}{
		{"credentials for the session (medooze, simple-whip-client)",
			offertest.Credentials(offertest.NewUfrag, offertest.NewPwd) + "m=audio 9 RTP/AVP 0\r\na=mid:0\r\na=candidate:" + offertest.HostCandidate + "\r\na=end-of-candidates\r\n",
			Fragment{offertest.NewUfrag, offertest.NewPwd, []string{offertest.HostCandidate}}},
		{"credentials for the medium (RFC 9725 §4.3.2)",
			"a=group:BUNDLE 0 1\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\n" + offertest.Credentials(offertest.NewUfrag, offertest.NewPwd) + "a=candidate:" + offertest.HostCandidate + " generation 0 ufrag EsAw network-id 1\r\n",
			Fragment{offertest.NewUfrag, offertest.NewPwd, []string{offertest.HostCandidate}}},
		{"the same candidate in each section, LF alone, no group, no mid",
			strings.ReplaceAll("m=video 9 UDP/TLS/RTP/SAVPF 0\r\n"+offertest.Credentials(offertest.NewUfrag, offertest.NewPwd)+"a=candidate:"+offertest.HostCandidate+"\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\n"+offertest.Credentials(offertest.NewUfrag, offertest.NewPwd)+"a=candidate:"+offertest.HostCandidate+"\r\n", "\r\n", "\n"),
			Fragment{offertest.NewUfrag, offertest.NewPwd, []string{offertest.HostCandidate}}},
		{"component 0 (Eyevinn)", offertest.Credentials(offertest.NewUfrag, offertest.NewPwd) + "m=audio 9 RTP/AVP 0\r\na=candidate:" + strings.Replace(offertest.HostCandidate, "1 1 udp", "1 0 UDP", 1) + "\r\n",
			Fragment{offertest.NewUfrag, offertest.NewPwd, []string{offertest.HostCandidate}}},
		{"end of candidates alone", "a=end-of-candidates\r\n", Fragment{}},
		{"candidates of no use here",
			"a=candidate:1 1 udp 1 3f2a.local 5000 typ host\r\na=candidate:1 1 tcp 1 192.0.2.1 9 typ host tcptype active\r\na=candidate:1 2 udp 1 192.0.2.1 5000 typ host\r\n" +
				"a=candidate:1 1 udp 1 turn.example 5000 typ relay\r\na=candidate:1 1 udp 1 192.0.2.1 0 typ host\r\na=candidate:1 1 udp 1 0.0.0.0 5000 typ host\r\na=candidate:1 1 udp 1 192.0.2.1 5000 typ new\r\na=candidate:" + offertest.HostCandidate + "\r\n",
			Fragment{"", "", []string{offertest.HostCandidate}}},
		{"every type, IPv6", "a=candidate:2 1 UDP 5 2001:db8::1 5000 typ srflx raddr :: rport 0\r\na=candidate:3 1 udp 4 192.0.2.9 5001 typ relay raddr 0.0.0.0 rport 9\r\n",
			Fragment{"", "", []string{"2 1 udp 5 2001:db8::1 5000 typ srflx", "3 1 udp 4 192.0.2.9 5001 typ relay"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ParseFragment([]byte(tt.body))
			require.NoError(t, err)
			require.Equal(t, tt.want, got)
		})
	}
}

func TestFragmentsRefused(t *testing.T) {
	var many strings.Builder
	for i := range MaxCandidates + 1 {
		many.WriteString("a=candidate:" + strings.Replace(offertest.HostCandidate, "61764", "1"+string(rune('0'+i/10))+string(rune('0'+i%10)), 1) + "\r\n")
	}
	tests := map[string]string{
		"empty":                  "",
		"blank lines":            "\r\n\r\n",
		"text":                   "hello",
		"broken candidate":       "a=candidate:nonsense\r\n",
		"candidate's port":       "a=candidate:1 1 udp 1 192.0.2.1 99999 typ host\r\n",
		"short ufrag":            offertest.Credentials("abc", offertest.NewPwd),
		"short password":         offertest.Credentials(offertest.NewUfrag, "short"),
		"password alone":         "a=ice-pwd:" + offertest.NewPwd + "\r\n",
		"different credentials":  offertest.Credentials(offertest.NewUfrag, offertest.NewPwd) + "m=audio 9 RTP/AVP 0\r\n" + offertest.Credentials("other", offertest.NewPwd),
		"too many candidates":    many.String(),
		"too many sections":      strings.Repeat("m=audio 9 RTP/AVP 0\r\n", maxSections+1),
		"very long candidate":    "a=candidate:" + offertest.HostCandidate + strings.Repeat(" x", maxCandidate) + "\r\n",
		"candidate's foundation": "a=candidate:" + strings.Repeat("f", 33) + offertest.HostCandidate[1:] + "\r\n",
	}
	for name, body := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := ParseFragment([]byte(body))
			require.Error(t, err)
		})
	}
}

func FuzzFragment(f *testing.F) {
	f.Add([]byte(offertest.Credentials(offertest.NewUfrag, offertest.NewPwd) + "m=audio 9 RTP/AVP 0\r\na=mid:0\r\na=candidate:" + offertest.HostCandidate + "\r\na=end-of-candidates\r\n"))
	f.Add([]byte("a=candidate:1 1 udp 1 fe80::1%eth0 5000 typ relay raddr 0.0.0.0 rport 9\n"))
	f.Add([]byte("a=\n=\nm=\n"))
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := ParseFragment(body)
		if err != nil {
			return
		}
		require.LessOrEqual(t, len(got.Candidates), MaxCandidates)
		require.True(t, got.Ufrag+got.pwd == "" || validCredentials(got.Ufrag, got.pwd))
		for _, c := range got.Candidates {
			again, err := ParseCandidate(c)
			require.NoError(t, err)
			require.Equal(t, c, again)
		}
	})
}
