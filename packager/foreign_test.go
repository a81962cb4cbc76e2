package packager

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http/httptest"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// foreignReader is libavformat's HLS demuxer, with which ffplay and mpv read too: ffprobe on a live playlist.
type foreignReader struct {
	mu      sync.Mutex
	reached map[string]float64 // by stream: decode time of the newest packet, seconds
	back    []string           // what went back
	said    []string           // what else was printed
}

// readForeign reads the playlist until the test ends.
func readForeign(t *testing.T, url string) *foreignReader {
	r := &foreignReader{reached: make(map[string]float64)}
	ctx, stop := context.WithCancel(context.Background())
	command := exec.CommandContext(ctx, "ffprobe", "-v", "error", "-show_packets", "-of", "csv", url)
	printed, out := io.Pipe()
	command.Stdout, command.Stderr = out, out
	require.NoError(t, command.Start())
	var done sync.WaitGroup
	done.Go(func() {
		for lines := bufio.NewScanner(printed); lines.Scan(); {
			r.take(lines.Text())
		}
	})
	done.Go(func() { _ = out.CloseWithError(command.Wait()) })
	t.Cleanup(func() {
		stop()
		done.Wait()
	})
	return r
}

// take reads a line: packet, the kind, the stream, PTS and DTS, each in ticks and in seconds, and more.
func (r *foreignReader) take(line string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	fields := strings.Split(line, ",")
	if len(fields) < 7 || fields[0] != "packet" {
		r.said = append(r.said, line)
		return
	}
	stream := fields[1] + " " + fields[2]
	at, err := strconv.ParseFloat(fields[6], 64)
	if err != nil {
		r.said = append(r.said, line)
		return
	}
	if before, known := r.reached[stream]; known && at < before {
		r.back = append(r.back, fmt.Sprintf("%s at %v, after %v", stream, at, before))
	}
	r.reached[stream] = at
}

// waitBeyond waits until all renditions have got so far, and requires that none has gone back.
func (r *foreignReader) waitBeyond(t *testing.T, seconds float64) {
	t.Helper()
	require.Eventually(t, func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		beyond := 0
		for _, at := range r.reached {
			if at > seconds {
				beyond++
			}
		}
		return beyond == len(ladder) || len(r.back) > 0
	}, 2*time.Minute, 10*time.Millisecond, "libavformat stands still: %+v", r)
	require.Empty(t, r.back, "decode times go on")
}

// libavformat reads next from the playlist whose decode time is the lowest. When ffmpeg is killed it reads on of all renditions.
func TestForeignReaderReadsOn(t *testing.T) {
	b := newBench(t, func(o *Options) { o.Window = time.Minute })
	server := httptest.NewServer(b.mux())
	t.Cleanup(server.Close)
	tl, e, enc := b.epoch("cam")
	b.run(e, enc, 4)
	reader := readForeign(t, server.URL+"/live/cam/index.m3u8")
	reader.waitBeyond(t, 5)

	enc.fragments("0", 4) // ffmpeg is killed
	enc.fragments("1", 5)
	enc.fragments("2", 3)
	require.NoError(t, e.End())
	b.clock.Advance(time.Second)
	e, enc = b.next(tl)
	b.run(e, enc, 3)
	reader.waitBeyond(t, e.Offset().Seconds()+3)
	b.run(e, enc, 1)
	require.NoError(t, e.End())
	b.wait(tl, 3*time.Second) // gaps, which ffmpeg takes for segments
	e, enc = b.next(tl)
	b.run(e, enc, 3)
	reader.waitBeyond(t, e.Offset().Seconds()+3)
}
