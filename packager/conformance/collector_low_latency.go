package conformance

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sluice-live/sluice/packager/dash"
)

// follow keeps up with every media playlist that the multivariant playlist lists by now, until they end.
func (c *Collector) follow(ctx context.Context) {
	index := c.playlist(ctx, c.Base+"index.m3u8")
	if index == nil {
		return
	}
	var g errgroup.Group
	for _, name := range index.renditions() {
		g.Go(func() error {
			c.followPlaylist(ctx, name)
			return nil
		})
	}
	_ = g.Wait()
}

// followPlaylist asks for each version before it is there, like a player at the live edge, sometimes as a delta update
// first, and takes parts, the hinted one now and then, and segments.
func (c *Collector) followPlaylist(ctx context.Context, name string) {
	p := c.playlist(ctx, name)
	for round := 0; p != nil && p.live() && p.lowLatency(); round++ {
		c.takeSegments(ctx, p)
		p.eachPart(func(s segment, _ place, part part) {
			if !part.gap {
				c.once(ctx, s.init)
				c.once(ctx, part.uri)
			}
		})
		if round%5 == 2 {
			for _, hint := range p.hints {
				if hint["TYPE"] == "PART" {
					c.once(ctx, p.visit.resolve(hint["URI"]))
				}
			}
		}
		query := fmt.Sprintf("%s?_HLS_msn=%d&_HLS_part=%d", name, p.end(), len(p.tail.parts))
		if round%5 == 4 {
			c.get(ctx, query+"&_HLS_skip=YES")
		}
		p = c.playlist(ctx, query)
	}
	if p != nil {
		c.takeSegments(ctx, p)
	}
}

// roundGrowing takes of each representation the segment that has just become available, as it grows.
func (c *Collector) roundGrowing(ctx context.Context) {
	v, err := c.fetch(ctx, c.Base+"manifest.mpd") // another visit would be out of order with those of roundDASH
	if err != nil || v.Status != http.StatusOK {
		return
	}
	mpd, err := dash.Parse(v.Body)
	if err != nil || mpd.Type != dash.Dynamic {
		return
	}
	m := newManifest(mpd, &v)
	var g errgroup.Group
	m.each(func(s stream) {
		now := time.Since(mpd.AvailabilityStartTime)
		slots := s.slots(now)
		offset := m.low.offset(s.representation.ID)
		if len(slots) == 0 || offset <= 0 || s.period.Duration > 0 {
			return
		}
		newest := slots[len(slots)-1]
		if s.end(newest)-offset <= now {
			g.Go(func() error {
				c.once(ctx, s.urls()(newest.number))
				return nil
			})
		}
	})
	_ = g.Wait()
}
