package logs

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/transcode"
)

func texts(lines []Line) (all []string) {
	for _, l := range lines {
		all = append(all, l.Level+" "+l.Stream+": "+l.Text)
	}
	return all
}

// The book has what the log has, and what each ffmpeg says though the log leaves that out; no key is in it.
func TestBook(t *testing.T) {
	b := New([]string{"a-long-key", "a-long-key-and-more", "abc"})
	var out strings.Builder
	log := slog.New(b.Beside(slog.NewTextHandler(&out, nil)))
	of := log.With("stream", "cam")
	log.Info("abc begins", "key", "a-long-key-and-more", "url", "https://x/?token=guess&a=b")
	log.Debug("nobody hears this")
	of.Debug("nor this")
	of.Debug(transcode.Says, "line", "frame=1 a-long-key")
	of.Debug(transcode.Says, "line", "[ivf] [warning] late")
	of.WithGroup("g").Warn("slow", "by", 3)
	log.Error("Authorization: Bearer guess")
	lines, newer := b.Since(0)
	require.Equal(t, []string{
		`info : abc begins key=••• url="https://x/?token=•••&a=b"`, "debug cam: frame=1 •••", "warn cam: [ivf] [warning] late", "warn : slow stream=cam g.by=3", `error : Authorization: Bearer •••`,
	}, texts(lines))
	require.Contains(t, out.String(), "slow stream=cam g.by=3")
	require.NotContains(t, out.String(), "frame=1")
	select {
	case <-newer:
		require.Fail(t, "there is nothing newer")
	default:
	}
	log.Info("more")
	<-newer
	more, _ := b.Since(lines[len(lines)-1].ID)
	require.Equal(t, []string{"info : more"}, texts(more))
}

// The book is bounded in each direction.
func TestBookIsBounded(t *testing.T) {
	b := New(nil)
	for n := range serviceLines + 7 {
		b.add(time.Now(), "info", "", fmt.Sprint(n))
	}
	for n := range maxStreams + 3 {
		b.add(time.Now(), "debug", fmt.Sprint("stream ", n), strings.Repeat("é", maxText))
	}
	for n := range streamLines + 1 {
		b.add(time.Now(), "debug", "stream 3", fmt.Sprint(n))
	}
	lines, _ := b.Since(0)
	count := map[string]int{}
	for n, l := range lines {
		count[l.Stream]++
		require.LessOrEqual(t, len(l.Text), maxText+len(" …"))
		require.True(t, n == 0 || l.ID > lines[n-1].ID)
	}
	require.Equal(t, "7", lines[0].Text)
	require.Equal(t, []int{serviceLines, 0, 0, 0, streamLines}, []int{count[""], count["stream 0"], count["stream 1"], count["stream 2"], count["stream 3"]})
	require.Len(t, count, maxStreams+1)
}

// Many may log at once.
func TestBookOfMany(t *testing.T) {
	b := New(nil)
	log := slog.New(b.Beside(slog.NewTextHandler(io.Discard, nil)))
	done := make(chan struct{})
	for n := range 4 {
		go func() {
			defer func() { done <- struct{}{} }()
			for range 50 {
				log.With("stream", fmt.Sprint("s", n)).Info("hello", "from", n)
			}
		}()
	}
	for range 4 {
		<-done
	}
	lines, _ := b.Since(0)
	require.Len(t, lines, 200)
	for _, l := range lines {
		require.Regexp(t, `^hello stream=s(\d) from=(\d)$`, l.Text)
	}
}
