package packager

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/packager/conformance"
	"github.com/sluice-live/sluice/packager/dash"
	"github.com/sluice-live/sluice/packager/timeline"
)

const updatePeriod = time.Second

// withoutEdition leaves out of an MPD what each edition has of its own.
func withoutEdition(mpd string) string {
	return regexp.MustCompile(`publishTime="[^"]*"|<Location>.*</Location>|<Event .*/>`).ReplaceAllString(mpd, "")
}

// follow asks for what the MPD says is the next edition of it; its query is more than that where more is given.
func (b *bench) follow(m *dash.MPD) (*dash.MPD, *httptest.ResponseRecorder) {
	b.t.Helper()
	require.NotEmpty(b.t, m.Location)
	w := b.get("/live/cam/" + m.Location)
	require.Equal(b.t, http.StatusOK, w.Code, w.Body)
	next, err := dash.Parse(w.Body.Bytes())
	require.NoError(b.t, err)
	return next, w
}

func (b *bench) mpd(query string) *dash.MPD {
	b.t.Helper()
	m, err := dash.Parse([]byte(b.body("/live/cam/manifest.mpd" + query)))
	require.NoError(b.t, err)
	return m
}

// events are those of the last Period; there are none in the others.
func events(t *testing.T, m *dash.MPD) []dash.Event {
	t.Helper()
	last := len(m.Periods) - 1
	for _, p := range m.Periods[:last] {
		require.Empty(t, p.EventStreams)
	}
	streams := m.Periods[last].EventStreams
	require.Len(t, streams, 1)
	require.Equal(t, dash.Descriptor{Scheme: dash.SchemeEvent, Value: "1"}, streams[0].Descriptor)
	return streams[0].Events
}

// A player that plays by nothing but events learns of the next Period, wherever the one before ended: each edition of the MPD has an
// event that the playback time reaches, and asks for the next edition, which comes after a second, or with the Period.
func TestMPDIsFollowed(t *testing.T) {
	b := newBench(t, nil)
	tl, e, enc := b.epoch("cam")
	b.run(e, enc, 2)
	synctest.Test(t, func(t *testing.T) {
		tl.republish()
		b.run(e, enc, 1) // and the snapshot is the timeline's own again
		begin := time.Now()
		first := b.mpd("")
		require.Equal(t, []dash.Event{{Time: 5700, Duration: 31_536_000_000, ID: events(t, first)[0].ID}}, events(t, first), "6 s are there")
		require.Equal(t, first, b.mpd(""), "of the same second")
		require.Zero(t, time.Since(begin))

		m, w := b.follow(first)
		require.Equal(t, updatePeriod, time.Since(begin))
		require.Equal(t, "public, max-age=1", w.Header().Get("Cache-Control"))
		require.Equal(t, []dash.Event{{Time: 1, Duration: 31_536_000_000, ID: events(t, first)[0].ID + 1}}, events(t, m), "wherever it is")
		visits := []conformance.Visit{{URL: "manifest.mpd", At: time.Now(), Status: 200, Body: w.Body.Bytes()}}

		late, _ := b.follow(first)
		require.Equal(t, m, late, "who is late gets it at once")
		require.Equal(t, updatePeriod, time.Since(begin))

		seen := []uint64{events(t, first)[0].ID}
		for _, event := range events(t, m) {
			require.NotContains(t, seen, event.ID)
			seen = append(seen, event.ID)
		}

		got := make(chan *dash.MPD, 1)
		go func() {
			for len(m.Periods) < 2 {
				m, w = b.follow(m)
				visits = append(visits, conformance.Visit{URL: "manifest.mpd", At: time.Now(), Status: 200, Body: w.Body.Bytes()})
			}
			got <- m
		}()
		time.Sleep(updatePeriod / 4)
		require.NoError(t, e.End())
		next, err := tl.BeginEpoch(timeline.EpochOptions{Renditions: ladder})
		require.NoError(t, err)
		next.SetZero(b.clock.Now())
		synctest.Wait()
		require.Empty(t, got, "the next Period is not there yet")
		b.run(next, newEncoder(t, next), 1)
		after := <-got
		require.Equal(t, updatePeriod*5/4, time.Since(begin))
		require.Len(t, after.Periods, 2)
		begins := b.mpd("")
		offset := begins.Periods[1].EventStreams[0].PresentationTimeOffset
		require.Equal(t, uint64(begins.Periods[1].Start)/1e6, offset)
		require.Equal(t, offset+1700, events(t, begins)[0].Time, "1.7 s from the start of the Period")
		for _, event := range events(t, after) {
			require.NotContains(t, seen, event.ID)
		}
		for _, v := range conformance.CheckDASH(visits, conformance.Options{}) {
			require.NotContains(t, v.Rule, "publishTime", v)
		}

		require.NoError(t, tl.End())
		ended, _ := b.follow(after)
		require.Equal(t, dash.Static, ended.Type)
		require.Empty(t, ended.Location)
		require.Empty(t, ended.Periods[1].EventStreams)
	})
}

// What is in a query for somebody else is in Location too; a viewer's own key as well, and no shared cache may keep that.
func TestMPDKeepsQueries(t *testing.T) {
	b := newBench(t, nil)
	_, e, enc := b.epoch("cam")
	b.run(e, enc, 1)
	for query, kept := range map[string]string{
		"": "", "?": "", "?CMCD=bl%3D1": "", "?exp=1;hmac=2": "&exp=1;hmac=2", "?cb=100%&CMCD=x&sig=%zz": "&cb=100%&sig=%zz",
		"?_DASH_after=4294967295&a=1&_DASH_after=x": "&a=1", "?a=<&\u00e9": "&a=<&\u00e9",
	} {
		location := b.mpd(query).Location
		require.Regexp(t, `^manifest\.mpd\?_DASH_after=\d+$`, strings.TrimSuffix(location, kept), query)
	}
	for _, query := range []string{"?token=secret", "?_DASH_after=1&token=secret", "?token=secret&_DASH_after=99999"} {
		w := b.get("/live/cam/manifest.mpd" + query)
		require.Equal(t, "private, max-age=1", w.Header().Get("Cache-Control"), query)
		require.Regexp(t, `<Location>manifest\.mpd\?_DASH_after=\d+&amp;token=secret</Location>`, w.Body.String(), query)
	}
	w := b.get("/live/cam/manifest.mpd")
	require.Equal(t, "public, max-age=1", w.Header().Get("Cache-Control"))
	require.NotContains(t, w.Body.String(), "secret", "it is nobody else's")
	m := b.mpd("?a=" + strings.Repeat("b", 2<<10))
	require.Empty(t, m.Location)
	require.Empty(t, m.Periods[0].EventStreams)
}
