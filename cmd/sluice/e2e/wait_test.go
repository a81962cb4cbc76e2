package e2e

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	// patience is how long anything may take, also beside a program that keeps a core busy: only a defect meets it.
	patience = 2 * time.Minute
	// lookEvery is the pause between two looks at what is waited for.
	lookEvery = 100 * time.Millisecond
)

// eventually waits until a condition is met. It is looked at in the test's own goroutine, so that it may fail the test, and may
// take as long as it needs. A part of the message that is a func() string is asked when the wait was in vain.
func eventually(t testing.TB, met func() bool, message ...any) {
	t.Helper()
	for end := time.Now().Add(patience); !met(); lapse(lookEvery) {
		if time.Now().After(end) {
			for i, part := range message {
				if describe, ok := part.(func() string); ok {
					message[i] = describe()
				}
			}
			require.Fail(t, "The condition is not met after "+patience.String(), message...)
		}
	}
}

// lapse lets time pass: a fault lasts so long, a publisher is away so long, or what is measured goes on so long. What can be
// waited for is waited for with eventually.
func lapse(d time.Duration) { <-time.After(d) }

// each checks several at the same time.
func each[T any](t testing.TB, all []T, check func(T)) {
	t.Helper()
	var checks sync.WaitGroup
	for _, one := range all {
		checks.Go(func() { check(one) })
	}
	checks.Wait()
	if t.Failed() {
		t.FailNow()
	}
}
