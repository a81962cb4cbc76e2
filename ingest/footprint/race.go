//go:build race

package footprint

// raced is whether the race detector runs, which keeps its notes of memory that has been given back.
const raced = true
