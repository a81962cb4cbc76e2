package e2e

import (
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A page of dash.js that was hidden until nothing of what it knew is listed any more, with another ffmpeg since, plays on when it is shown. Its
// video has no sound, so the browser pauses it; the page has called play() at once, so dash.js goes by the events of the MPD alone.
func TestHiddenPage(t *testing.T) {
	alongside(t, paged)
	s := startService(t, "--ladder", smallRung, "--segment", "1s", "--window", "6s")
	clip, err := makeClip(vp8)
	require.NoError(t, err)
	p := publishClip(t, s, "hidden", clip)
	p.rounds = chaosRounds
	p.send()
	s.waitState("hidden", "live")
	all := everyHabit()
	i := slices.IndexFunc(all, func(h habit) bool { return h.name == "dash.js, play() at once" })
	player := &page{t: t, stage: newStage(t), habits: all[i : i+1], browser: chromium(t)}
	player.open(s.base + "/live/hidden/")
	defer player.close()
	plays := func() bool { return player.read()[0].Frames > 30 }
	eventually(t, plays)

	player.hide(true)
	eventually(t, func() bool { return player.read()[0].Paused })
	signalEncoder(t, s, syscall.SIGKILL)
	s.waitFor("hidden", func(st stream) bool { return st.Encoder.Restarts > 0 })
	s.waitMoreListed("/live/hidden/240p.m3u8", 10)
	lapse(5 * time.Second) // MPDs keep a Period for some time longer
	player.hide(false)
	player.reset()
	eventually(t, plays, "it stands still")
	p.stop()
}
