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
// rule. So plain.mpd has one Period for a run of such epochs, and names their media below the first of them.

const (
	// runMark ends the name of a run's directory, which is that of its first epoch before it.
	runMark = "-on"
	// maxDrift is how far the times of a run may be from those of its Periods: each epoch adds what rounds its offset.
	maxDrift = 5 * time.Second
	// maxRuns are remembered of a stream, for players that have the names of an older one, and of each the newest epochs.
	maxRuns, maxEpochs = 16, 32
	// runsName is the file that keeps them in the stream's directory: players go on when another process serves it.
	runsName = "plain.json"
)

// run is epochs that follow each other and are decoded alike.
type run struct {
	Name   string        `json:"name"`   // of the first epoch
	ID     int64         `json:"id"`     // of that one's Period
	Begins time.Time     `json:"begins"` // availabilityStartTime of its MPD
	Start  time.Duration `json:"start"`  // of the Period
	Origin time.Duration `json:"origin"` // decode time of the Period's start
	Inits  string        `json:"inits"`  // digest of all initialization segments, by which epochs are alike
	Epochs []string      `json:"epochs"` // the newest, the last one last
}

// has reports whether an epoch is one of the run.
func (r *run) has(epoch string) bool { return r.Name == epoch || slices.Contains(r.Epochs, epoch) }

// runs are those of a stream, the newest last.
type runs struct {
	mu   sync.Mutex
	read bool // what another process has left
	of   *timeline.Presentation
	all  []*run
}

// updateRuns takes the Periods of a Presentation in, and returns all runs, none of which is ever changed.
func (s *Stream) updateRuns(p *timeline.Presentation) []*run {
	s.runs.mu.Lock()
	defer s.runs.mu.Unlock()
	if p == nil || p == s.runs.of {
		return s.runs.all
	}
	if s.runs.of = p; !s.runs.read {
		s.runs.read, s.runs.all = true, s.readRuns()
	}
	all, changed := slices.Clone(s.runs.all), false
	for i := range p.Periods {
		period := &p.Periods[i]
		if slices.ContainsFunc(all, func(r *run) bool { return r.has(period.Epoch) }) {
			continue
		}
		changed = true
		next := &run{
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
	s.runs.all = all[max(0, len(all)-maxRuns):]
	if changed {
		s.writeRuns(s.runs.all)
	}
	return s.runs.all
}

// readRuns reads what another process has left; nothing where that cannot be read.
func (s *Stream) readRuns() (all []*run) {
	if b, err := os.ReadFile(filepath.Join(s.dir, runsName)); err != nil || json.Unmarshal(b, &all) != nil {
		return nil
	}
	return slices.DeleteFunc(all, func(r *run) bool { return r == nil })
}

// writeRuns keeps the runs. Where that fails players of another process begin anew, no more.
func (s *Stream) writeRuns(all []*run) {
	b, err := json.Marshal(all)
	if err != nil {
		return
	}
	f, err := os.CreateTemp(s.dir, runsName+".*")
	if err != nil {
		return
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Chmod(0o640), f.Close()); err == nil {
		err = os.Rename(f.Name(), filepath.Join(s.dir, runsName))
	}
	if err != nil {
		os.Remove(f.Name())
	}
}

// takes reports whether the epoch of another run goes on with this one.
func (r *run) takes(next *run) bool {
	drift := next.Start - next.Origin - r.Start + r.Origin
	return r.Inits == next.Inits && r.Begins.Equal(next.Begins) && max(drift, -drift) <= maxDrift
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

// runPeriods are the Periods of the MPD with the segments of the runs that they are of.
func runPeriods(all []*run, of *timeline.Snapshot, periods []dash.Period) (plain []dash.Period) {
	var before *run
	for i := range periods {
		n := slices.IndexFunc(all, func(r *run) bool { return r.has(of.Presentation.Periods[i].Epoch) })
		if n < 0 || all[n] == before {
			continue
		}
		r, p := all[n], periods[i]
		before = r
		p.ID, p.Start, p.Duration = strconv.FormatInt(r.ID, 10), dash.Duration(r.Start), 0
		for j := range p.AdaptationSets {
			set := &p.AdaptationSets[j]
			set.References = nil
			for k := range set.Representations {
				rep := &set.Representations[k]
				rep.Resync = nil
				plainTemplate(rep.Template, of.Playlist(rep.ID), func(s *timeline.Segment) bool { return r.has(s.EpochName()) })
				rep.Template.PresentationTimeOffset = timeline.ToTicks(r.Origin, rep.Template.Timescale)
				rep.Template.Media = r.Name + runMark + "/$RepresentationID$-$Number$.m4s"
				rep.Template.Initialization = r.Name + runMark + "/$RepresentationID$-init.mp4"
			}
		}
		plain = append(plain, p)
	}
	return slices.DeleteFunc(plain, func(p dash.Period) bool { return !complete(p) })
}

// epochOfRun finds the epoch of what is asked for below a run, empty where there is none. A segment that is yet to begin is waited for, whichever
// epoch it will be of: refused, libavformat asks for the one after it and is ahead for ever.
func (s *Stream) epochOfRun(r *http.Request, first string, m timeline.MediaFile) (epoch string) {
	s.awaitPlaylist(r, m.Rendition, startWait, func(now *snapshot, p *playlist) bool {
		all := s.updateRuns(now.Presentation)
		n := slices.IndexFunc(all, func(r *run) bool { return r.has(first) })
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
