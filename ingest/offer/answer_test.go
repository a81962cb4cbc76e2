package offer

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCandidateRank(t *testing.T) {
	ordered := []string{
		"1 1 udp 1 203.0.113.7 1 typ host", "1 1 udp 1 192.0.2.1 1 typ host", "1 1 udp 1 2001:db8::1 1 typ host", "1 1 udp 1 127.0.0.1 1 typ host",
		"1 1 tcp 1 203.0.113.7 1 typ host tcptype passive", "1 1 tcp 1 192.0.2.1 1 typ host tcptype passive", "1 1 tcp 1 ::1 1 typ host tcptype passive",
	}
	for i := 1; i < len(ordered); i++ {
		public := []string{"203.0.113.7"}
		require.Less(t, CandidateRank(ordered[i-1], public), CandidateRank(ordered[i], public), ordered[i])
	}
}
