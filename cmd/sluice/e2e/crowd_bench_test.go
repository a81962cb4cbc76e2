package e2e

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	crowdSize    = 1000
	crowdRamp    = 3 * time.Second
	crowdWatches = 20 * time.Second
)

// BenchmarkCrowd measures how long 1,000 viewers of LL-HLS wait for a part, and for the playlist that lists it, after ffmpeg
// has written it. What one of them takes of this process's time is in it. Run it with -benchtime 1x.
func BenchmarkCrowd(b *testing.B) {
	for _, coding := range []string{"gzip", "identity"} {
		b.Run(coding, func(b *testing.B) {
			for b.Loop() {
				benchCrowd(b, "Accept-Encoding: "+coding+"\r\n")
			}
		})
	}
}

func benchCrowd(b *testing.B, header string) {
	s := startService(b, "--ladder", smallRung)
	epoch := startStream(b, s, "crowd", "240p", 3)
	w := watchWrites(b, filepath.Join(s.data, "live", "crowd", epoch), "240p")
	renders := func() float64 { return s.metric(`sluice_playlist_renders_total{stream="crowd"}`) }
	made, cpu := renders(), cpuSeconds(b, s.cmd.Process.Pid)
	c := newCrowd(s, "/live/crowd/240p.m3u8", header)
	ctx, stop := context.WithTimeout(b.Context(), crowdRamp+crowdWatches)
	defer stop()
	c.watch(ctx, crowdSize, crowdRamp)
	cpu = cpuSeconds(b, s.cmd.Process.Pid) - cpu
	c.requireSound(b)
	delays := c.delays(w, c.first()+int64(crowdRamp/(2*time.Second))+1)
	require.NotEmpty(b, delays)
	b.ReportMetric(percentile(delays, 50), "p50-ms")
	b.ReportMetric(percentile(delays, 99), "p99-ms")
	b.ReportMetric(delays[len(delays)-1], "max-ms")
	b.ReportMetric(float64(len(delays)), "answers")
	b.ReportMetric(float64(c.answers.faulty()), "not-200")
	b.ReportMetric((renders()-made)/float64(c.seen()), "renders/version")
	b.ReportMetric(cpu/(crowdRamp+crowdWatches).Seconds()*100, "own-%core")
	b.ReportMetric(0, "ns/op")
}

// startStream publishes the clip so many times over and waits until a segment of it is whole; the result is its epoch.
func startStream(b *testing.B, s *service, name, rendition string, rounds int) (epoch string) {
	b.Helper()
	p := newPublisher(b, s, name)
	p.rounds = rounds
	p.send()
	s.waitState(name, "live")
	return waitSegment(b, s, "/live/"+name+"/"+rendition+".m3u8")
}

// first is the oldest segment that anybody has waited for.
func (c *crowd) first() int64 {
	return slices.MinFunc(c.waits, func(a, b wait) int { return int(a.part.msn - b.part.msn) }).part.msn
}

// delays are those from the writing of a part to the answers that waited for it, in ms and sorted, from a segment on.
func (c *crowd) delays(w *writes, from int64) (sorted []float64) {
	written := map[position]time.Time{}
	for part, end := range c.ends() {
		if at, ok := w.at(part.msn, end); ok && part.msn >= from {
			written[part] = at
		}
	}
	for _, wait := range c.waits {
		if at, ok := written[wait.part]; ok {
			sorted = append(sorted, wait.at.Sub(at).Seconds()*1000)
		}
	}
	slices.Sort(sorted)
	return sorted
}

// ends tells for each part how long its segment is with it.
func (c *crowd) ends() map[position]int64 {
	sizes := map[position]int64{}
	for path, piece := range c.parts {
		var at position
		if _, err := fmt.Sscanf(filepath.Base(path), "240p-%d.%d.m4s", &at.msn, &at.part); err == nil {
			sizes[at] = piece.size
		}
	}
	ends := map[position]int64{}
	for at := range sizes {
		end, whole := int64(0), true
		for before := (position{at.msn, 0}); before.part <= at.part; before.part++ {
			size, ok := sizes[before]
			end, whole = end+size, whole && ok
		}
		if whole {
			ends[at] = end
		}
	}
	return ends
}

// BenchmarkWaiter measures what a viewer who waits takes of the service's memory, connection and all.
func BenchmarkWaiter(b *testing.B) {
	for b.Loop() {
		s := startService(b, "--ladder", smallRung)
		startStream(b, s, "crowd", "240p", 3)
		alone := s.memory()
		_, _, body := s.get("/live/crowd/240p.m3u8")
		// The whole of the segment after the one in progress: 2 s at least.
		url := fmt.Sprintf("/live/crowd/240p.m3u8?_HLS_msn=%d", parseListing("", string(body)).next.msn+1)
		var waiting sync.WaitGroup
		for range crowdSize {
			w, err := dialWire(s.base, "Accept-Encoding: gzip\r\n")
			require.NoError(b, err)
			waiting.Go(func() {
				defer w.conn.Close()
				status, err := w.get(url, nil)
				assert.NoError(b, err)
				assert.Equal(b, http.StatusOK, status)
			})
		}
		lapse(time.Second)
		full := s.memory()
		waiting.Wait()
		for name, before := range alone {
			b.ReportMetric((full[name]-before)/1024/crowdSize, name+"-KiB/viewer")
		}
		b.ReportMetric(0, "ns/op")
	}
}

// memory is how many bytes of it the service uses, by what for.
func (s *service) memory() map[string]float64 {
	return map[string]float64{
		"heap": s.metric("go_memstats_heap_inuse_bytes"), "stack": s.metric("go_memstats_stack_inuse_bytes"),
		"resident": s.metric("process_resident_memory_bytes"),
	}
}
