package cmcd

import (
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const session = "6e2fb550-c457-11e9-bb97-0800200c9a66"

// none is a report in which nothing is told but the session.
func none() Report {
	return Report{Session: session, Time: Unknown, Bitrate: Unknown, Latency: Unknown, Startup: Unknown, Starts: Unknown, Stalled: Unknown, Finished: Unknown}
}

func with(change func(*Report)) Report {
	r := none()
	change(&r)
	return r
}

// What players send: the texts are those of the encoder that hls.js 1.7 and dash.js 5 have in common (@svta/cml-cmcd 2), and of the specification.
func TestParse(t *testing.T) {
	for text, want := range map[string]Report{
		`sid="` + session + `"`: none(),
		`bl=2000,br=2428,bs,cid="cam",d=200,dl=1900,mtp=12300,nor="part.m4s",ot=v,rtp=12100,sf=h,sid="` + session + `",st=ll,tb=5000`: with(func(r *Report) {
			r.Content, r.Format, r.Bitrate, r.Starved = "cam", HLS, 2428, true
		}),
		`bl=(2000),br=(2428),bs,cid="cam",d=200,dl=1900,ltc=1830,msd=740,mtp=(12300),nor=("part.m4s"),ot=v,rtp=12100,sf=h,sid="` + session + `",st=ll,sta=p,tb=(5000),v=2`: with(func(r *Report) {
			r.Content, r.Format, r.State, r.Bitrate, r.Starved, r.Latency, r.Startup = "cam", HLS, Playing, 2428, true, 1830, 740
		}),
		`bl=(2000),cid="cam",e=rr,ltc=1830,mtp=(12300),rc=200,sf=h,sid="` + session + `",sn=3,st=ll,sta=p,ts=1796011226924,ttfb=1,ttlb=3,url="https://x/live/cam/a.m4s",v=2`: with(func(r *Report) {
			r.Content, r.Format, r.State, r.Latency, r.Time, r.URL = "cam", HLS, Playing, 1830, 1796011226924, "https://x/live/cam/a.m4s"
		}),
		`br=(96;a 3200;v),bsa=(2;v 1;a),bsd=(300 150;v),bsda=(4100),sf=d,sid="` + session + `",v=2`: with(func(r *Report) {
			r.Format, r.Bitrate, r.Starts, r.Finished, r.Stalled = DASH, 3200, 3, 450, 4100
		}),
		`sid="` + session + `",com.example-myKey="a,b=\"c\"",pr=1.08,x-y=?0,z-z=:aGk=:,w-w=@1659578233,su=?1`: none(),
		`sid="` + session + `" , bs=true , cid="a\"b\\" `:                                                     with(func(r *Report) { r.Content, r.Starved = `a"b\`, true }),
		`br=96,ot=a,sid="` + session + `"`:                                                                    with(func(r *Report) { r.Bitrate, r.Audio = 96, true }),
		`br="high",ltc=-5,sta=playing,cid=cam,bs=?0,bsa=("x"),sid="` + session + `"`:                          none(), // of another type: not told
	} {
		got, err := Parse(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
}

func TestParseRefuses(t *testing.T) {
	for _, text := range []string{"", "br=1", "sid=\"\"", "sid=x"} {
		_, err := Parse(text)
		require.ErrorIs(t, err, ErrSession, text)
	}
	for _, text := range []string{
		`sid="a`, `sid=`, `=1`, `sid="a" br=1`, `br=(1 2,sid="a"`, `br=1;,sid="a"`, `br=1;v=,sid="a"`, `br=12345678901234567,sid="a"`, `br=1.,sid="a"`, `{"sid":"a"}`, "sid=\"a\nb\"",
		`a=?2,sid="a"`, `a=:x,sid="a"`, `sid="` + strings.Repeat("a", MaxReport) + `"`, strings.Repeat("a,", maxKeys) + `sid="a"`, `br=(` + strings.Repeat("1 ", maxKeys+1) + `),sid="a"`,
	} {
		_, err := Parse(text)
		require.ErrorIs(t, err, ErrSyntax, text)
	}
}

func TestOfRequest(t *testing.T) {
	query := "?_HLS_msn=3&_HLS_part=1&CMCD=" + url.QueryEscape(`br=2428,cid="cam",sid="a b"`) + "&token=x"
	require.Equal(t, `br=2428,cid="cam",sid="a b"`, OfRequest(httptest.NewRequest("GET", "/live/cam/v0.m3u8"+query, nil)))
	for _, query := range []string{"", "?a=1", "?xCMCD=1", "?CMCD=", "?CMCD=%zz", "?CMCD=" + strings.Repeat("a", MaxReport+1)} {
		require.Empty(t, OfRequest(httptest.NewRequest("GET", "/live/cam/v0.m3u8"+query, nil)), query)
	}
	r := httptest.NewRequest("GET", "/live/cam/v0.m3u8", nil)
	r.Header.Set("CMCD-Request", "bl=2000,su")
	require.Empty(t, OfRequest(r))
	r.Header.Set("CMCD-Object", "br=2428,ot=v")
	r.Header.Set("CMCD-Session", `sf=h,sid="a"`)
	require.Equal(t, `sf=h,sid="a",bl=2000,su,br=2428,ot=v`, OfRequest(r))
	r.Header.Set("CMCD-Status", strings.Repeat("a", MaxReport))
	require.Empty(t, OfRequest(r))
}

func FuzzParse(f *testing.F) {
	f.Add(`bl=(2000 10;v),br=(2428),bs,cid="c\"am",ltc=1830,sf=h,sid="a",sta=p,v=2,x-y=?1,z-z=:aGk=:`)
	f.Fuzz(func(t *testing.T, text string) {
		r, err := Parse(text)
		if err == nil && r.Session == "" || len(r.Session) > len(text) {
			t.Fatalf("%q gave %+v, %v", text, r, err)
		}
		for _, n := range []int64{r.Time, r.Bitrate, r.Latency, r.Startup, r.Starts, r.Stalled, r.Finished} {
			if n < Unknown || n > 2*maxNumber {
				t.Fatalf("%q gave %+v", text, r)
			}
		}
	})
}

func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(`bl=(2000),cid="cam",e=t,ltc=1830,mtp=(12300),sf=h,sid="6e2fb550-c457-11e9-bb97-0800200c9a66",sn=3,st=ll,sta=p,ts=1796011226924,v=2`); err != nil {
			b.Fatal(err)
		}
	}
}
