package webm

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func track(fields ...[]byte) []byte { return tracks(elem(idEntry, fields...)) }

func tracks(entries ...[]byte) []byte {
	return join(header("webm"), open(idSegment, elem(idTracks, entries...)))
}

func TestHeaderErrors(t *testing.T) {
	cases := []struct {
		name string
		data []byte
		want string
	}{
		{"something else", []byte("\x86RIFF"), "webm: read header: the first element is 0x86, not the EBML header"},
		{"a segment", open(idSegment), "webm: read header: the first element is 0x18538067, not the EBML header"},
		{"too large", claim(idHeader, maxHeader+1), "webm: read header of 4097 bytes: more than 4096"},
		{"of unknown size", open(idHeader),
			"webm: read size of element 0x1a45dfa3: it is unknown, and the element is neither segment nor cluster"},
		{"another document", header("avi"), `webm: read header: document type "avi" is neither webm nor matroska`},
		{"no document type", elem(idHeader), `webm: read header: document type "" is neither webm nor matroska`},
		{"a long document type", header(strings.Repeat("a", maxString+1)), "webm: read element 0x4282 of 65 bytes: more than 64"},
		{"a child that is too large", elem(idHeader, claim(idDocType, 4)), "webm: read element 0x4282 of 14 bytes: its parent has 10 left"},
		{"a child of unknown size", elem(idHeader, open(idCluster)),
			"webm: read element: a cluster or segment of unknown size lies inside another element"},
		{"two", join(header("webm"), header("webm")), "webm: a second recording begins"},
		{"no segment", join(header("webm"), cluster(0)), "webm: read cluster: there is no segment before it"},
		{"an ID of 5 bytes", join(start(), []byte{0x08, 1, 2, 3, 4, 0x80}),
			"webm: read element ID: first byte 0x08 begins an integer longer than 4 bytes"},
		{"a size of 9 bytes", join(start(), []byte{void, 0}),
			"webm: read size of element 0xec: first byte 0x00 begins an integer longer than 8 bytes"},
		{"void of unknown size", join(start(), open(void)),
			"webm: read size of element 0xec: it is unknown, and the element is neither segment nor cluster"},
		{"unknown in one byte", join(start(), []byte{void, 0xFF}),
			"webm: read size of element 0xec: it is unknown, and the element is neither segment nor cluster"},
		{"another segment", join(seed(), open(idSegment)), "webm: a second recording begins"},
		{"another recording", join(seed(), seed()), "webm: a second recording begins"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := readAll(t, c.data)
			require.EqualError(t, err, c.want)
		})
	}
}

func TestTracksErrors(t *testing.T) {
	named := join(number(idNumber, 7), number(idType, typeVideo))
	scaled := func(b ...byte) []byte { return join(header("webm"), open(idSegment, elem(idInfo, elem(idScale, b)))) }
	cases := []struct {
		name string
		data []byte
		want string
	}{
		{"scale 0", scaled(0), "webm: read timestamp scale: 0 ns is not in 1 to 1000000000"},
		{"a large scale", scaled(0x3B, 0x9A, 0xCA, 0x01), "webm: read timestamp scale: 1000000001 ns is not in 1 to 1000000000"},
		{"a long number", scaled(make([]byte, 9)...), "webm: read element 0x2ad7b1 of 9 bytes: more than 8"},
		{"none", tracks(), "webm: read tracks: none has audio or video"},
		{"no number", track(number(idType, typeVideo), text(idCodec, "V_VP8")), "webm: read tracks: one has no number"},
		{"no codec", track(named), "webm: read track 7: it has no codec"},
		{"a long codec", track(named, text(idCodec, strings.Repeat("V", maxString+1))), "webm: read element 0x86 of 65 bytes: more than 64"},
		{"a long private", track(named, claim(idPrivate, maxPrivate+1), make([]byte, maxPrivate+1)),
			"webm: read element 0x63a2 of 65537 bytes: more than 65536"},
		{"a wide picture", track(named, elem(idVideo, number(idWidth, 65536))), "webm: read element 0xb0: 65536 is more than 65535"},
		{"a high picture", track(named, elem(idVideo, number(idHeight, 1<<63))),
			"webm: read element 0xba: 9223372036854775808 is more than 65535"},
		{"many channels", track(named, elem(idAudio, number(idChannels, 65536))), "webm: read element 0x9f: 65536 is more than 65535"},
		{"twice the same", tracks(video(7), audio(7)), "webm: read tracks: two have the number 7"},
		{"many", tracks(video(1), video(2), video(3), video(4), elem(idEntry), elem(idEntry), elem(idEntry), elem(idEntry), elem(idEntry)),
			"webm: read tracks: there are more than 8"},
		{"a cluster instead", join(header("webm"), open(idSegment, cluster(0, simple(1, 0, "a")))),
			"webm: read cluster: there are no tracks before it"},
		{"a block instead", join(header("webm"), open(idSegment, simple(1, 0, "a"))), "webm: read block: its cluster has no timestamp before it"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := readAll(t, c.data)
			require.EqualError(t, err, c.want)
		})
	}
}

func TestBlockErrors(t *testing.T) {
	cases := []struct {
		name string
		data []byte
		want string
	}{
		{"too large", cluster(0, claim(idSimple, maxBlock+1), frame(1, 0, "")), "webm: read block of 4194305 bytes: more than 4194304"},
		{"too large in a group", cluster(0, claim(idGroup, maxBlock+20), claim(idBlock, 1<<40), frame(1, 0, "")),
			"webm: read block of 1099511627776 bytes: more than 4194304"},
		{"no timestamp", open(idCluster, simple(1, 0, "a")), "webm: read block: its cluster has no timestamp before it"},
		{"no timestamp in the second", join(cluster(0), open(idCluster, simple(1, 0, "a"))),
			"webm: read block: its cluster has no timestamp before it"},
		{"a long timestamp", open(idCluster, elem(idTimestamp, make([]byte, 9))), "webm: read element 0xe7 of 9 bytes: more than 8"},
		{"a late timestamp", cluster(9_223_372_004_088, simple(1, 0, "a")),
			"webm: read block of track 1: cluster timestamp 9223372004088 is more than 9223372004087"},
		{"the latest timestamp", cluster(9_223_372_004_087, simple(1, 32767, "a")), "EOF"},
		{"the largest timestamp", cluster(1<<64-1, simple(1, 0, "a")),
			"webm: read block of track 1: cluster timestamp 18446744073709551615 is more than 9223372004087"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := readAll(t, join(start(), c.data))
			require.EqualError(t, err, c.want)
		})
	}
}
