package ctl

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/cmd/sluice/internal/httpapi/api"
)

// What sluice ctl show tells of targets; what other servers say steers no terminal.
func TestForwards(t *testing.T) {
	since := time.Date(2027, 1, 2, 3, 4, 5, 0, time.UTC)
	var out bytes.Buffer
	require.NoError(t, facts(&out, forwardsOf([]api.Forward{
		{Target: "tube", State: "forwarding", Since: since, Bytes: 2_500_000, Dropped: 3, Retries: 1},
		{Target: "rtmp://example.com", State: "retrying", Error: "the server refuses: \x1b[2Jno\nmore"},
	})))
	require.Equal(t, "Forwarded  to tube: forwarding since "+when(since)+", "+size(2_500_000)+", 3 parts dropped, 1 retries\n"+
		"Forwarded  to rtmp://example.com: retrying, "+size(0)+", 0 parts dropped, 0 retries\n"+
		"           the server refuses:  [2Jno more\n", out.String())
}
