package origin

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDirectives(t *testing.T) {
	none := directives{msn: -1, part: -1}
	for query, want := range map[string]directives{
		"": none, "token=x&_HLS_future=1": none,
		"_HLS_msn=7": {msn: 7, part: -1}, "_HLS_msn=7&_HLS_part=3&_HLS_skip=YES": {7, 3, true},
		"_HLS_skip=v2": {-1, -1, true}, "_HLS_skip=no": none,
		"_HLS_msn=9223372036854775807": {msn: 1<<63 - 1, part: -1},
		"exp=1;hmac=2":                 none, "cb=100%": none, "sig=%zz&token=%": none, ";": none, "%zz=1": none, "&&=&=x": none,
		"exp=1;hmac=2&_HLS_msn=7&sig=%zz&_HLS_part=3": {7, 3, false},
		"%5FHLS_msn=%37&_HLS_msn=8":                   {msn: 7, part: -1},
		"_HLS_skip=%zz":                               none, "_HLS_skip=YES&_HLS_skip=no": {-1, -1, true},
	} {
		got, err := parseDirectives(query)
		require.NoError(t, err, query)
		require.Equal(t, want, got, query)
	}
	for _, query := range []string{
		"_HLS_part=1", "_HLS_msn=", "_HLS_msn=x", "_HLS_msn=-1", "_HLS_msn=%2B1", "_HLS_msn=1.5", "_HLS_msn=9223372036854775808",
		"_HLS_msn=1&_HLS_part=-1", "_HLS_msn=1&_HLS_part=a", "_HLS_msn=%zz", "_HLS_msn=7;exp=1", "cb=100%&_HLS_msn=x",
	} {
		_, err := parseDirectives(query)
		require.Error(t, err, query)
	}
}

func FuzzDirectives(f *testing.F) {
	f.Add("_HLS_msn=1&_HLS_part=2&_HLS_skip=YES")
	f.Add("exp=1;hmac=2&sig=%zz&%5FHLS_msn=7")
	f.Fuzz(func(t *testing.T, query string) {
		if d, err := parseDirectives(query); err == nil && (d.msn < -1 || d.part < -1 || d.part >= 0 && d.msn < 0) {
			t.Fatalf("%q gave %+v", query, d)
		}
	})
}
