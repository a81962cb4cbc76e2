package ingest

import (
	"crypto/rand"
	"fmt"
	"sync"
	"testing"
	"time"
)

// BenchmarkRoom forwards among participants who each send 1.5 Mbit/s, what browsers make of 640x480, for a second in each iteration. The server
// is a process of its own, whose CPU is counted alone.
func BenchmarkRoom(b *testing.B) {
	f := newFarFixture(b)
	for _, participants := range []int{3, 6, 9} {
		b.Run(fmt.Sprintf("participants=%d", participants), func(b *testing.B) {
			benchmarkRoom(b, &fixture{TB: b, url: f.url, client: f.client}, participants)
		})
	}
}

func benchmarkRoom(b *testing.B, f *fixture, participants int) {
	path := "/rooms/" + rand.Text()
	var guests []*guest
	var sources []*source
	for i := range participants {
		g := f.enter(guestOptions{path: path, name: fmt.Sprintf("Guest %d", i)})
		g.waitConnected()
		guests = append(guests, g)
		sources = append(sources, &source{peer: g.peer, began: time.Now(), pace: 2.5})
	}
	sendSecond := func() {
		var sending sync.WaitGroup
		for _, s := range sources {
			sending.Go(s.sendSecond)
		}
		sending.Wait()
	}
	sendSecond()
	count := func() (n uint64) {
		for _, g := range guests {
			n += g.received.Load()
		}
		return n
	}
	sendSecond()
	before, used, seconds := count(), f.processTime(), time.Duration(0)
	for b.Loop() {
		start := time.Now()
		sendSecond()
		seconds += time.Since(start)
	}
	cores := (f.processTime() - used).Seconds() / seconds.Seconds()
	sent := b.N * participants * (participants - 1) * fanOutFrames * fanOutPackets
	b.ReportMetric(100*cores/float64(participants), "%core/participant")
	b.ReportMetric(float64(participants)/cores, "participants/core")
	b.ReportMetric(float64(count()-before)/float64(sent), "received")
}
