package cluster

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/cmd/sluice/internal/cluster/etcdtest"
)

// The way there and back is no difference of clocks, which are told apart as far as is certain.
func TestSkewIsMeasured(t *testing.T) {
	began := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	at := func(ms int) time.Time { return began.Add(time.Duration(ms) * time.Millisecond) }
	s := newSkew()
	for _, c := range []struct {
		name            string
		answered, there int // ms after the question
		ahead           time.Duration
		tell            bool
	}{
		{"the same time", 40, 20, 0, false},
		{"a slow way, by which nothing is certain", 400, 350, 150 * time.Millisecond, false},
		{"99 ms ahead", 0, 99, 99 * time.Millisecond, false},
		{"behind", 20, -110, -120 * time.Millisecond, true},
		{"the same, which has been said", 20, -110, -120 * time.Millisecond, false},
		{"right again", 20, 10, 0, false},
		{"ahead", 20, 210, 200 * time.Millisecond, true},
	} {
		o, tell := s.measured("b", at(0), at(c.answered), at(c.there))
		require.Equal(t, c.ahead, o.ahead, c.name)
		require.Equal(t, c.tell, tell, c.name)
	}
	ahead, known := s.of("b")
	require.Equal(t, []any{200 * time.Millisecond, true}, []any{ahead, known})
	later := began.Add(skewSaid + time.Second)
	_, tell := s.measured("b", later, later, later.Add(time.Second))
	require.True(t, tell, "an hour later it is said again")
	s.keep([]string{"a"}, later)
	_, known = s.of("b")
	require.False(t, known)
	s.measured("b", at(0), at(0), at(0))
	s.keep([]string{"b"}, at(0).Add(skewKept+time.Second))
	_, known = s.of("b")
	require.False(t, known, "it has not answered for too long")
}

// It is this clock that is wrong if most others agree that it is.
func TestWhoseClockIsWrong(t *testing.T) {
	for name, c := range map[string]struct {
		ahead []time.Duration // of the other nodes
		wrong bool
	}{
		"alone":                      {nil, false},
		"two, of whom nobody knows":  {[]time.Duration{time.Hour}, false},
		"three, this one":            {[]time.Duration{5 * time.Second, 5 * time.Second}, true},
		"three, another":             {[]time.Duration{0, 5 * time.Second}, false},
		"three, this one ahead":      {[]time.Duration{-2 * time.Second, -2 * time.Second}, true},
		"three, this one a little":   {[]time.Duration{900 * time.Millisecond, 900 * time.Millisecond}, false},
		"three, this one in between": {[]time.Duration{-5 * time.Second, 5 * time.Second}, false},
		"four, two and two":          {[]time.Duration{0, time.Minute, time.Minute}, false},
		"four, this one":             {[]time.Duration{time.Minute, time.Minute, time.Minute}, true},
		"five, this one and another": {[]time.Duration{0, time.Minute, time.Minute, time.Minute}, true},
		"five, two others":           {[]time.Duration{0, 0, time.Minute, time.Minute}, false},
	} {
		s := newSkew()
		for i, ahead := range c.ahead {
			s.offsets[string(rune('b'+i))] = offset{ahead: ahead}
		}
		require.Equal(t, c.wrong, s.wrong(), name)
	}
	s := newSkew()
	for _, id := range []string{"b", "c"} {
		s.offsets[id] = offset{ahead: 3 * time.Second, doubt: 2500 * time.Millisecond}
	}
	require.False(t, s.wrong(), "nothing is certain")
}

// A node whose clock is wrong says so, and takes no new streams until it is right; those that it has go on. The others say which node it is.
func TestClocksAreCompared(t *testing.T) {
	etcd := etcdtest.Start(t)
	wrong := 5 * time.Second
	serve := func(ahead *time.Duration) string {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			require.Equal(t, PathOfTime, r.URL.Path)
			_ = json.NewEncoder(w).Encode(TimeAnswer{time.Now().Add(*ahead)})
		}))
		t.Cleanup(s.Close)
		return s.URL
	}
	right := time.Duration(0)
	by := func(ahead *time.Duration) func(*Options) {
		return func(o *Options) { o.Clock = func() time.Time { return time.Now().Add(*ahead) } }
	}
	a, b, c := startNodeAt(t, etcd, "a", serve(&right), by(&right)), startNodeAt(t, etcd, "b", serve(&right), by(&right)), startNodeAt(t, etcd, "c", serve(&wrong), by(&wrong))
	for _, n := range []*testNode{a, b, c} {
		n.sees(t, "a", "b", "c")
		eventually(t, func() bool {
			n.askClocks(t.Context())
			known := 0
			for _, id := range []string{"a", "b", "c"} {
				if _, is := n.Skew(id); is {
					known++
				}
			}
			return known == 2 && n.Skewed() == (n == c)
		}, n.ID())
	}
	require.Contains(t, a.log.String(), "the clocks of two nodes are apart")
	require.Contains(t, a.log.String(), "node=c ahead=")
	require.NotContains(t, a.log.String(), "node=b ahead=")
	require.Equal(t, 2, strings.Count(c.log.String(), "the clocks of two nodes are apart"))
	require.Equal(t, 1, strings.Count(c.log.String(), "this node takes no new streams"))
	require.ErrorIs(t, failed(c.Claim(t.Context(), "cam")), ErrSkewed)
	require.NoError(t, failed(a.Claim(t.Context(), "cam")))
}
