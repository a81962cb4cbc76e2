package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"

	cdpbrowser "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

const (
	// watchedFor is how long players are watched after a fault at least: those furthest behind need so long to come to it.
	watchedFor = 25 * time.Second
	// givenUpIn is how long after a fault a player may need to play on.
	givenUpIn = time.Minute
	// steadyAfter is for how long a player has had no long pause when it is taken to play on.
	steadyAfter = 5 * time.Second
	longPause   = 1.5 // seconds, in which those that take whole segments at the live edge get some
	hiddenFor   = time.Minute
)

// page is a seat: a page with players of some habits in a browser.
type page struct {
	t       testing.TB
	stage   string // URL
	habits  []habit
	needs   []string // programs
	browser func(t testing.TB) *window
	window  *window
	host    func(base string, n int) string // what the n-th player calls the service; nil: as it is called
}

func (p *page) lacks() string {
	for _, tool := range p.needs {
		if _, err := exec.LookPath(tool); err != nil {
			return tool + " is not installed"
		}
	}
	return ""
}

func (p *page) open(stream string) {
	p.t.Helper()
	if p.window == nil {
		p.window = p.browser(p.t)
	}
	if err := p.window.navigate(p.stage + "/habits.html"); err != nil {
		p.t.Logf("%s: %v", p.habits[0].name, err)
	}
	for i, h := range p.habits {
		base := stream
		if p.host != nil {
			base = p.host(stream, i)
		}
		p.run(fmt.Sprintf("begin(%q, %q, %s, %q)", h.name, base+h.file, h.properties, h.open), nil)
	}
	p.run("void setTimeout(click, 1000)", nil)
}

func (p *page) run(script string, value any) {
	if err := p.window.evaluate(script, value); err != nil {
		p.t.Logf("%s: %v", p.habits[0].name, err)
	}
}

func (p *page) read() (all []habitual) {
	p.run("read()", &all)
	for i := len(all); i < len(p.habits); i++ {
		all = append(all, habitual{Name: p.habits[i].name, Errors: []string{"there is no such player on the page"}})
	}
	return all
}

func (p *page) reset() { p.run("reset()", nil) }

func (p *page) hide(hidden bool) bool {
	if p.window.hide == nil {
		return false
	}
	require.NoError(p.t, p.window.hide(hidden))
	return true
}

func (p *page) close() {
	if p.window != nil {
		p.window.close()
		p.window = nil
	}
}

// chromium opens pages in one browser, whose windows can be minimised, and which slows hidden pages down as it does for users.
func chromium(t testing.TB) (open func(testing.TB) *window) {
	browser := sync.OnceValue(func() *browser {
		return startBrowser(t, chromedp.Flag("disable-background-timer-throttling", false),
			chromedp.Flag("disable-renderer-backgrounding", false), chromedp.Flag("disable-backgrounding-occluded-windows", false))
	})
	return func(testing.TB) *window {
		tab := browser().open("about:blank")
		return &window{
			navigate: func(url string) error { return chromedp.Do(tab.ctx, chromedp.Navigate(url)) },
			evaluate: tab.evaluate,
			hide:     tab.minimise,
			close:    tab.close,
		}
	}
}

// minimise hides the window that the tab is in, or shows it.
func (p *tab) minimise(hidden bool) error {
	own, err := chromedp.Call(p.ctx, cdpbrowser.GetWindowForTarget, cdpbrowser.GetWindowForTargetParams{})
	if err != nil {
		return err
	}
	bounds := &cdpbrowser.Bounds{WindowState: cdpbrowser.WindowStateNormal}
	if hidden {
		bounds.WindowState = cdpbrowser.WindowStateMinimized
	}
	_, err = chromedp.Call(p.ctx, cdpbrowser.SetWindowBounds, cdpbrowser.SetWindowBoundsParams{WindowID: own.WindowID, Bounds: bounds})
	return err
}

// showing is the players of the table on a stream, some seats at a time.
type showing struct {
	*chaos
	faults []fault
	rows   [][]string
}

// BenchmarkPlayers has every player of the table meet the same faults, and prints for how long each stood still and whether it played
// on by itself. Its socket is held as systemd holds that of the unit. PLAYERS is a regular expression of the names of those that take part; without
// it, all.
func BenchmarkPlayers(b *testing.B) {
	some, err := regexp.Compile(os.Getenv("PLAYERS"))
	require.NoError(b, err)
	for b.Loop() {
		w := newWorld(b)
		w.holdSocket()
		s := &showing{chaos: newChaos(w, smallRung+",120p=214x120@30:150k", "--ladder-reduce")}
		s.faults = []fault{encoderKilled(), publisherGone(4 * time.Second), encoderStopped(), serviceKilled()}
		s.publisher.stop()
		s.publish()
		s.forgetsSound()
		defer func() { b.Log("\n" + s.table()) }()
		for _, together := range s.rounds(some) {
			s.seat(together)
		}
		s.viewer.stop()
		s.echo.stop()
		s.publisher.stop()
	}
	b.ReportMetric(0, "ns/op")
}

// forgetsSound waits until the sound that the stream began with, without pictures, is listed no more: Shaka plays sound alone for as long as it
// is open when it has once seen a Period without pictures.
func (s *showing) forgetsSound() {
	live := "/live/" + chaosStream + "/"
	s.s.waitListed(live+"240p.m3u8", "#EXTINF", 6)
	eventually(s.t, func() bool {
		_, _, playlist := s.s.get(live + "audio.m3u8")
		return !strings.Contains(string(playlist), "#EXT-X-DISCONTINUITY\n")
	}, "the sound without pictures is still listed")
}

// rounds are the seats that are taken at the same time, as many as two cores bear.
func (s *showing) rounds(some *regexp.Regexp) (all [][]seat) {
	t, stage, chromium := s.t, newStage(s.t), chromium(s.t)
	var pages []seat
	for pair := range slices.Chunk(s.chosen(everyHabit(), some), 2) { // two players on one page
		first := 2 * len(pages)
		pages = append(pages, &page{
			t: t, stage: stage, habits: pair, browser: chromium,
			// Each is a viewer of its own: its host has its own connections and its own place in the browser's cache.
			host: func(base string, n int) string {
				return strings.Replace(base, "127.0.0.1", fmt.Sprintf("viewer-%d.localhost", first+n), 1)
			},
		})
	}
	for together := range slices.Chunk(pages, 3) {
		all = append(all, together)
	}
	for _, p := range []*page{
		{habits: inFirefox(), needs: []string{"firefox-esr"}, browser: firefox},
		{habits: inWebKit(), needs: []string{"WebKitWebDriver", "xvfb-run"}, browser: webkit},
	} {
		p.t, p.stage = t, stage
		if p.habits = s.chosen(p.habits, some); len(p.habits) > 0 {
			all = append(all, []seat{p})
		}
	}
	var programs []seat
	for _, d := range []*desktop{
		ffplay(t, index), mpv(t, index), vlc(t, index), gstreamer(t, index, "hlsdemux2"),
		ffplay(t, plainMPD), mpv(t, plainMPD), vlc(t, plainMPD), gstreamer(t, mpd, "dashdemux2"),
		ffplay(t, mpd), mpv(t, mpd), vlc(t, mpd),
	} {
		if some.MatchString(d.name) {
			programs = append(programs, d)
		}
	}
	for together := range slices.Chunk(programs, 4) {
		all = append(all, together)
	}
	return all
}

// chosen are the habits of these names whose player is there.
func (s *showing) chosen(all []habit, some *regexp.Regexp) []habit {
	_, err := os.Stat(modules + shakaPlayer)
	return slices.DeleteFunc(all, func(h habit) bool {
		if !some.MatchString(h.name) {
			return true
		}
		if err != nil && strings.Contains(h.open, "shaka.") {
			s.rows = append(s.rows, []string{h.name, "shaka-player is not installed"})
			return true
		}
		return false
	})
}

// seat has some players meet the faults.
func (s *showing) seat(all []seat) {
	all = slices.DeleteFunc(all, func(a seat) bool {
		why := a.lacks()
		if why == "" {
			return false
		}
		for _, name := range names(a) {
			s.rows = append(s.rows, []string{name, why})
		}
		return true
	})
	if len(all) == 0 {
		return
	}
	var rows [][]string
	for _, a := range all {
		for _, name := range names(a) {
			rows = append(rows, []string{name})
		}
	}
	add := func(cells []string) {
		for i, cell := range cells {
			rows[i] = append(rows[i], cell)
		}
	}
	opened := time.Now()
	for _, a := range all {
		a.open(s.s.base + "/live/" + chaosStream + "/")
	}
	add(s.watchUntil(all, time.Time{}))
	s.t.Logf("%d players opened in %v", len(rows), time.Since(opened).Round(time.Second))
	for _, f := range s.faults {
		add(s.suffer(all, f))
	}
	add(s.disappear(all))
	for _, a := range all {
		a.close()
	}
	s.rows = append(s.rows, rows...)
	for _, row := range rows { // what is logged is printed in the end
		fmt.Fprintln(os.Stderr, strings.Join(row, " | "))
	}
}

// suffer has them meet a fault, and opens anew what does not play on.
func (s *showing) suffer(all []seat, f fault) (cells []string) {
	eventually(s.t, s.encodes)
	for _, a := range all {
		a.reset()
	}
	f.inject(s.chaos)
	cells = s.watchUntil(all, time.Now().Add(watchedFor))
	s.mend(all)
	return cells
}

// disappear hides all pages for a minute, in which ffmpeg is killed, and watches them from when they are shown again.
func (s *showing) disappear(all []seat) (cells []string) {
	var hidden []bool
	for _, a := range all {
		is := a.hide(true)
		for range names(a) {
			hidden = append(hidden, is)
		}
	}
	if !slices.Contains(hidden, true) {
		return slices.Repeat([]string{"-"}, len(hidden))
	}
	lapse(hiddenFor / 2)
	eventually(s.t, s.encodes)
	encoderKilled().inject(s.chaos)
	lapse(hiddenFor / 2)
	for _, a := range all {
		a.hide(false)
		a.reset()
	}
	return s.watchUntil(all, time.Time{})
}

// watchUntil watches at least so long, and until all play steadily or are given up; it returns for how long each stood still.
func (s *showing) watchUntil(all []seat, least time.Time) (cells []string) {
	var seen []habitual
	calm := map[string]time.Time{} // since when it has had no long pause
	steady := func(h habitual) bool { return !calm[h.Name].IsZero() && time.Since(calm[h.Name]) > steadyAfter }
	for end := time.Now().Add(givenUpIn); time.Now().Before(end); lapse(2 * lookEvery) {
		seen = nil
		for _, a := range all {
			seen = append(seen, a.read()...)
		}
		for _, h := range seen {
			if h.Still > longPause || h.Frames == 0 {
				calm[h.Name] = time.Time{}
			} else if calm[h.Name].IsZero() {
				calm[h.Name] = time.Now()
			}
		}
		if time.Now().After(least) && !slices.ContainsFunc(seen, func(h habitual) bool { return !steady(h) }) {
			break
		}
	}
	for _, h := range seen {
		cell := fmt.Sprintf("%.1f", h.Longest)
		if !steady(h) {
			cell = "stands still"
			fmt.Fprintf(os.Stderr, "%s does not play: %+v\n", h.Name, h) // what is logged is cut off
		}
		cells = append(cells, cell)
	}
	return cells
}

// mend opens the seats anew that have a player which stands still, and waits for what comes of it.
func (s *showing) mend(all []seat) {
	var opened []seat
	for _, a := range all {
		if slices.ContainsFunc(a.read(), func(h habitual) bool { return h.Still > longPause }) {
			a.open(s.s.base + "/live/" + chaosStream + "/")
			opened = append(opened, a)
		}
	}
	if len(opened) > 0 {
		s.watchUntil(opened, time.Time{})
	}
}

func (s *showing) table() string {
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	head := []string{"longest time without a new picture, s", "opened"}
	for _, f := range s.faults {
		head = append(head, f.name)
	}
	fmt.Fprintln(w, strings.Join(append(head, "hidden for a minute, ffmpeg killed meanwhile"), "\t"))
	for _, row := range s.rows {
		fmt.Fprintln(w, strings.Join(row, "\t"))
	}
	_ = w.Flush()
	return text.String()
}

func names(a seat) (all []string) {
	switch a := a.(type) {
	case *page:
		for _, h := range a.habits {
			all = append(all, h.name)
		}
	case *desktop:
		all = append(all, a.name)
	}
	return all
}
