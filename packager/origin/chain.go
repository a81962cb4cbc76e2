package origin

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/sluice-live/sluice/packager/dash"
	"github.com/sluice-live/sluice/packager/timeline"
)

// VLC 3 and libavformat never learn of a Period that was not in the first MPD that they read, and ask for all segments by the names that it gave.
// Decode times and numbers go on from epoch to epoch, though, and what the next ffmpeg writes is decoded by the same initialization segment as a
// rule. So plain.mpd has one Period for a chain of such epochs, and names their media below the first of them.

const (
	// chainMark ends the name of a chain's directory, which is that of its first epoch before it.
	chainMark = "-on"
	// maxDrift is how far the times of a chain may be from those of its Periods: each epoch adds what rounds its offset.
	maxDrift = 5 * time.Second
	// maxChains are remembered of a stream, for players that have the names of an older one, and of each the newest epochs.
	maxChains, maxEpochs = 16, 32
	// chainsName is the file that keeps them in the stream's directory: players go on when another process serves it.
	chainsName    = "plain.json"
	maxChainsFile = 64 << 10 // bytes
)

// chain is epochs that follow each other and are decoded alike.
type chain struct {
	Name   string        `json:"name"`   // of the first epoch
	ID     int64         `json:"id"`     // of that one's Period
	Begins time.Time     `json:"begins"` // availabilityStartTime of its MPD
	Start  time.Duration `json:"start"`  // of the Period
	Origin time.Duration `json:"origin"` // decode time of the Period's start
	Inits  string        `json:"inits"`  // digest of all initialization segments, by which epochs are alike
	Epochs []string      `json:"epochs"` // the newest, the last one last
}

// has reports whether an epoch is one of the chain.
func (c *chain) has(epoch string) bool { return c.Name == epoch || slices.Contains(c.Epochs, epoch) }

// chains are those of a stream, the newest last.
type chains struct {
	mu   sync.Mutex
	read bool // what another process has left
	of   *timeline.Presentation
	all  []*chain
}

// updateChains takes the Periods of a Presentation in, and returns all chains, none of which is ever changed.
func (s *Stream) updateChains(p *timeline.Presentation) []*chain {
	s.chains.mu.Lock()
	defer s.chains.mu.Unlock()
	if p == nil || p == s.chains.of {
		return s.chains.all
	}
	if s.chains.of = p; !s.chains.read {
		s.chains.read, s.chains.all = true, s.readChains()
	}
	all, changed := slices.Clone(s.chains.all), false
	for i := range p.Periods {
		period := &p.Periods[i]
		if slices.ContainsFunc(all, func(c *chain) bool { return c.has(period.Epoch) }) {
			continue
		}
		changed = true
		next := &chain{
			Name: period.Epoch, ID: period.ID, Begins: p.Start, Start: period.Start, Origin: period.Origin, Inits: s.inits(period), Epochs: []string{period.Epoch},
		}
		if n := len(all); n > 0 && all[n-1].takes(next) {
			longer := *all[n-1]
			longer.Epochs = append(slices.Clone(longer.Epochs[max(0, len(longer.Epochs)+1-maxEpochs):]), period.Epoch)
			all[n-1] = &longer
		} else {
			all = append(all, next)
		}
	}
	s.chains.all = all[max(0, len(all)-maxChains):]
	if changed {
		s.writeChains(s.chains.all)
	}
	return s.chains.all
}

// readChains reads what another process has left; nothing where that cannot be read.
func (s *Stream) readChains() []*chain {
	f, err := os.Open(filepath.Join(s.dir, chainsName))
	if err != nil {
		return nil
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxChainsFile))
	if err != nil {
		return nil
	}
	return parseChains(b)
}

// parseChains reads plain.json, and nothing where any of it is none of what is written there: its names become paths.
func parseChains(text []byte) (all []*chain) {
	if json.Unmarshal(text, &all) != nil || len(all) > maxChains || slices.ContainsFunc(all, func(c *chain) bool { return !c.valid() }) {
		return nil
	}
	return all
}

func (c *chain) valid() bool {
	return c != nil && timeline.IsEpochName(c.Name) && len(c.Epochs) > 0 && len(c.Epochs) <= maxEpochs && c.Start >= 0 && c.Origin >= 0 &&
		!slices.ContainsFunc(c.Epochs, func(epoch string) bool { return !timeline.IsEpochName(epoch) })
}

// writeChains keeps the chains. Where that fails players of another process begin anew, no more.
func (s *Stream) writeChains(all []*chain) {
	b, err := json.Marshal(all)
	if err != nil {
		return
	}
	f, err := os.CreateTemp(s.dir, chainsName+".*")
	if err != nil {
		return
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Chmod(0o640), f.Close()); err == nil {
		err = os.Rename(f.Name(), filepath.Join(s.dir, chainsName))
	}
	if err != nil {
		os.Remove(f.Name())
	}
}

// takes reports whether the epoch of another chain goes on with this one.
func (c *chain) takes(next *chain) bool {
	drift := next.Start - next.Origin - c.Start + c.Origin
	return c.Inits == next.Inits && c.Begins.Equal(next.Begins) && max(drift, -drift) <= maxDrift
}

// inits is a digest of the initialization segments of a Period; where one cannot be read it is like that of no other.
func (s *Stream) inits(period *timeline.Period) string {
	var all strings.Builder
	for _, d := range period.Renditions {
		body := []byte(period.Epoch)
		if f, err := s.open(period.Epoch, timeline.InitName(d.ID)); err == nil {
			if read, err := io.ReadAll(f); err == nil {
				body = read
			}
			f.Close()
		}
		all.WriteString(strconv.Quote(d.ID) + strconv.Quote(string(body)))
	}
	digest := sha256.Sum256([]byte(all.String()))
	return hex.EncodeToString(digest[:])
}

// chainPeriods are the Periods of the MPD with the segments of the chains that they are of.
func chainPeriods(all []*chain, of *timeline.Snapshot, periods []dash.Period) (plain []dash.Period) {
	var before *chain
	for i := range periods {
		n := slices.IndexFunc(all, func(c *chain) bool { return c.has(of.Presentation.Periods[i].Epoch) })
		if n < 0 || all[n] == before {
			continue
		}
		c, p := all[n], periods[i]
		before = c
		p.ID, p.Start, p.Duration = strconv.FormatInt(c.ID, 10), dash.Duration(c.Start), 0
		for j := range p.AdaptationSets {
			set := &p.AdaptationSets[j]
			set.References = nil
			for k := range set.Representations {
				rep := &set.Representations[k]
				rep.Resync = nil
				plainTemplate(rep.Template, of.Playlist(rep.ID), func(s *timeline.Segment) bool { return c.has(s.EpochName()) })
				rep.Template.PresentationTimeOffset = timeline.ToTicks(c.Origin, rep.Template.Timescale)
				rep.Template.Media = c.Name + chainMark + "/$RepresentationID$-$Number$.m4s"
				rep.Template.Initialization = c.Name + chainMark + "/$RepresentationID$-init.mp4"
			}
		}
		plain = append(plain, p)
	}
	return slices.DeleteFunc(plain, func(p dash.Period) bool { return !complete(p) })
}

// epochOfChain finds the epoch of what is asked for below a chain, empty where there is none. A segment that is yet to begin is waited for, whichever
// epoch it will be of: refused, libavformat asks for the one after it and is ahead for ever.
func (s *Stream) epochOfChain(r *http.Request, first string, m timeline.MediaFile) (epoch string) {
	s.awaitPlaylist(r, m.Rendition, startWait, func(now *snapshot, p *playlist) bool {
		all := s.updateChains(now.Presentation)
		n := slices.IndexFunc(all, func(c *chain) bool { return c.has(first) })
		if n < 0 || p == nil {
			return true
		}
		own := all[n]
		switch epoch = p.epochOf(m.MSN); {
		case m.MSN < 0:
			epoch = own.Epochs[len(own.Epochs)-1]
		case len(p.Segments) > 0 && m.MSN < p.Segments[0].MSN:
			epoch = s.epochWith(own.Epochs, timeline.SegmentName(m.Rendition, m.MSN))
		case !own.has(epoch):
			epoch = ""
		}
		return epoch != "" || m.MSN <= p.Last()
	})
	return epoch
}

// epochWith is the epoch that has a file still: of segments that are listed no more nothing else is known.
func (s *Stream) epochWith(epochs []string, name string) string {
	for _, epoch := range slices.Backward(epochs) {
		if _, err := os.Stat(filepath.Join(s.dir, epoch, timeline.PublicDir, name)); err == nil {
			return epoch
		}
	}
	return ""
}

// epochOf is the epoch of a segment that is listed or grows; empty of any other.
func (p *playlist) epochOf(msn int64) string {
	if s, ok := timeline.FindSegment(p.Segments, msn); ok {
		return s.EpochName()
	}
	if p.Growing != nil && p.Growing.MSN == msn {
		return p.Growing.EpochName()
	}
	return ""
}
