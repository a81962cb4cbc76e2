// Command benchtable reads what `go test -bench` prints, prints it as a table, and writes it as JSON to the file named by
// its only argument. All lines also pass through to standard error, so that progress and failures are seen.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path"
	"strconv"
	"strings"
	"text/tabwriter"
)

// result is one line of a benchmark.
type result struct {
	Package    string   `json:"package"`
	Name       string   `json:"name"`
	Iterations int      `json:"iterations"`
	Metrics    []metric `json:"metrics"`
}

type metric struct {
	Value float64 `json:"value"`
	Unit  string  `json:"unit"`
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: go test -bench … | benchtable FILE.json")
		os.Exit(2)
	}
	results, failed := read(os.Stdin, os.Stderr)
	table(os.Stdout, results)
	text, err := json.MarshalIndent(results, "", "  ")
	if err == nil {
		err = os.WriteFile(os.Args[1], append(text, '\n'), 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "benchtable:", err)
		os.Exit(1)
	}
	if failed {
		os.Exit(1)
	}
}

func read(in io.Reader, through io.Writer) (results []result, failed bool) {
	lines := bufio.NewScanner(in)
	pkg := ""
	for lines.Scan() {
		line := lines.Text()
		fmt.Fprintln(through, line)
		if name, ok := strings.CutPrefix(line, "pkg: "); ok {
			pkg = name
			continue
		}
		if r, ok := parse(pkg, line); ok {
			results = append(results, r)
			continue
		}
		failed = failed || strings.HasPrefix(line, "FAIL") || strings.HasPrefix(line, "--- FAIL")
	}
	return results, failed
}

// parse reads "BenchmarkName-2  100  12.3 ns/op  0 allocs/op".
func parse(pkg, line string) (r result, ok bool) {
	fields := strings.Fields(line)
	if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") {
		return r, false
	}
	iterations, err := strconv.Atoi(fields[1])
	if err != nil {
		return r, false
	}
	r = result{Package: pkg, Name: strings.TrimPrefix(fields[0], "Benchmark"), Iterations: iterations}
	if i := strings.LastIndexByte(r.Name, '-'); i > 0 {
		r.Name = r.Name[:i]
	}
	for i := 2; i+1 < len(fields); i += 2 {
		value, err := strconv.ParseFloat(fields[i], 64)
		if err == nil && !(fields[i+1] == "ns/op" && value == 0) {
			r.Metrics = append(r.Metrics, metric{value, fields[i+1]})
		}
	}
	return r, true
}

func table(out io.Writer, results []result) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	defer w.Flush()
	for _, r := range results {
		fmt.Fprintf(w, "%s\t%s", path.Base(r.Package), r.Name)
		for _, m := range r.Metrics {
			fmt.Fprintf(w, "\t%.4g %s", m.Value, m.Unit)
		}
		fmt.Fprintln(w)
	}
}
