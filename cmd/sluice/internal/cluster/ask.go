package cluster

import (
	"context"
	"sync"
	"time"

	"github.com/sluice-live/sluice/public/panics"
)

// repeat does something again and again, with a pause after each time, beside whoever calls it. stop ends that and waits for its end. what names it
// where it fails.
func (n *Node) repeat(ctx context.Context, what string, pause time.Duration, do func(context.Context)) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	panics.Go(n.options.Logger, what, func() {
		defer close(ended)
		panics.Keep(ctx, n.options.Logger, what, func() {
			for ctx.Err() == nil {
				do(ctx)
				select {
				case <-time.After(pause):
				case <-ctx.Done():
				}
			}
		})
	})
	return func() {
		cancel()
		<-ended
	}
}

// askAll asks all of these nodes at once, and returns when each has been asked. what names the question where it fails.
func (n *Node) askAll(ids []string, what string, ask func(id string)) {
	var asking sync.WaitGroup
	for _, id := range ids {
		asking.Go(func() { _ = panics.Contain(n.options.Logger, what, func() { ask(id) }) })
	}
	asking.Wait()
}

// others are all nodes but this one.
func (n *Node) others() (ids []string) {
	for _, m := range n.Members() {
		if m.ID != n.options.ID {
			ids = append(ids, m.ID)
		}
	}
	return ids
}
