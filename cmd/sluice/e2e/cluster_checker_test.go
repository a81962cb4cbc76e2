package e2e

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/sluice-live/sluice/packager/dash"
)

// Rules of what the nodes of a cluster say of one stream, whichever of them says it and whenever.
const (
	oneName      = "a number has one URI"
	sameDate     = "a number has one date"
	datesGoOn    = "dates do not go back"
	sameTear     = "a number has one discontinuity sequence"
	tearsGoOn    = "discontinuity sequences do not go back"
	neverBack    = "a node's playlist does not go back"
	oneBeginning = "availabilityStartTime is constant"
	periodStays  = "a Period keeps its start"
	periodsGoOn  = "Periods follow each other"
	sameMedia    = "a URI has the same bytes at all nodes"
	isPlaylist   = "a playlist is one"
	isThere      = "what is listed is there"
)

// sighting is one answer of a node; its status is 0 where there was none.
type sighting struct {
	node, path string // path below /live/STREAM/
	at         time.Time
	status     int
	body       []byte
}

// placed is what a media playlist says of a segment, whose part is -1, or of a part.
type placed struct {
	at      position
	uri     string
	date    time.Time // of segments
	tear    int64     // discontinuity sequence
	missing bool      // it is listed as a gap
}

// clusterChecker sees one stream at all nodes of a cluster, and finds what breaks a rule.
type clusterChecker struct {
	mu      sync.Mutex
	known   map[string]map[position]placed // by rendition
	ends    map[string]position            // of playlists, by node and rendition
	firsts  map[string]int64
	began   time.Time
	periods map[string]dash.Duration // starts by id
	sums    map[string][sha256.Size]byte
	dead    map[string]bool // epochs whose owner has died: what they list may be gone
	down    map[string]bool // nodes that the test has stopped
	found   []string        // what breaks rules, in the order in which it was found
	said    map[string]bool // of these, each once
	news    map[string]time.Time
	pauses  map[string]time.Duration // longest time without anything new, by node
}

func newClusterChecker() *clusterChecker {
	return &clusterChecker{
		known: map[string]map[position]placed{}, ends: map[string]position{}, firsts: map[string]int64{}, periods: map[string]dash.Duration{},
		sums: map[string][sha256.Size]byte{}, dead: map[string]bool{}, down: map[string]bool{}, said: map[string]bool{},
		news: map[string]time.Time{}, pauses: map[string]time.Duration{},
	}
}

// readPlaced reads a media playlist. end is the place behind all that is listed.
func readPlaced(text string) (all []placed, first int64, end position) {
	var date time.Time
	var tear int64
	missing, lasts := false, time.Duration(0)
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		tag, value, _ := strings.Cut(line, ":")
		switch tag {
		case "#EXT-X-MEDIA-SEQUENCE":
			first, _ = strconv.ParseInt(value, 10, 64)
			end.msn = first
		case "#EXT-X-DISCONTINUITY-SEQUENCE":
			tear, _ = strconv.ParseInt(value, 10, 64)
		case "#EXT-X-DISCONTINUITY":
			tear++
		case "#EXT-X-PROGRAM-DATE-TIME":
			date, _ = time.Parse(time.RFC3339, value)
		case "#EXTINF":
			lasts, _ = time.ParseDuration(strings.SplitN(value, ",", 2)[0] + "s")
		case "#EXT-X-GAP":
			missing = true
		case "#EXT-X-PART":
			all = append(all, placed{at: end, uri: attribute(value, "URI"), tear: tear, missing: strings.Contains(value, "GAP=YES")})
			end.part++
		default:
			if line == "" || strings.HasPrefix(line, "#") {
				continue
			}
			all = append(all, placed{position{end.msn, -1}, line, date, tear, missing})
			date, missing, end = date.Add(lasts), false, position{end.msn + 1, 0}
		}
	}
	return all, first, end
}

// take notes an answer.
func (c *clusterChecker) take(s sighting) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case strings.HasSuffix(s.path, ".m4s") || strings.HasSuffix(s.path, ".mp4"):
		c.takeMedia(s)
	case s.status != http.StatusOK:
	case strings.HasSuffix(s.path, ".mpd"):
		c.takeMPD(s)
	case s.path != "index.m3u8":
		c.takePlaylist(s)
	}
}

// fault notes that something breaks a rule; about is what it is about, of which it is said once.
func (c *clusterChecker) fault(rule, about, format string, args ...any) {
	if key := rule + about; !c.said[key] {
		c.said[key] = true
		c.found = append(c.found, rule+": "+about+": "+fmt.Sprintf(format, args...))
	}
}

func (c *clusterChecker) takePlaylist(s sighting) {
	if !strings.HasPrefix(string(s.body), "#EXTM3U") {
		c.fault(isPlaylist, s.node+" "+s.path, "%q", s.body)
		return
	}
	all, first, end := readPlaced(string(s.body))
	who := s.node + " " + s.path
	if before, ok := c.ends[who]; ok && (end.before(before) || first < c.firsts[who]) {
		c.fault(neverBack, who, "from %d to %v, after from %d to %v", first, end, c.firsts[who], before)
	}
	if c.ends[who].before(end) {
		if last, ok := c.news[s.node]; ok {
			c.pauses[s.node] = max(c.pauses[s.node], s.at.Sub(last))
		}
		c.news[s.node] = s.at
	}
	c.ends[who], c.firsts[who] = end, first
	known := c.known[s.path]
	if known == nil {
		known = map[position]placed{}
		c.known[s.path] = known
	}
	for _, now := range all {
		before, ok := known[now.at]
		about := fmt.Sprintf("%s %d.%d", s.path, now.at.msn, now.at.part)
		if !ok {
			c.compare(about, now, known)
			known[now.at] = now
			continue
		}
		if before.uri != now.uri {
			c.fault(oneName, about, "%s at %s, %s before", now.uri, s.node, before.uri)
		}
		if d := now.date.Sub(before.date); d.Abs() > 10*time.Millisecond {
			c.fault(sameDate, about, "%v at %s, %v before", now.date, s.node, before.date)
		}
		if before.tear != now.tear {
			c.fault(sameTear, about, "%d at %s, %d before", now.tear, s.node, before.tear)
		}
	}
}

// compare compares what is new with what is known before and behind it.
func (c *clusterChecker) compare(about string, now placed, known map[position]placed) {
	for at, other := range known {
		earlier, later := other, now
		if now.at.before(at) {
			earlier, later = now, other
		}
		if later.tear < earlier.tear {
			c.fault(tearsGoOn, about, "%d, and %d of %d.%d", now.tear, other.tear, at.msn, at.part)
		}
		if !later.date.IsZero() && !earlier.date.IsZero() && later.date.Before(earlier.date.Add(-10*time.Millisecond)) {
			c.fault(datesGoOn, about, "%v of %s, and %v of %s", now.date, now.uri, other.date, other.uri)
		}
	}
}

func (c *clusterChecker) takeMPD(s sighting) {
	m, err := dash.Parse(s.body)
	if err != nil {
		c.fault(periodsGoOn, s.node, "%v", err)
		return
	}
	if c.began.IsZero() {
		c.began = m.AvailabilityStartTime
	}
	if !c.began.Equal(m.AvailabilityStartTime) {
		c.fault(oneBeginning, "the MPD", "%v at %s, %v before", m.AvailabilityStartTime, s.node, c.began)
	}
	for i, p := range m.Periods {
		if start, ok := c.periods[p.ID]; ok && start != p.Start {
			c.fault(periodStays, p.ID, "%v at %s, %v before", time.Duration(p.Start), s.node, time.Duration(start))
		}
		c.periods[p.ID] = p.Start
		if i > 0 && p.Start < m.Periods[i-1].Start {
			c.fault(periodsGoOn, p.ID, "at %v, behind one at %v", time.Duration(p.Start), time.Duration(m.Periods[i-1].Start))
		}
	}
}

func (c *clusterChecker) takeMedia(s sighting) {
	if s.status != http.StatusOK {
		if !c.down[s.node] && !c.dead[path.Dir(s.path)] {
			c.fault(isThere, s.path, "%d at %s", s.status, s.node)
		}
		return
	}
	sum := sha256.Sum256(s.body)
	if before, ok := c.sums[s.path]; ok && before != sum {
		c.fault(sameMedia, s.path, "others at %s", s.node)
	}
	c.sums[s.path] = sum
}

// died says that the node has died which made all that has been listed until now.
func (c *clusterChecker) died() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, known := range c.known {
		for _, p := range known {
			c.dead[path.Dir(p.uri)] = true
		}
	}
}

// setDown says whether the test has stopped a node, which may give no answer then.
func (c *clusterChecker) setDown(node string, is bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.down[node] = is
}

// reset begins to measure pauses anew.
func (c *clusterChecker) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.pauses)
	for node := range c.news {
		c.news[node] = time.Now()
	}
}

// longest is the longest time for which a node had nothing new.
func (c *clusterChecker) longest(node string) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return max(c.pauses[node], time.Since(c.news[node]))
}

// faults is what has broken rules.
func (c *clusterChecker) faults() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.found)
}

// positions are how many segments and parts are known.
func (c *clusterChecker) positions() (count int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, known := range c.known {
		count += len(known)
	}
	return count
}
