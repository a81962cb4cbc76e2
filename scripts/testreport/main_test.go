package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestReport(t *testing.T) {
	for name, c := range map[string]struct {
		events []string
		prints []string
		not    string
		well   bool
	}{
		"all pass": {
			events: []string{
				`{"Time":"2026-01-01T10:00:00Z","Action":"start","Package":"a/b"}`,
				`{"Time":"2026-01-01T10:00:00Z","Action":"run","Package":"a/b","Test":"TestOne"}`,
				`{"Time":"2026-01-01T10:00:01Z","Action":"output","Package":"a/b","Test":"TestOne","Output":"secret\n"}`,
				`{"Time":"2026-01-01T10:00:30Z","Action":"attr","Package":"a/b","Test":"TestOne","Key":"begun","Value":""}`,
				`{"Time":"2026-01-01T10:00:32.5Z","Action":"pass","Package":"a/b","Test":"TestOne"}`,
				`{"Time":"2026-01-01T10:00:33Z","Action":"skip","Package":"a/b","Test":"TestTwo"}`,
				`{"Time":"2026-01-01T10:00:33Z","Action":"output","Package":"a/b","Output":"ok  \ta/b\t33.0s\n"}`,
				`{"Time":"2026-01-01T10:00:33Z","Action":"pass","Package":"a/b"}`,
			},
			prints: []string{"PASS TestOne (2.5 s)\n", "ok  \ta/b\t33.0s\n", "    2.5 s  a/b TestOne\n", "\n1 passed, 0 failed, 1 skipped\n"},
			not:    "secret",
			well:   true,
		},
		"parts wait for their turns": {
			events: []string{
				`{"Time":"2026-01-01T10:00:00Z","Action":"run","Package":"a","Test":"TestMany"}`,
				`{"Time":"2026-01-01T10:00:01Z","Action":"run","Package":"a","Test":"TestMany/one"}`,
				`{"Time":"2026-01-01T10:00:01Z","Action":"pause","Package":"a","Test":"TestMany/one"}`,
				`{"Time":"2026-01-01T10:00:01Z","Action":"run","Package":"a","Test":"TestMany/two"}`,
				`{"Time":"2026-01-01T10:00:02Z","Action":"pause","Package":"a","Test":"TestMany/two"}`,
				`{"Time":"2026-01-01T10:00:02Z","Action":"cont","Package":"a","Test":"TestMany/one"}`,
				`{"Time":"2026-01-01T10:00:02Z","Action":"cont","Package":"a","Test":"TestMany/two"}`,
				`{"Time":"2026-01-01T10:01:00Z","Action":"attr","Package":"a","Test":"TestMany/one","Key":"begun","Value":""}`,
				`{"Time":"2026-01-01T10:01:02Z","Action":"attr","Package":"a","Test":"TestMany/two","Key":"begun","Value":""}`,
				`{"Time":"2026-01-01T10:01:03Z","Action":"pass","Package":"a","Test":"TestMany/one"}`,
				`{"Time":"2026-01-01T10:01:05Z","Action":"pass","Package":"a","Test":"TestMany/two"}`,
				`{"Time":"2026-01-01T10:01:05Z","Action":"pass","Package":"a","Test":"TestMany"}`,
				`{"Time":"2026-01-01T10:01:05Z","Action":"run","Package":"a","Test":"TestInTurn"}`,
				`{"Time":"2026-01-01T10:01:05Z","Action":"run","Package":"a","Test":"TestInTurn/part"}`,
				`{"Time":"2026-01-01T10:01:06Z","Action":"pass","Package":"a","Test":"TestInTurn/part"}`,
				`{"Time":"2026-01-01T10:01:09Z","Action":"pass","Package":"a","Test":"TestInTurn"}`,
			},
			prints: []string{"    7.0 s  a TestMany\n", "    4.0 s  a TestInTurn\n"},
			well:   true,
		},
		"a part fails": {
			events: []string{
				`== a word of a script`,
				`{"Time":"2026-01-01T10:00:00Z","Action":"run","Package":"a","Test":"TestOne"}`,
				`{"Time":"2026-01-01T10:00:00Z","Action":"run","Package":"a","Test":"TestOne/part"}`,
				`{"Time":"2026-01-01T10:00:01Z","Action":"output","Package":"a","Test":"TestOne/part","Output":"the reason\n"}`,
				`{"Time":"2026-01-01T10:00:02Z","Action":"fail","Package":"a","Test":"TestOne/part"}`,
				`{"Time":"2026-01-01T10:00:02Z","Action":"fail","Package":"a","Test":"TestOne"}`,
				`{"Time":"2026-01-01T10:00:02Z","Action":"fail","Package":"a"}`,
			},
			prints: []string{"== a word of a script\n", "the reason\n", "FAIL TestOne (2.0 s)\n", "Failed:\n  a TestOne/part\n  a TestOne\n", "\n0 passed, 2 failed\n"},
		},
		"an assertion": {
			events: []string{
				`{"Time":"2026-01-01T10:00:00Z","Action":"run","Package":"a","Test":"TestOne"}`,
				`{"Time":"2026-01-01T10:00:01Z","Action":"output","Package":"a","Test":"TestOne","Output":"    one_test.go:7: \n"}`,
				`{"Time":"2026-01-01T10:00:01Z","Action":"output","Package":"a","Test":"TestOne","Output":"        \tError Trace:\tone_test.go:7\n"}`,
				`{"Time":"2026-01-01T10:00:01Z","Action":"output","Package":"a","Test":"TestOne","Output":"        \tError:      \tShould be true\n"}`,
				`{"Time":"2026-01-01T10:00:01Z","Action":"output","Package":"a","Test":"TestOne","Output":"    one_test.go:9: what it logged\n"}`,
				`{"Time":"2026-01-01T10:00:02Z","Action":"fail","Package":"a","Test":"TestOne"}`,
				`{"Time":"2026-01-01T10:00:02Z","Action":"fail","Package":"a"}`,
			},
			prints: []string{"Failed:\n  a TestOne\n      Error Trace:\tone_test.go:7\n      Error:      \tShould be true\n\n0 passed, 1 failed\n"},
		},
		"a panic": {
			events: []string{
				`{"Time":"2026-01-01T10:00:00Z","Action":"pass","Package":"a","Test":"TestWell"}`,
				`{"Time":"2026-01-01T10:00:00Z","Action":"run","Package":"a","Test":"TestOne"}`,
				`{"Time":"2026-01-01T10:00:01Z","Action":"output","Package":"a","Output":"panic: no\n"}`,
				`{"Time":"2026-01-01T10:00:02Z","Action":"fail","Package":"a"}`,
			},
			prints: []string{"panic: no\n", "  a TestOne\n", "\n1 passed, 1 failed\n"},
		},
		"no build": {
			events: []string{
				`{"ImportPath":"a [a.test]","Action":"build-output","Output":"undefined: x\n"}`,
				`{"ImportPath":"a [a.test]","Action":"build-fail"}`,
				`{"Time":"2026-01-01T10:00:02Z","Action":"pass","Package":"b","Test":"TestOne"}`,
			},
			prints: []string{"undefined: x\n", "  build of a [a.test]\n", "\n1 passed, 1 failed\n"},
		},
		"cut off": {
			events: []string{
				`{"Time":"2026-01-01T10:00:00Z","Action":"pass","Package":"a","Test":"TestWell"}`,
				`{"Time":"2026-01-01T10:00:00Z","Action":"run","Package":"a","Test":"TestOne"}`,
			},
			prints: []string{"  a TestOne did not end\n", "\n1 passed, 1 failed\n"},
		},
		"nothing ran": {prints: []string{"\n0 passed, 0 failed\n"}},
	} {
		t.Run(name, func(t *testing.T) {
			var printed strings.Builder
			r := newReport(&printed)
			r.read(strings.NewReader(strings.Join(c.events, "\n") + "\n"))
			require.Equal(t, c.well, r.finish())
			for _, text := range c.prints {
				require.Contains(t, printed.String(), text)
			}
			if c.not != "" {
				require.NotContains(t, printed.String(), c.not)
			}
		})
	}
}
