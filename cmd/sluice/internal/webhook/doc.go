// Package webhook tells other servers what happens, by POST requests with a signed body in JSON: Standard Webhooks 1.0.0
// (https://github.com/standard-webhooks/standard-webhooks, spec/standard-webhooks.md). An event is told at least once to every target that
// wants it; what it is about, a stream or a room, has its events in their order, and is not held up by what else is told again.
//
// [Hooks.Tell] takes an event and returns at once, whatever locks its caller holds. Behind it each target has a queue in memory, which is
// bounded, and a journal of it on the disk, from which the next start goes on. What the disk does not take is told all the same.
//
// Hooks.Run owns the goroutines: one that hands events to the queues, and for each target one that begins requests, one that writes the
// journal, and one for each request under way. It does not decide what an event is: its owner says so.
package webhook
