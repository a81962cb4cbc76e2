package origin

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/packager/conformance"
	"github.com/sluice-live/sluice/packager/timeline"
)

// How far behind players stay is what they are told, in playlists and MPDs that keep the rules.
func TestDistance(t *testing.T) {
	for _, test := range []struct {
		name          string
		segment, part time.Duration
		distance      timeline.Distance
		playlist, mpd []string
	}{
		{
			"default", 2 * time.Second, 200 * time.Millisecond, timeline.Distance{},
			[]string{"PART-HOLD-BACK=0.642,HOLD-BACK=6.000,CAN-SKIP-UNTIL=12.000", "PART-TARGET=0.214", "TARGETDURATION:2"},
			[]string{`<Latency referenceId="0" target="1000" max="3000" min="600"`, `suggestedPresentationDelay="PT5S"`, `availabilityTimeOffset="1.8"`},
		},
		{
			"near", 2 * time.Second, 100 * time.Millisecond, timeline.Distance{HoldBack: 3, Target: 4, Least: 3, Most: 20},
			[]string{"PART-HOLD-BACK=0.321,HOLD-BACK=6.000,CAN-SKIP-UNTIL=12.000", "PART-TARGET=0.107", "TARGETDURATION:2"},
			[]string{`<Latency referenceId="0" target="400" max="2000" min="300"`, `suggestedPresentationDelay="PT5S"`, `availabilityTimeOffset="1.9"`},
		},
		{
			"far", 4 * time.Second, 400 * time.Millisecond, timeline.Distance{HoldBack: 5, Target: 6, Least: 4, Most: 15},
			[]string{"PART-HOLD-BACK=2.135,HOLD-BACK=12.000,CAN-SKIP-UNTIL=24.000", "PART-TARGET=0.427", "TARGETDURATION:4"},
			[]string{`<Latency referenceId="0" target="2400" max="6000" min="1600"`, `suggestedPresentationDelay="PT10S"`, `availabilityTimeOffset="3.6"`},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			timing := timeline.Timing{Segment: test.segment, Part: test.part, Window: time.Minute, Distance: test.distance}
			p := broadcast(t, timing, 20)
			var visits []conformance.Visit
			for name, wants := range map[string][]string{"180p.m3u8": test.playlist, "manifest.mpd": test.mpd} {
				w := httptest.NewRecorder()
				serve := func(w http.ResponseWriter, r *http.Request) { p.serveManifest(w, r, name) }
				conformance.CrossOrigin(http.HandlerFunc(serve)).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/live/cam/"+name, nil))
				require.Equal(t, http.StatusOK, w.Code, name)
				for _, want := range wants {
					require.Contains(t, w.Body.String(), want, name)
				}
				w.Header().Set("Content-Encoding", "gzip") // as players get it
				visits = append(visits, conformance.Visit{URL: name, At: time.Now(), Status: w.Code, Header: w.Header(), Body: w.Body.Bytes()})
			}
			require.Empty(t, conformance.CheckHLS(visits, conformance.Options{}))
			require.Empty(t, conformance.CheckDASH(visits, conformance.Options{}))
		})
	}
}
