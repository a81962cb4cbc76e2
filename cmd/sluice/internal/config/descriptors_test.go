package config

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Open files are parted so that ffmpeg and the disk have enough, and too few of them are said to be so, with the number to set.
func TestConnections(t *testing.T) {
	const plenty = 1 << 20
	c := Default()
	parts, err := c.Connections(plenty)
	require.NoError(t, err)
	require.Equal(t, Connections{HTTP: mostConnections, HTTPPerAddress: 2000, ICE: 464, ICEPerAddress: 64}, parts)

	parts, err = c.Connections(1024)
	require.NoError(t, err, "what a login has by default is enough for the defaults")
	require.LessOrEqual(t, filesOfProcess+16*filesOfStream+parts.ICE+filesOfConnection*parts.HTTP, 1024)
	require.GreaterOrEqual(t, parts.HTTP, fewestConnections)
	require.Equal(t, parts.HTTP/2, parts.HTTPPerAddress, "one client cannot have all")

	c.Limits.Connections = 5000
	parts, err = c.Connections(plenty)
	require.NoError(t, err)
	require.Equal(t, 5000, parts.HTTP)
	_, err = c.Connections(4096)
	require.ErrorContains(t, err, "ulimit -n 14016")
	_, err = c.Connections(14016)
	require.NoError(t, err, "what the error says is enough")
	c.ICE.TCP, c.Limits.Connections = ICEOff, 0
	parts, err = c.Connections(plenty)
	require.NoError(t, err)
	require.Zero(t, parts.ICE)
	_, err = c.Connections(256)
	require.ErrorContains(t, err, "only 256 files")
}
