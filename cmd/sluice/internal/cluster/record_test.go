package cluster

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRecord(t *testing.T) {
	r := record{"http://10.0.0.1:8080", "A", Load{Streams: 3, Idle: 1.5, Draining: true}}
	read, err := parseRecord([]byte(r.String()))
	require.NoError(t, err)
	require.Equal(t, r, read)
	read, err = parseRecord([]byte(`{"url":"http://n1/","instance":"A","later":[1]}`))
	require.NoError(t, err, "a newer version may say more")
	require.Equal(t, "http://n1", read.URL)
	for _, text := range []string{
		"", "null", "[]", `{"url":"http://n1"}`, `{"url":"ftp://n1","instance":"A"}`, `{"url":"http://n1/media","instance":"A"}`, `{"url":"http://n1","instance":"A","streams":-1}`,
		`{"url":"http://n1","instance":"A","idle":-1}`, `{"url":"http://n1","instance":"` + strings.Repeat("A", maxRecord) + `"}`,
	} {
		_, err := parseRecord([]byte(text))
		require.ErrorIs(t, err, errRecord, text)
	}
}

func TestOnlyWhatMattersIsTold(t *testing.T) {
	now := Load{Streams: 3, Idle: 1.5}
	for newer, want := range map[Load]bool{now: false, {Streams: 3, Idle: 1.9}: false, {Streams: 3, Idle: 1}: true, {Streams: 2, Idle: 1.5}: true, {Streams: 3, Idle: 1.5, Draining: true}: true} {
		require.Equal(t, want, now.differs(newer), "%v", newer)
	}
}

func TestKeysAndPaths(t *testing.T) {
	id, ok := nodeKey([]byte("sluice/nodes/n1"))
	require.True(t, ok)
	require.Equal(t, "n1", id)
	stream, ok := ownerKey([]byte("sluice/owners/Cam_1"))
	require.True(t, ok)
	require.Equal(t, "Cam_1", stream)
	stream, ok = ownerKey([]byte(ownerKeys + Room("den")))
	require.True(t, ok)
	require.Equal(t, Room("den"), stream)
	for _, key := range []string{"", "sluice/", "sluice/owners/room.", "sluice/owners/room.room.den", "sluice/nodes/", "sluice/nodes/a/b", "sluice/nodes/A.b", "sluice/owners/", "sluice/owners/../x", "other/nodes/n1"} {
		_, ok := nodeKey([]byte(key))
		_, ok2 := ownerKey([]byte(key))
		require.False(t, ok || ok2, key)
	}
	for path, want := range map[string][2]string{
		"/live/cam/index.m3u8": {"cam", ""}, "/live/cam/n2.X/240p-1.m4s": {"cam", ""}, "/whep/cam": {"cam", ""}, "/whep/cam/n2.ABC": {"cam", "n2"}, "/whep/cam/n2.ABC/layer": {"cam", "n2"},
		"/whep/cam/ABC": {"cam", ""}, "/whep/cam/N2.ABC": {"cam", ""}, "/whep": {}, "/": {}, "": {}, "/live/../x": {}, "/whep//n2.ABC": {},
	} {
		stream, node := asks(path)
		require.Equal(t, want, [2]string{stream, node}, path)
	}
	id, ok = NodeOf(Prefix("n1") + "ABC")
	require.True(t, ok)
	require.Equal(t, "n1", id)
}

func FuzzRecord(f *testing.F) {
	f.Add([]byte(record{"http://10.0.0.1:8080", "A", Load{Streams: 3, Idle: 1.5}}.String()))
	f.Add([]byte(`{"url":"http://[::1]:80","instance":"A","idle":1e999}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := parseRecord(text)
		if err != nil {
			return
		}
		again, err := parseRecord([]byte(r.String()))
		if len(r.String()) <= maxRecord && (err != nil || again != r) {
			t.Fatalf("%q is read as %v, and that as %v (%v)", text, r, again, err)
		}
	})
}

func FuzzPaths(f *testing.F) {
	f.Add("/whep/cam/n2.ABC/layer")
	f.Add("sluice/owners/cam")
	f.Fuzz(func(t *testing.T, text string) {
		stream, node := asks(text)
		if strings.ContainsAny(stream+node, "/.%") {
			t.Fatalf("%q asks for %q of %q", text, stream, node)
		}
		_, _ = nodeKey([]byte(text))
		_, _ = ownerKey([]byte(text))
	})
}
