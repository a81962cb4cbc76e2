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

	"github.com/stretchr/testify/require"
)

const growReaders = 200

// BenchmarkGrowing measures how long 200 readers of the segment in progress wait for each of its chunks after ffmpeg has
// written it, segment after segment as a player of LL-DASH asks for them. Run it with -benchtime 1x.
func BenchmarkGrowing(b *testing.B) {
	for b.Loop() {
		s := startService(b, "--ladder", smallRung)
		epoch := startStream(b, s, "growing", "240p", 3)
		r := &chunkReaders{
			service: s, prefix: "/live/growing/" + epoch + "/240p-", bodies: map[int64]string{},
			writes: watchWrites(b, filepath.Join(s.data, "live", "growing", epoch), "240p"),
		}
		_, _, body := s.get("/live/growing/240p.m3u8")
		next := parseListing("", string(body)).next.msn
		ctx, stop := context.WithTimeout(b.Context(), crowdWatches)
		defer stop()
		var reading sync.WaitGroup
		for range growReaders {
			reading.Go(func() { r.read(ctx, next) })
		}
		reading.Wait()
		r.report(b)
	}
}

// chunkReaders take the segments of a rendition while they grow.
type chunkReaders struct {
	service *service
	prefix  string // of the segments' paths
	writes  *writes

	mu     sync.Mutex
	bodies map[int64]string // by media sequence number
	late   []float64        // ms from each write to each reader
	faults []string
}

// read takes segment after segment until ctx ends.
func (r *chunkReaders) read(ctx context.Context, msn int64) {
	w, err := dialWire(r.service.base, "")
	if err != nil {
		r.fault("%v", err)
		return
	}
	defer w.conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = w.conn.Close() })
	defer stop()
	for ; ; msn++ {
		var arrived []written
		asked := time.Now()
		status, err := w.get(r.path(msn), func(size int) { arrived = append(arrived, written{int64(size), time.Now()}) })
		if ctx.Err() != nil {
			return
		}
		if err != nil || status != http.StatusOK {
			r.fault("segment %d: %d %v", msn, status, err)
			return
		}
		r.keep(msn, string(w.body), r.writes.late(msn, asked, arrived))
	}
}

func (r *chunkReaders) path(msn int64) string { return fmt.Sprintf("%s%d.m4s", r.prefix, msn) }

// late is by how many ms each write of a segment came after it had been written, of those that had been waited for.
func (w *writes) late(msn int64, asked time.Time, arrived []written) (late []float64) {
	for _, write := range w.of(msn) {
		i := slices.IndexFunc(arrived, func(a written) bool { return a.size >= write.size })
		if i >= 0 && asked.Before(write.at) {
			late = append(late, arrived[i].at.Sub(write.at).Seconds()*1000)
		}
	}
	return late
}

func (r *chunkReaders) keep(msn int64, body string, late []float64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.late = append(r.late, late...)
	if first, known := r.bodies[msn]; !known {
		r.bodies[msn] = body
	} else if first != body {
		r.faults = append(r.faults, fmt.Sprintf("segment %d has two contents", msn))
	}
}

func (r *chunkReaders) fault(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.faults = append(r.faults, fmt.Sprintf(format, args...))
}

func (r *chunkReaders) report(b *testing.B) {
	require.Empty(b, r.faults[:min(len(r.faults), 5)], "%d faults", len(r.faults))
	require.NotEmpty(b, r.late)
	for msn, body := range r.bodies {
		_, _, whole := r.service.get(r.path(msn))
		require.Equal(b, string(whole), body, "segment %d is not what its readers got", msn)
	}
	slices.Sort(r.late)
	b.ReportMetric(percentile(r.late, 50), "p50-ms")
	b.ReportMetric(percentile(r.late, 99), "p99-ms")
	b.ReportMetric(r.late[len(r.late)-1], "max-ms")
	b.ReportMetric(float64(len(r.late)), "chunks")
	b.ReportMetric(0, "ns/op")
}
