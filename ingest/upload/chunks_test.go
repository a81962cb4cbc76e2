package upload

import (
	"bytes"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/ingest/session"
)

func FuzzChunkQuery(f *testing.F) {
	for _, seed := range []string{"chunk=0&upload=a", "chunk=16&upload=a-_Z&last", "chunk=-1&upload=a", "chunk=9999999999999999999&upload=a", "chunk=1&upload=%2f", "chunk=1;upload=a", ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, query string) {
		q, _ := url.ParseQuery(query) // what can be read of it, as net/http has it
		c, refused := parseChunk(q)
		if refused != nil {
			require.Equal(t, http.StatusBadRequest, refused.Status)
			return
		}
		require.True(t, c.number >= 0 && c.number <= chunkMost)
		require.True(t, len(c.upload) >= 1 && len(c.upload) <= 64)
		require.NotContains(t, c.upload, "/")
	})
}

// assembly puts chunks together without playing them.
func assembly(b *budget) *chunkedUpload {
	config := &Config{Timers: Timers{Idle: time.Hour, Chunk: time.Hour}}
	sess := session.NewDetached(&session.Reservation{Kind: session.KindUpload}, 0)
	u := &chunkedUpload{
		upload: &upload{session: sess, publisher: session.NewPublisher(sess), config: config, budget: b, pipe: newPipe(b)}, last: -1, early: map[int][]byte{},
	}
	u.idle = time.AfterFunc(time.Hour, func() {})
	return u
}

// readAll reads what is in the pipe; holes are single zero bytes.
func readAll(u *chunkedUpload) (all []byte) {
	for {
		b := make([]byte, 64)
		n, err := u.pipe.readPiece(b)
		switch {
		case n > 0:
			all = append(all, b[:n]...)
		case err == errHole:
			all = append(all, 0)
		default:
			return all
		}
	}
}

// In whatever order chunks come, how often, and which are given up: what is read is in order, and nothing stays reserved.
func FuzzChunkOrder(f *testing.F) {
	f.Add([]byte{1, 0, 3, 3, 1, 200, 2, 5})
	f.Add([]byte{0, 1, 2, 15, 16, 17, 201, 4, 250, 5, 6})
	f.Fuzz(func(t *testing.T, steps []byte) {
		b := &budget{limit: 1 << 20}
		u := assembly(b)
		var read []byte
		for _, step := range steps[:min(len(steps), 64)] {
			switch {
			case step == 250:
				u.session.Close(ErrUploaded)
			case step == 251:
				u.pipe.drop(errInterrupted)
			case step >= 200 && step < 225:
				u.giveUp(u.next)
			case step >= 225:
				read = append(read, readAll(u)...)
			default:
				number := int(step % 100)
				piece := bytes.Repeat([]byte{byte(number + 1)}, number%3)
				b.reserve(len(piece))
				kept, duplicate, refused := u.add(chunkRequest{number: number, last: step >= 100}, piece)
				if kept && (duplicate || refused != nil) {
					t.Fatal("kept and refused")
				}
				if !kept {
					b.release(len(piece))
				}
			}
			if a := u.answer(false); len(u.early) > ChunkWindow || len(a.Missing) > ChunkWindow || len(a.Lost) > ChunkWindow+1 {
				t.Fatalf("%d are early, %d missing, %d lost", len(u.early), len(a.Missing), len(a.Lost))
			}
			if held := b.held.Load(); int64(u.pipe.buffered()+u.held) != held {
				t.Fatalf("%d bytes are counted as held", held)
			}
		}
		newest := byte(0)
		for _, number := range append(read, readAll(u)...) {
			if number > 0 && number < newest {
				t.Fatalf("chunk %d after %d", number, newest)
			}
			newest = max(newest, number)
		}
		u.stop()
		u.pipe.drop(errInterrupted)
		require.Zero(t, b.held.Load())
	})
}
