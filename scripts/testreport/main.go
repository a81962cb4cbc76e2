// Command testreport reads what `go test -json` prints, of one run or of several one after the other. It prints a line for each
// package as it ends, one for each test that took long, and all that a failed test printed. In the end it names the slowest tests
// and what failed, and counts what passed, failed and was skipped. Its exit status is 1 when something failed or nothing ran.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
)

const (
	slowest  = 10          // tests that are named in the end
	longTest = time.Second // a test that took so long is told when it ends

	reasonLines = 12  // of a failed test's reason that the summary has
	reasonWidth = 300 // characters of each
)

// event is one line of `go test -json` (`go doc test2json`).
type event struct {
	Time       time.Time
	Action     string
	Package    string
	ImportPath string // of build events
	Test       string
	Output     string
	Key        string // of an attribute
}

func main() {
	if len(os.Args) != 1 {
		fmt.Fprintln(os.Stderr, "usage: go test -json … | testreport")
		os.Exit(2)
	}
	r := newReport(os.Stdout)
	r.read(os.Stdin)
	if !r.finish() {
		os.Exit(1)
	}
}

// report collects what the tests did.
type report struct {
	out                     io.Writer
	running                 map[string]*test // by package and name; the package itself has no name
	ended                   []test
	failures                []string
	passed, failed, skipped int
}

// test is one that runs or has run. Of a package it is all that belongs to none of its tests.
type test struct {
	pkg, name string
	begun     time.Time
	took      time.Duration
	output    strings.Builder

	waited   bool      // for its turn
	parts    []span    // when tests below it ran
	queued   bool      // some of them have waited, and it for them
	launched time.Time // when it went on to the next of them, or to wait
}

// span is a time in which something ran.
type span struct{ from, to time.Time }

func newReport(out io.Writer) *report { return &report{out: out, running: map[string]*test{}} }

// read takes all lines. What is no event, such as the words of a script between two runs, passes through.
func (r *report) read(in io.Reader) {
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadBytes('\n')
		var e event
		switch {
		case len(line) == 0:
		case line[0] == '{' && json.Unmarshal(line, &e) == nil && e.Action != "":
			r.take(e)
		default:
			_, _ = r.out.Write(line)
		}
		if err != nil {
			return
		}
	}
}

func (r *report) take(e event) {
	switch e.Action {
	case "build-output":
		r.print("%s", e.Output)
		return
	case "build-fail":
		r.failures = append(r.failures, "build of "+e.ImportPath)
		return
	}
	t := r.of(e)
	switch e.Action {
	case "output":
		t.output.WriteString(e.Output)
	case "pause":
		if above := r.above(t); above != nil {
			above.launched = e.Time
		}
	case "cont":
		t.begun, t.waited = e.Time, true
	case "attr":
		if e.Key == "begun" {
			t.begun, t.waited = e.Time, true
		}
	case "pass", "fail", "skip":
		ran := t.ran(e.Time)
		t.took = total(ran)
		if above := r.above(t); above != nil {
			above.parts = append(above.parts, ran...)
			above.queued = above.queued || t.waited || t.queued
		}
		r.end(t, e.Action)
	}
}

// of is the test that an event belongs to.
func (r *report) of(e event) *test {
	key := e.Package + " " + e.Test
	t := r.running[key]
	if t == nil {
		t = &test{pkg: e.Package, name: e.Test, begun: e.Time}
		r.running[key] = t
	}
	return t
}

// above is the test that has begun this one; nil if none has.
func (r *report) above(t *test) *test {
	i := strings.LastIndex(t.name, "/")
	if i < 0 {
		return nil
	}
	return r.running[t.pkg+" "+t.name[:i]]
}

// ran is when something of the test ran until it ended: not while all that it waited for waited for a turn.
func (t *test) ran(ended time.Time) []span {
	if !t.queued {
		return []span{{t.begun, ended}}
	}
	if t.launched.After(t.begun) {
		return append(t.parts, span{t.begun, t.launched})
	}
	return t.parts
}

// total is how long any of the spans lasted.
func total(spans []span) (sum time.Duration) {
	slices.SortFunc(spans, func(a, b span) int { return a.from.Compare(b.from) })
	var until time.Time
	for _, s := range spans {
		if s.from.Before(until) {
			s.from = until
		}
		if s.to.After(s.from) {
			sum += s.to.Sub(s.from)
			until = s.to
		}
	}
	return sum
}

func (r *report) end(t *test, action string) {
	delete(r.running, t.pkg+" "+t.name)
	switch {
	case t.name == "":
		r.endPackage(t, action)
		return
	case action == "pass":
		r.passed++
	case action == "skip":
		r.skipped++
	default:
		r.failed++
		r.failures = append(r.failures, t.pkg+" "+t.name+reason(t.output.String()))
		r.print("%s", t.output.String())
	}
	if !strings.Contains(t.name, "/") {
		if t.took >= longTest || action == "fail" {
			r.print("%s %s (%.1f s)\n", strings.ToUpper(action), t.name, t.took.Seconds())
		}
		r.ended = append(r.ended, test{pkg: t.pkg, name: t.name, took: t.took})
	}
}

// reason is what the assertions of a failed test said, indented, for who reads the summary alone: in the log of a whole service it is
// hard to find. It is empty when the output has none of testify's.
func reason(output string) string {
	var said strings.Builder
	lines, inside := 0, false
	for line := range strings.Lines(output) {
		text := strings.TrimSpace(line)
		inside = strings.HasPrefix(text, "Error Trace:") || inside && strings.HasPrefix(line, "        ")
		if inside && lines < reasonLines {
			lines++
			fmt.Fprintf(&said, "\n      %.*s", reasonWidth, text)
		}
	}
	return said.String()
}

// endPackage prints the package's own line, and all that it printed beside its tests when it failed.
func (r *report) endPackage(t *test, action string) {
	if action == "fail" {
		if !slices.ContainsFunc(r.failures, func(name string) bool { return strings.HasPrefix(name, t.pkg+" ") }) {
			r.failures = append(r.failures, t.pkg)
		}
		r.endInterrupted(t.pkg)
		r.print("%s", t.output.String())
		return
	}
	for line := range strings.Lines(t.output.String()) {
		if strings.HasPrefix(line, "ok ") || strings.HasPrefix(line, "? ") {
			r.print("%s", line)
		}
	}
}

// endInterrupted fails the tests that had begun when their package came to its end, as one that panics.
func (r *report) endInterrupted(pkg string) {
	for _, t := range r.running {
		if t.pkg == pkg && t.name != "" {
			r.end(t, "fail")
		}
	}
}

func (r *report) print(format string, args ...any) { fmt.Fprintf(r.out, format, args...) }

// finish prints the summary and reports whether all is well.
func (r *report) finish() bool {
	for _, t := range r.running { // the input ended before they did
		r.failures = append(r.failures, strings.TrimSpace(t.pkg+" "+t.name)+" did not end")
	}
	slices.SortStableFunc(r.ended, func(a, b test) int { return int(b.took - a.took) })
	if len(r.ended) > 0 {
		r.print("\nThe slowest tests:\n")
	}
	for _, t := range r.ended[:min(len(r.ended), slowest)] {
		r.print("%7.1f s  %s %s\n", t.took.Seconds(), t.pkg, t.name)
	}
	if len(r.failures) > 0 {
		r.print("\nFailed:\n  %s\n", strings.Join(r.failures, "\n  "))
	}
	r.print("\n%d passed, %d failed", r.passed, max(r.failed, min(len(r.failures), 1)))
	if r.skipped > 0 {
		r.print(", %d skipped", r.skipped)
	}
	r.print("\n")
	return len(r.failures) == 0 && r.passed > 0
}
