package ctl

import (
	"cmp"
	"fmt"
	"io"
	"net/url"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/sluice-live/sluice/cmd/sluice/internal/config"
)

// table is rows of words, of which the first is the heading.
type table [][]string

// print prints the table in columns, or a sentence where it has no rows.
func (t table) print(out io.Writer, nothing string) error {
	if len(t) == 1 {
		_, err := io.WriteString(out, nothing+"\n")
		return err
	}
	columns := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, row := range t {
		for i := range row {
			row[i] = plain(row[i])
		}
		fmt.Fprintln(columns, strings.Join(row, "\t"))
	}
	return columns.Flush()
}

// facts prints what is known, one fact a line, and leaves out what is empty.
func facts(out io.Writer, rows [][2]string) error {
	columns := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		if row[1] != "" {
			fmt.Fprintf(columns, "%s\t%s\n", row[0], plain(row[1]))
		}
	}
	return columns.Flush()
}

// plain is text of others without what steers a terminal or breaks a table.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text)
}

func orDash(text string) string { return cmp.Or(text, "–") }

func yesNo(is bool) string {
	if is {
		return "yes"
	}
	return "no"
}

func words[T ~string](list []T) string {
	var all []string
	for _, one := range list {
		all = append(all, string(one))
	}
	return strings.Join(all, ", ")
}

// bitrate writes bit/s.
func bitrate(bits float64) string {
	switch {
	case bits <= 0:
		return "–"
	case bits < 999_500:
		return fmt.Sprintf("%.0f kbit/s", bits/1e3)
	}
	return fmt.Sprintf("%.2f Mbit/s", bits/1e6)
}

func size(bytes int64) string {
	for _, unit := range []string{"bytes", "KiB", "MiB"} {
		if bytes < 10<<10 {
			return fmt.Sprintf("%d %s", bytes, unit)
		}
		bytes >>= 10
	}
	return fmt.Sprintf("%d GiB", bytes)
}

func milliseconds(seconds float64) string {
	if seconds <= 0 {
		return "–"
	}
	return fmt.Sprintf("%.0f ms", 1000*seconds)
}

// seconds writes a duration.
func seconds(s float64) string {
	return config.FormatDuration(time.Duration(s * float64(time.Second)).Round(time.Second))
}

// age is how long something has been.
func age(since time.Time) string { return seconds(time.Since(since).Seconds()) }

func when(at time.Time) string { return at.Local().Format("2006-01-02 15:04:05") }

// origin is the beginning of addresses whose paths the service tells.
func (c *connection) origin() string {
	base, err := url.Parse(c.base)
	if err != nil {
		return c.base // which has been parsed before
	}
	return base.Scheme + "://" + base.Host
}
